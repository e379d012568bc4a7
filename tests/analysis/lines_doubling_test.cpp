#include <doctest/doctest.h>

#include <bit>

#include "analysis/lines/internal/growth.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

using Values = std::vector<double>;

// A vector of 24-byte elements that grows at `rate` elements per unit of x until it holds `bound`, seen at
// steps of `every` up to `end`.
std::optional<Doubling> vector_of(double rate, double every, double end, double window_begin, double bound = 1e18) {
    Values x, bytes, blocks;
    std::size_t first = 0;
    for (double at = 0; at <= end + 1e-9; at += every) {
        const double elements = std::min(rate * at, bound);
        if (at <= window_begin + 1e-9) first = x.size();
        x.push_back(at);
        bytes.push_back(elements < 1 ? 0 : 24.0 * static_cast<double>(std::bit_ceil(static_cast<std::uint64_t>(elements))));
        blocks.push_back(elements < 1 ? 0 : 1);
    }
    return find_doubling(x, bytes, blocks, first);
}

}  // namespace

TEST_CASE("a vector that leaks 24 bytes an append is found with one live block, at its amortized rate") {
    const auto doubling = vector_of(1000, 0.25, 8, 1);
    REQUIRE(doubling);
    CHECK(doubling->steady);
    CHECK_FALSE(doubling->stopped);
    CHECK(doubling->payload_bytes.low == 24 * 4096);
    CHECK(doubling->payload_bytes.high == 24 * 8192);
    CHECK(doubling->rate.low <= 24'000);
    CHECK(doubling->rate.high >= 24'000);
    CHECK(doubling->rate.high - doubling->rate.low < 12'000);
}

TEST_CASE("the bounds hold the true payload and rate whatever the window, one or no step in it included") {
    int steady = 0, all = 0;
    for (double rate : {130.0, 200.0, 333.0, 500.0, 777.0, 1000.0}) {
        for (double end : {6.0, 7.0, 8.0, 9.0, 10.0}) {
            for (double begin : {1.0, 3.0, 5.0}) {
                const auto doubling = vector_of(rate, 0.2, end, begin);
                CAPTURE(rate);
                CAPTURE(end);
                CAPTURE(begin);
                REQUIRE(doubling);
                CHECK_FALSE(doubling->stopped);
                CHECK(doubling->payload_bytes.low <= 24 * rate * end);
                CHECK(doubling->payload_bytes.high >= 24 * rate * end);
                CHECK(doubling->rate.low <= 24 * rate * 1.001);
                CHECK(doubling->rate.high >= 24 * rate * 0.999);
                ++all;
                if (doubling->steady) ++steady;
            }
        }
    }
    CHECK(steady * 10 >= all * 9);
}

TEST_CASE("a vector that stopped growing is recognized by the step that did not come") {
    for (double bound : {600.0, 1000.0, 1500.0, 2000.0}) {
        const auto doubling = vector_of(500, 0.25, 9, 1, bound);
        REQUIRE(doubling);
        CAPTURE(bound);
        CHECK(doubling->stopped);
        CHECK_FALSE(doubling->steady);
    }
}

TEST_CASE("many blocks, falling sizes and growth by addition are no doubling") {
    const Values x = {0, 1, 2, 3, 4, 5};
    CHECK_FALSE(find_doubling(x, Values{0, 100, 200, 400, 800, 1600}, Values{0, 1, 2, 4, 8, 16}, 1));
    CHECK_FALSE(find_doubling(x, Values{0, 100, 200, 100, 200, 100}, Values{0, 1, 1, 1, 1, 1}, 1));
    CHECK_FALSE(find_doubling(x, Values{0, 1000, 1100, 1200, 1300, 1400}, Values{0, 1, 1, 1, 1, 1}, 1));
    CHECK_FALSE(find_doubling(x, Values{0, 100, 100, 100, 100, 100}, Values{0, 1, 1, 1, 1, 1}, 1));
}

TEST_CASE("an arena that takes ever larger blocks is found as a container that doubles is, and so is its end") {
    // std::pmr::monotonic_buffer_resource: each block is half as large again as the one before.
    const auto arena_of = [](double bytes_per_x, double end, double bound) {
        Values x, bytes, blocks;
        for (double at = 0; at <= end + 1e-9; at += 0.25) {
            double taken = 0, block = 1 << 20, count = 0;
            for (const double used = std::min(bytes_per_x * at, bound); taken < used; block *= 1.5, ++count) taken += block;
            x.push_back(at);
            bytes.push_back(taken);
            blocks.push_back(count);
        }
        return find_doubling(x, bytes, blocks, 4);
    };
    const auto grows = arena_of(2e7, 20, 1e18);
    REQUIRE(grows);
    CHECK(grows->steady);
    CHECK(grows->rate.low <= 2e7);
    CHECK(grows->rate.high >= 2e7);
    CHECK(grows->rate.high < 1.5 * grows->rate.low);
    const auto full = arena_of(2e7, 20, 8e7);
    REQUIRE(full);
    CHECK(full->stopped);
    // The estimate of the small blocks at the start changes with the sampling interval.
    CHECK(find_doubling(Values{0, 1, 2, 3, 4, 5}, Values{0, 1000, 1500, 1495, 2245, 3370}, Values{0, 9, 10, 14, 15, 16}, 1));
    // Blocks that are freed, or that do not come with the bytes, are no arena's.
    CHECK_FALSE(find_doubling(Values{0, 1, 2, 3, 4}, Values{0, 100, 150, 225, 340}, Values{0, 1, 3, 2, 3}, 1));
    CHECK_FALSE(find_doubling(Values{0, 1, 2, 3, 4}, Values{0, 100, 150, 225, 340}, Values{0, 1, 2, 2, 3}, 1));
}
