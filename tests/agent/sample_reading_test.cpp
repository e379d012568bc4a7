// Readers look at samples while the agent changes them, without a lock. Every interleaving of the two is tried, in a model of their
// steps; stores and loads of the model are sequentially consistent, which on x86-64 those of the agent are as far as it matters here
// (stores are seen in their order, and loads are made in theirs).
#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <vector>

namespace {

struct Place {
    std::uint64_t number = 0, address = 0, size = 0, stack = 0;
};

// One block after the other at the same place: the fields of each are its number's.
using Step = std::function<void(Place&)>;
std::vector<Step> steps_of_writer(int blocks) {
    std::vector<Step> steps;
    for (std::uint64_t n = 1; n <= static_cast<std::uint64_t>(blocks); ++n) {
        // SampleTable::insert
        steps.push_back([](Place& place) { place.address = 1000; });  // the allocator hands out the same address
        steps.push_back([n](Place& place) { place.size = 10 * n; });
        steps.push_back([n](Place& place) { place.stack = 100 * n; });
        steps.push_back([n](Place& place) { place.number = n; });
        // SampleTable::remove
        steps.push_back([](Place& place) { place.number = 0; });
        steps.push_back([](Place& place) { place.address = 0; });
    }
    return steps;
}

struct Reading {
    std::uint64_t first = 0, size = 0, stack = 0, last = 0;
};
std::array<std::function<void(const Place&, Reading&)>, 4> steps_of_reader() {
    return {[](const Place& place, Reading& reading) { reading.first = place.number; },
            [](const Place& place, Reading& reading) { reading.size = place.size; },
            [](const Place& place, Reading& reading) { reading.stack = place.stack; },
            [](const Place& place, Reading& reading) { reading.last = place.number; }};
}

}  // namespace

TEST_CASE("in every interleaving a sample that is read is one sample, and each sample can be read") {
    const auto writer = steps_of_writer(3);
    const auto reader = steps_of_reader();
    std::set<std::uint64_t> seen;
    std::size_t interleavings = 0;
    // The reader's steps in order, at any places between the writer's.
    std::function<void(std::size_t, std::size_t, Place, Reading)> run = [&](std::size_t written, std::size_t read, Place place,
                                                                            Reading reading) {
        if (read == reader.size()) {
            ++interleavings;
            if (reading.first == 0 || reading.first != reading.last) return;
            CHECK(reading.size == 10 * reading.first);
            CHECK(reading.stack == 100 * reading.first);
            seen.insert(reading.first);
            return;
        }
        Reading next = reading;
        reader[read](place, next);
        run(written, read + 1, place, next);
        if (written == writer.size()) return;
        writer[written](place);
        run(written + 1, read, place, reading);
    };
    run(0, 0, {}, {});
    CHECK(seen == std::set<std::uint64_t>{1, 2, 3});
    CHECK(interleavings > 1000);
}
