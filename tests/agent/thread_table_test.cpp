#include "agent/internal/thread_table.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>

#include "segment_in_memory.hpp"

using namespace leakline;
using namespace leakline::agent;

namespace {

constexpr SegmentSizes kSizes{16, 16, 16, 16, 16, 16, 16, 0, 16, 4};
constexpr std::uint32_t kEnded = 1u << 30;  // no thread has this number

std::uint32_t stack_of(const test::SegmentInMemory& memory, std::uint32_t id) {
    for (std::uint32_t i = 0; i < memory.view.header->threads_used; ++i)
        if (memory.view.threads[i].id == id && memory.view.threads[i].stack != 0) return memory.view.threads[i].stack - 1;
    return 0;
}

}  // namespace

TEST_CASE("a thread is known until it is joined, or until its handle belongs to another") {
    test::SegmentInMemory memory(kSizes);
    const auto table = std::make_unique<ThreadTable>();
    table->begin(memory.view, true);
    CHECK(table->add(11, 101, 7, false));
    CHECK(table->add(12, 102, 8, false));
    table->remove(11);
    CHECK(stack_of(memory, 101) == 0);
    CHECK(table->add(12, 103, 9, false));
    CHECK(stack_of(memory, 102) == 0);
    CHECK(stack_of(memory, 103) == 9);
    CHECK(memory.view.header->threads_used == 2);
    table->remove(99);  // not known
}

TEST_CASE("when the table is full, threads that were detached and have ended give way, and no others") {
    test::SegmentInMemory memory(kSizes);
    const auto table = std::make_unique<ThreadTable>();
    table->begin(memory.view, true);
    const auto self = static_cast<std::uint32_t>(::gettid());
    CHECK(table->add(1, self, 1, true));
    CHECK(table->add(2, kEnded, 2, false));
    CHECK(table->add(3, kEnded + 1, 3, true));
    CHECK(table->add(4, kEnded + 2, 4, false));
    table->detach(4);
    CHECK(table->add(5, kEnded + 3, 5, false));
    CHECK(table->add(6, kEnded + 4, 6, false));
    CHECK_FALSE(table->add(7, kEnded + 5, 7, false));
    CHECK_FALSE(table->add(8, kEnded + 6, 8, false));
    for (const std::uint32_t id : {self, kEnded, kEnded + 3, kEnded + 4}) CHECK(stack_of(memory, id) != 0);
}
