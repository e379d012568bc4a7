#include "heap/internal/live_blocks.hpp"

#include <doctest/doctest.h>

#include <random>
#include <unordered_map>
#include <vector>

using leakline::heap::LiveBlocks;

TEST_CASE("live blocks agree with a standard map over a million seeded operations") {
    std::mt19937_64 random(7);
    LiveBlocks blocks;
    std::unordered_map<std::uint64_t, LiveBlocks::Block> expected;
    bool same = true;
    for (int i = 0; i < 1'000'000; ++i) {
        // Few addresses, close together, so that they collide, repeat and wrap around the table's end.
        const std::uint64_t address = (random() % 60000 + 1) * 16;
        LiveBlocks::Block seen;
        if (random() % 2 == 0) {
            const LiveBlocks::Block block{random() % 10 == 0 ? random() >> 17 : random() % 5000,
                                          static_cast<std::uint32_t>(random() % 1000 + 1)};
            const auto known = expected.find(address);
            const bool taken = blocks.insert(address, block, seen);
            same = same && taken == (known != expected.end());
            if (taken) same = same && seen.size == known->second.size && seen.trace == known->second.trace;
            expected[address] = block;
        } else {
            const auto known = expected.find(address);
            const bool removed = blocks.remove(address, seen);
            same = same && removed == (known != expected.end());
            if (removed) {
                same = same && seen.size == known->second.size && seen.trace == known->second.trace;
                expected.erase(known);
            }
        }
        if (!same) break;
    }
    CHECK(same);
    CHECK(blocks.size() == expected.size());
}

TEST_CASE("a block of more than 4 GiB keeps its size") {
    LiveBlocks blocks;
    LiveBlocks::Block block;
    const std::uint64_t size = (std::uint64_t{5} << 32) + 3;
    CHECK_FALSE(blocks.insert(0x1000, {size, 2}, block));
    CHECK(blocks.insert(0x1000, {8, 3}, block));
    CHECK(block.size == size);
    REQUIRE(blocks.remove(0x1000, block));
    CHECK(block.size == 8);
}
