#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "heap/internal/event_lines.hpp"

using leakline::heap::EventLines;
using leakline::heap::Processor;

namespace {

const Processor kProcessors[] = {Processor::any, Processor::this_one};

// What a batch from the start of text holds; nothing where convert() refuses it. text gets ReadAhead's margins.
struct Batch {
    std::size_t lines = 0;
    std::size_t taken = 0;  // bytes
    bool good = false;
    std::vector<std::uint32_t> entries;
};
Batch batch_of(const std::string& text, std::size_t infos, Processor processor) {
    const std::string margin(64, '7');
    const std::string padded = margin + text + margin;
    const char* line = padded.data() + margin.size();
    EventLines lines(processor);
    Batch batch;
    batch.lines = lines.gather(line, line + text.size(), infos);
    batch.taken = static_cast<std::size_t>(line - padded.data()) - margin.size();
    batch.entries.resize(EventLines::kMax + EventLines::kSlack);
    batch.good = batch.lines > 0 && lines.convert(infos, batch.entries.data());
    batch.entries.resize(batch.lines);
    return batch;
}

}  // namespace

TEST_CASE("events of every length are read as they were written, whatever the processor") {
    std::mt19937_64 random(5);
    for (const std::size_t infos : {1u, 16u, 300u, 0x10000u, 0x10001u, 0xffffffu}) {
        for (int round = 0; round < 200; ++round) {
            std::string text;
            std::vector<std::uint32_t> written;
            for (int i = 0; i < 40; ++i) {
                const std::uint64_t index = std::min<std::uint64_t>(random() >> (random() % 64), infos - 1);
                const bool allocation = random() % 2 != 0;
                text += fmt::format("{} {:x}\n", allocation ? '+' : '-', index);
                written.push_back(static_cast<std::uint32_t>(index) << 1 | (allocation ? 1 : 0));
            }
            for (const auto processor : kProcessors) {
                const Batch batch = batch_of(text, infos, processor);
                REQUIRE(batch.good);
                CHECK(batch.lines == written.size());
                CHECK(batch.taken == text.size());
                CHECK(batch.entries == written);
            }
        }
    }
}

TEST_CASE("a batch ends before a line that is no event") {
    for (const auto processor : kProcessors) {
        for (const char* other : {"c a\n", "R 5\n", "a 10 3\n", "t 5 3\n", "s 4 + 12\n", "\n", "# strings: 3\n", "+ 123456789\n", "+ 12 \n",
                                  "+  12\n", "  12\n", "+\n", "-1\n", "i 40 2 1 5 3f\n"}) {
            CAPTURE(other);
            const Batch batch = batch_of(std::string("+ 0\n- 0\n+ 1f\n") + other + "+ 0\n", 0x20, processor);
            // What looks like an event is refused by convert(); either way it is not one.
            if (batch.good) {
                CHECK(batch.lines == 3);
                CHECK(batch.taken == 13);
            }
        }
        CHECK(batch_of("c a\n+ 0\n", 1, processor).lines == 0);
        CHECK(batch_of("", 1, processor).lines == 0);
    }
}

TEST_CASE("no event is read out of a text with one byte changed, unless that text says it") {
    const std::string text = "+ 1f\n- 3\n+ 10000\n- abc\n+ 9e\n- 12\n+ 0\n- f00d\n+ 7\n- 20\n+ 1\n- 2\n";
    for (const std::size_t infos : {0x10000u, 0x20000u}) {
        for (std::size_t at = 0; at + 1 < text.size(); ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string changed = text;
                changed[at] = static_cast<char>(byte);
                for (const auto processor : kProcessors) {
                    const Batch batch = batch_of(changed, infos, processor);
                    if (!batch.good) continue;
                    std::string again;
                    for (const std::uint32_t entry : batch.entries)
                        again += fmt::format("{} {:x}\n", (entry & 1) != 0 ? '+' : '-', entry >> 1);
                    // A changed digit may have become a leading zero, which writing does not give back.
                    std::string said = changed.substr(0, batch.taken);
                    if (said.size() == again.size()) {
                        REQUIRE(said == again);
                    } else {
                        REQUIRE(byte == '0');
                    }
                }
            }
        }
    }
}

TEST_CASE("an index that is not in the table spoils its batch") {
    for (const auto processor : kProcessors) {
        for (const std::size_t infos : {1u, 10u, 0xffffu, 0x10000u, 0x20000u}) {
            CHECK(batch_of(fmt::format("+ 0\n- {:x}\n", infos - 1), infos, processor).good);
            const Batch among_others = batch_of(fmt::format("+ 0\n- {:x}\n+ 0\n", infos), infos, processor);
            CHECK((!among_others.good || among_others.lines == 1));
            const Batch batch = batch_of(fmt::format("- {:x}\n", infos), infos, processor);
            CHECK_FALSE(batch.good);
        }
    }
}
