#include "agent/internal/sample_table.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "agent/internal/probability.hpp"
#include "segment_in_memory.hpp"

using namespace leakline;
using namespace leakline::agent;

namespace {

constexpr SegmentSizes kSizes{1u << 12, 1u << 8, 1u << 8, 1u << 6, 1u << 12, 16, 4096};

void* pointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

TEST_CASE("the table holds what a map holds, through any order of insertions and removals") {
    for (const std::uint64_t interval : {std::uint64_t{1}, std::uint64_t{65536}}) {
        CAPTURE(interval);
        test::SegmentInMemory memory(kSizes, interval);
        auto filter = std::make_unique<AddressFilter>();
        SampleTable table;
        table.begin(memory.view, *filter, interval == 1, false);
        std::map<std::uint64_t, std::uint64_t> model;
        std::mt19937_64 random(7);
        for (int step = 0; step < 200'000; ++step) {
            // Few places of the filter, each with several addresses.
            const std::uint64_t address = ((random() % 64) << 4) | ((random() % 32) << 22) | 0x7f0000000000;
            if (model.contains(address)) {
                SampledBlock block;
                REQUIRE(table.remove(address, block));
                CHECK(block.size == model[address]);
                model.erase(address);
            } else if (random() % 3 != 0) {
                const std::uint64_t size = random() % 5000;
                REQUIRE(table.insert({address, size, 1, 2}));
                model[address] = size;
            } else {
                SampledBlock block;
                CHECK_FALSE(table.remove(address, block));
            }
        }
        for (const auto& [address, size] : model) CHECK(filter->may_be_sample(pointer(address)));
        if (interval == 1) continue;
        // A place with nothing in it has no bit: the next free of it costs nothing.
        for (const auto& [address, size] : std::map(model)) {
            SampledBlock block;
            table.remove(address, block);
        }
        for (std::uint64_t i = 0; i < 1u << 18; ++i) REQUIRE_FALSE(filter->may_be_sample(pointer(i << 4)));
        CHECK(memory.view.header->live_bytes == 0);
    }
}

TEST_CASE("a full table takes no more, and goes on when there is room again") {
    test::SegmentInMemory memory(kSizes, 65536);
    auto filter = std::make_unique<AddressFilter>();
    SampleTable table;
    table.begin(memory.view, *filter, false, false);
    for (std::uint64_t i = 1; i <= kSizes.samples; ++i) REQUIRE(table.insert({i << 4, 16, 0, 0}));
    CHECK_FALSE(table.insert({0x100000, 16, 0, 0}));
    SampledBlock block;
    REQUIRE(table.remove(16, block));
    CHECK(table.insert({0x100000, 16, 0, 0}));
}

TEST_CASE("a doubling of the interval keeps the estimate: what stays is a sample at the new interval") {
    constexpr int kTrials = 300;
    constexpr std::uint64_t kInterval = 4096;
    double before = 0, after = 0, variance = 0;
    std::uint64_t random = 0x9e3779b97f4a7c15;
    for (int trial = 0; trial < kTrials; ++trial) {
        test::SegmentInMemory memory(kSizes, kInterval);
        auto filter = std::make_unique<AddressFilter>();
        SampleTable table;
        table.begin(memory.view, *filter, false, false);
        std::mt19937_64 sizes(static_cast<std::uint64_t>(trial));
        // Three quarters full: the next one thins.
        for (std::uint64_t i = 0; i < kSizes.samples / 4 * 3; ++i) {
            const std::uint64_t size = std::uint64_t{16} << sizes() % 10;
            REQUIRE(table.insert({(i + 1) << 4, size, 0, 0}));
            before += static_cast<double>(size) / sampling_probability(size, kInterval);
        }
        table.thin_when_needed(random, {0, 1});
        const SamplingState state = SamplingState::unpacked(memory.view.header->sampling);
        REQUIRE(state.interval == 2 * kInterval);
        REQUIRE(state.thinned == SamplingState::kAllThinned);
        for (std::uint32_t i = 0; i < memory.view.header->samples_used; ++i) {
            const Sample& sample = memory.view.samples[i];
            if (sample.number == 0) continue;
            const auto size = static_cast<double>(sample.size);
            const double p0 = sampling_probability(sample.size, kInterval), p1 = sampling_probability(sample.size, 2 * kInterval);
            after += size / p1;
            variance += size * size / (p1 * p1) * (1 - p1 / p0);
            CHECK(filter->may_be_sample(pointer(sample.address)));
        }
        table.thin_when_needed(random, {0, 1});  // half empty by now: nothing to do
        CHECK(SamplingState::unpacked(memory.view.header->sampling).interval == 2 * kInterval);
    }
    CHECK(std::abs(after - before) < 5 * std::sqrt(variance));
    CHECK(after / before == doctest::Approx(1).epsilon(0.01));
}

TEST_CASE("after a doubling of the interval, kept samples are found by address, dropped ones are not, and no bit of them stays set") {
    for (const std::uint64_t interval : {std::uint64_t{1}, std::uint64_t{4096}}) {
        CAPTURE(interval);
        test::SegmentInMemory memory(kSizes, interval);
        auto filter = std::make_unique<AddressFilter>();
        SampleTable table;
        table.begin(memory.view, *filter, interval == 1, false);
        std::vector<std::uint64_t> addresses;
        // Several addresses for each bit of the filter.
        for (std::uint64_t i = 0; i < kSizes.samples / 4 * 3; ++i) addresses.push_back(((i % 1024) << 4) | (i / 1024 + 1) << 22);
        for (const std::uint64_t address : addresses) REQUIRE(table.insert({address, 16, 1, 2}));
        std::uint64_t random = 1;
        table.thin_when_needed(random, {0, 1});
        REQUIRE(SamplingState::unpacked(memory.view.header->sampling).interval == 2 * interval);
        std::size_t live = 0, kept = 0;
        for (std::uint32_t i = 0; i < memory.view.header->samples_used; ++i) live += memory.view.samples[i].number != 0;
        for (const std::uint64_t address : addresses) {
            SampledBlock block;
            const bool may_be = filter->may_be_sample(pointer(address));
            if (!table.remove(address, block)) continue;
            ++kept;
            CHECK(may_be);
            CHECK(block.address == address);
            CHECK(block.size == 16);
        }
        CHECK(kept == live);
        CHECK(kept > 0);
        CHECK(kept < addresses.size());
        CHECK(memory.view.header->live_bytes == 0);
        // Dropped entries are free again.
        for (std::uint64_t i = 1; i <= kSizes.samples; ++i) REQUIRE(table.insert({i << 30, 16, 0, 0}));
        if (interval == 1) continue;
        for (std::uint64_t i = 1; i <= kSizes.samples; ++i) {
            SampledBlock block;
            REQUIRE(table.remove(i << 30, block));
        }
        for (std::uint64_t i = 0; i < 1u << AddressFilter::kBits; ++i) REQUIRE_FALSE(filter->may_be_sample(pointer(i << 4)));
    }
}

TEST_CASE("the interval doubles while more blocks are sampled than the budget has, and not where samples are few or rare") {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    struct Case {
        std::uint64_t calls, ns;  // for a thousand samples
        bool doubles;
        std::uint64_t interval = 16;
    };
    for (const Case& each : {Case{2'000, kSecond / 10, true}, Case{200'000, kSecond / 10, false}, Case{2'000, kSecond, false},
                             Case{2'000, kSecond / 10, false, SampleBudget::kLargest}}) {
        const auto& [calls, ns, doubles, interval] = each;
        CAPTURE(each.calls);
        CAPTURE(each.ns);
        test::SegmentInMemory memory(kSizes, interval);
        auto filter = std::make_unique<AddressFilter>();
        SampleTable table;
        table.begin(memory.view, *filter, false, false);
        SegmentHeader& header = *memory.view.header;
        std::uint64_t random = 1, now = 1;
        header.sampled = SampleBudget::kFree - 1;
        table.thin_when_needed(random, {100, now});
        for (std::uint64_t sample = 0; sample < 1024; ++sample) {
            header.sampled = SampleBudget::kFree + sample;
            header.allocations_q8 = 256 * calls * sample / 1000;
            now += ns / 1000;
            table.thin_when_needed(random, {100, now});
            CHECK(SamplingState::unpacked(header.sampling).interval == interval);
        }
        header.sampled = SampleBudget::kFree + 1024;
        table.thin_when_needed(random, {100, now});
        CHECK(SamplingState::unpacked(header.sampling).interval == (doubles ? 2 * interval : interval));
    }
}
