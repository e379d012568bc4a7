#include "agent/internal/descriptor_table.hpp"

#include <doctest/doctest.h>

#include "segment_in_memory.hpp"

using namespace leakline;
using namespace leakline::agent;

TEST_CASE("a descriptor has the stack that opened its number last, until it is closed; numbers beyond the table have none") {
    constexpr SegmentSizes kSizes{16, 16, 16, 16, 16, 16, 16, 0, 64};
    test::SegmentInMemory memory(kSizes);
    DescriptorTable table;
    table.begin(memory.view, true);
    CHECK(table.used() == 0);
    CHECK(table.put(5, 0));  // stack 0: none is known
    CHECK(table.put(63, 7));
    CHECK_FALSE(table.put(64, 7));
    CHECK(table.used() == 64);
    CHECK(table.has(5));
    CHECK_FALSE(table.has(6));
    CHECK_FALSE(table.has(64));
    CHECK(memory.view.descriptors[63] == 8);
    CHECK(table.put(63, 9));
    CHECK(memory.view.descriptors[63] == 10);
    table.clear(63);
    CHECK_FALSE(table.has(63));
}

TEST_CASE("without more memory, only the numbers that have a place already are kept") {
    constexpr SegmentSizes kSizes{16, 16, 16, 16, 16, 16, 16, 0, 1u << 16};
    test::SegmentInMemory memory(kSizes);
    DescriptorTable table;
    table.begin(memory.view, false);
    table.last_request(kPage);
    CHECK(table.put(3, 1));
    CHECK_FALSE(table.put(60'000, 1));
    CHECK_FALSE(table.has(60'000));
}
