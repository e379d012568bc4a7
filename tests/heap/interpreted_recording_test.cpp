#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <vector>

#include "base/error.hpp"
#include "streams.hpp"

using namespace leakline;
using test::costs_at;
using test::read_interpreted_text;

namespace {

const std::string kHead = "v 10400 3\nX svc\nI 1000 10\n";
const std::string kTables =
    "s 6 svc.so\ns 4 f(T)\ns b /src/f. cpp\ns 1 g\n"
    "i 4010 1 2 3 2a 4 3 63\ni 4020 1 2\ni 4030 1\nt 1 0\nt 2 1\na 64 1\na 20 2\na 8 2\n";

}  // namespace

TEST_CASE("an interpreted file gives names, inlined frames, costs and its completeness") {
    const HeapProfile profile = read_interpreted_text(kHead + kTables + "+ 0\n+ 1\n+ 2\n- 0\nc a\nR 5\n\n# strings: 4\n# ips: 3\n");
    CHECK(profile.source == "heaptrack 1.4.0 (format 3)");
    CHECK(profile.completeness == Completeness::complete);
    CHECK(profile.events == 4);
    CHECK(profile.peak_bytes == 0x64 + 0x28);
    const auto costs = costs_at(profile, profile.marks.size() - 1);
    CHECK(costs.at(1) == TraceCost{1, 0x64, 0, 0});
    CHECK(costs.at(2) == TraceCost{2, 0x28, 0x28, 2});
    const InstructionPointer& ip = profile.ips[profile.traces[1].ip.value - 1];
    REQUIRE(ip.frame_count == 2);
    CHECK(profile.string(profile.frames[ip.first_frame].function) == "f(T)");
    CHECK(profile.string(profile.frames[ip.first_frame].file) == "/src/f. cpp");
    CHECK(profile.frames[ip.first_frame].line == 42);
    CHECK(profile.string(profile.frames[ip.first_frame + 1].function) == "g");
    CHECK(profile.string(ip.module) == "svc.so");
    CHECK(profile.ips[2].frame_count == 1);
    CHECK(profile.ips[3].frame_count == 0);
}

TEST_CASE("suppressions that the program declares are kept, from both kinds of stream") {
    const std::string lines = "S leak:libfoo\nS leak:^bar*baz$\nS thread:x\nS\n";
    const std::vector<std::string> patterns = {"libfoo", "^bar*baz$"};
    CHECK(read_interpreted_text(kHead + lines + kTables + "+ 0\nc 1\n").suppressions == patterns);
    CHECK(test::read_raw_text("v 10400 3\n" + lines + "I 1000 10\nt 10 0\n+ 8 1 5\nc 1\n").suppressions == patterns);
}

TEST_CASE("line ends in the recorded command's arguments make neither records nor damage") {
    const std::string command = "perl -e my $x;\nx = 1;\ni = 2\n\na 10 0 =\n+ 0x3\n- \ns = 4\nc?\nS leak:all";
    const std::string text = "v 10400 3\nX " + command + "\nI 1000 10\n" + kTables + "+ 0\nc 5\nR 1\n\n# strings: 4\n# ips: 3\n";
    const HeapProfile profile = read_interpreted_text(text);
    CHECK(profile.command == command);
    CHECK(profile.damage.lines() == std::vector<std::string>{});
    CHECK(profile.suppressions.empty());
    CHECK(test::totals_of(profile) == test::Totals{0x64, 1, 0x64});
    CHECK(heap::heaptrack_kind(text) == heap::HeaptrackKind::interpreted);
}

TEST_CASE("formats 1 and 2 write strings without their length") {
    for (const char* version : {"v 10000 1\n", "v 10100 2\n", "v 10200\n"}) {
        CAPTURE(version);
        const HeapProfile profile = read_interpreted_text(std::string(version) + "s 6 of them\ni 10 0 1\nt 1 0\na 10 1\n+ 0\nc 1\n");
        CHECK(profile.strings.at(0) == "6 of them");
        CHECK(test::totals_of(profile) == test::Totals{16, 1, 16});
    }
}

TEST_CASE("a format that is too old or too new is an error that says what to do") {
    for (const char* version : {"v 10700 4\n", "v 10000 0\n"}) {
        CAPTURE(version);
        try {
            read_interpreted_text(std::string(version) + "+ 0\n");
            FAIL("must throw");
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::input);
            CHECK(error.message().find("this build reads 1 to 3") != std::string::npos);
            CHECK_FALSE(error.hint().empty());
        }
    }
}

TEST_CASE("no index from an interpreted file is trusted") {
    const HeapProfile profile =
        read_interpreted_text(kHead + kTables +
                              "+ 9\n- 9\n- 0\n+ ffffffffffffffffff\n+ 0 \n+\n-\n+ G\ni 1 ff ff ff 1\nt ffff 0\nt 1 ffff\na 8 ffff\n"
                              "a ffffffffffffffff 1\ns ffff x\ns\nt\na\ni\nc zz\nR \nQ 1\n+ 3\n+ 0\nc 5\nR 1\n");
    CHECK(profile.damage.count() == 20);
    CHECK(profile.damage.first()[0].location == "file:16");
    CHECK(profile.damage.first()[0].message == "'+ 9' is not a record, or refers to a missing one; skipped");
    CHECK(test::totals_of(profile) == test::Totals{0x64, 2, 0x64});
    CHECK(profile.completeness == Completeness::final_tick);
    for (const TraceNode& trace : profile.traces) {
        REQUIRE(trace.ip.value >= 1);
        REQUIRE(trace.ip.value <= profile.ips.size());
    }
}

TEST_CASE("of two recordings in one file the first is read, and what is damaged does not make a second one") {
    const std::string one = kHead + kTables + "+ 0\n+ 1\nc 5\nR 1\n\n# strings: 4\n# ips: 3\n";
    const HeapProfile profile = read_interpreted_text(one + one);
    CHECK(profile.damage.lines() == std::vector<std::string>{"file:23: another recording begins here; it was not read"});
    CHECK(test::totals_of(profile) == test::Totals{0x84, 2, 0x84});
    CHECK(profile.completeness == Completeness::complete);
    const HeapProfile damaged = read_interpreted_text(kHead + kTables + "+ 0\nvery\nAttached\n+ 1\nc 5\nR 1\n");
    CHECK(damaged.damage.count() == 2);
    CHECK_FALSE(damaged.attached);
    CHECK(test::totals_of(damaged) == test::Totals{0x84, 2, 0x84});
}

TEST_CASE("the end of a file tells how complete it is") {
    const std::string events = kHead + kTables + "+ 0\nc 5\nR 1\n";
    CHECK(read_interpreted_text(events + "\n# strings: 4\n# ips: 3\n").completeness == Completeness::complete);
    CHECK(read_interpreted_text(events).completeness == Completeness::final_tick);
    CHECK(read_interpreted_text(events + "+ 1\n").completeness == Completeness::torn);
    const HeapProfile torn = read_interpreted_text(events + "+ 1");
    CHECK(torn.completeness == Completeness::torn);
    CHECK(torn.damage.lines() == std::vector<std::string>{"file:19: the last line is truncated; skipped"});
}

// Against the plain way of doing it: totals at every event, and a copy of everything at each new peak.
TEST_CASE("live bytes, calls and the peak of every trace equal those of a plain interpreter") {
    std::mt19937_64 random(11);
    const std::size_t infos = 300, traces = 40;
    std::string text = kHead + "s 1 f\n";
    std::vector<std::uint64_t> size(infos), trace(infos), live(infos, 0);
    for (std::size_t i = 0; i < traces; ++i) text += fmt::format("i {:x} 0 1 0 0\nt {:x} {:x}\n", 0x4000 + i, i + 1, i / 2);
    for (std::size_t i = 0; i < infos; ++i) {
        size[i] = random() % 5000;
        trace[i] = random() % (traces + 1);
        text += fmt::format("a {:x} {:x}\n", size[i], trace[i]);
    }
    std::vector<std::int64_t> bytes(traces + 1, 0), at_peak(traces + 1, 0);
    std::vector<std::uint64_t> calls(traces + 1, 0);
    std::int64_t total = 0, peak = 0;
    std::uint64_t events = 0;
    for (int step = 0; step < 60000; ++step) {
        if (step % 100 == 0) text += fmt::format("c {:x}\nR 10\n", step / 10);
        const std::size_t i = random() % infos;
        const bool grow = step < 30000 ? random() % 100 < 55 : random() % 100 < 45;
        if (!grow && live[i] == 0) continue;
        ++events;
        text += fmt::format("{} {:x}\n", grow ? '+' : '-', i);
        const auto change = static_cast<std::int64_t>(size[i]) * (grow ? 1 : -1);
        live[i] += grow ? 1 : ~std::uint64_t{0};
        bytes[trace[i]] += change;
        calls[trace[i]] += grow;
        total += change;
        if (total > peak) {
            peak = total;
            at_peak = bytes;
        }
    }
    for (const unsigned threads : {1u, 2u}) {
        heap::ReadOptions options;
        options.mark_interval = std::chrono::milliseconds(50);
        options.threads = threads;
        const HeapProfile profile = read_interpreted_text(text, options);
        CHECK(profile.damage.empty());
        CHECK(profile.events == events);
        CHECK(profile.peak_bytes == static_cast<Bytes>(peak));
        CHECK(profile.marks.size() > 100);
        const auto costs = costs_at(profile, profile.marks.size() - 1);
        for (std::uint32_t i = 0; i <= traces; ++i) {
            CAPTURE(i);
            const TraceCost cost = costs.count(i) != 0 ? costs.at(i) : TraceCost{};
            CHECK(cost.live_bytes == bytes[i]);
            CHECK(cost.allocations == calls[i]);
            CHECK(profile.peak[i].live_bytes == at_peak[i]);
        }
    }
}

TEST_CASE("lines that cross chunks are whole, and one longer than a chunk is left out and counted") {
    std::string text = kHead + "s 1 f\ni 10 0 1\nt 1 0\na 10 1\n";
    for (int i = 0; i < 400000; ++i) text += "+ 0\n";  // 1.6 MB
    text += "s " + std::string(5 << 20, 'x') + "\n";
    for (int i = 0; i < 400000; ++i) text += "- 0\n";
    text += "+ 0\nc 1\nR 1\n";
    for (const unsigned threads : {1u, 2u}) {
        heap::ReadOptions options;
        options.threads = threads;
        const HeapProfile profile = read_interpreted_text(text, options);
        CHECK(test::totals_of(profile) == test::Totals{16, 400001, 6400000});
        CHECK(profile.damage.count() >= 1);
    }
}

TEST_CASE("lines are counted behind one that was too long to be read") {
    const std::string text = kHead + std::string(std::size_t{3} << 20, 'x') + "\nQ 1\n" + kTables + "+ 0\nc 5\nR 1\n";
    const HeapProfile profile = read_interpreted_text(text);
    REQUIRE(profile.damage.count() == 2);
    CHECK(profile.damage.first()[0].location == "file: near line 4");
    CHECK(profile.damage.first()[1].location == "file:5");
    CHECK(test::totals_of(profile) == test::Totals{0x64, 1, 0x64});
}

TEST_CASE("an export of another profiler, without a trailer and facts of the machine, is complete to its last line") {
    const std::string text = "v 10100 2\nX svc\nc 0\ns svc\ns f\ns f.c\ni 10 1 2 3 7\nt 1 0\na 20 1\n+ 0\nc 10\n+ 0\nc 20\n- 0\n+ 0";
    const HeapProfile profile = read_interpreted_text(text);
    CHECK(profile.completeness == Completeness::complete);
    CHECK(profile.damage.empty());
    CHECK(profile.events == 4);
    CHECK(profile.marks.back().overhead_bytes == 2 * 16);  // 32 + 8 bytes take 48
    // What heaptrack wrote has them, and is cut without its trailer.
    CHECK(read_interpreted_text("v 10100 2\nX svc\nI 1000 100\nc 0\ns svc\ns f\ns f.c\ni 10 1 2 3 7\nt 1 0\na 20 1\n+ 0\nc 10\n+ 0\n- 0")
              .completeness == Completeness::torn);
}
