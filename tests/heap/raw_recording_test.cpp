#include <doctest/doctest.h>

#include "heap/internal/raw_recording.hpp"
#include "streams.hpp"

using namespace leakline;
using test::costs_at;
using test::read_raw_text;

namespace {
const std::string kHead = "v 10400 3\nx 8 /bin/svc\nX svc --port 1\nI 1000 10\n";
}

TEST_CASE("a raw stream gives live bytes, blocks, calls and the peak by trace") {
    const HeapProfile profile = read_raw_text(kHead +
                                              "t 1000 0\nt 2000 1\n"
                                              "+ 64 1 a0\n+ 32 2 b0\n+ 8 2 c0\n- a0\nc a\nR 5\n");
    CHECK(profile.command == "svc --port 1");
    CHECK(profile.events == 4);
    CHECK(profile.peak_bytes == 0x64 + 0x32 + 8);
    const auto costs = costs_at(profile, profile.marks.size() - 1);
    CHECK(costs.at(1) == TraceCost{1, 0x64, 0, 0});
    CHECK(costs.at(2) == TraceCost{2, 0x3a, 0x3a, 2});
    CHECK(profile.peak[1].live_bytes == 0x64);
    CHECK(profile.peak[2].live_blocks == 2);
    CHECK(profile.marks.back().rss == Bytes{5 * 4096});
    CHECK(profile.completeness == Completeness::complete);
    CHECK(profile.damage.empty());
}

TEST_CASE("an allocation at an address that is still live retires the block before it") {
    // A realloc in one thread frees 'a0' late: another thread has been given it already.
    const HeapProfile profile = read_raw_text(kHead + "t 1000 0\nt 2000 0\n+ 64 1 a0\n+ 32 2 a0\n- a0\n- a0\nc 1\nR 1\n");
    const auto costs = costs_at(profile, profile.marks.size() - 1);
    CHECK(costs.at(1).live_bytes == 0);
    CHECK(costs.at(2).live_bytes == 0);
    CHECK(profile.peak_bytes == 0x64);
    CHECK(profile.damage.empty());
}

TEST_CASE("an allocation whose stack could not be walked is counted, and a free of an unknown block is not") {
    const HeapProfile profile = read_raw_text(kHead + "+ 10 0 a0\n- beef0\nc 1\nR 1\n");
    CHECK(profile.events == 1);
    CHECK(costs_at(profile, profile.marks.size() - 1).at(0).live_bytes == 0x10);
    CHECK(profile.traces[0].ip == IpId{1});
    CHECK(profile.ips[0].frame_count == 0);
}

TEST_CASE("damaged raw records are skipped, counted and located, and the rest is right") {
    const HeapProfile profile = read_raw_text(kHead +
                                              "t 1000 0\n+ 64 7 a0\n+ 6g 1 b0\n+ 20 1\n- \n? 1\n+ 20 1 c0 1\n"
                                              "+ ffffffffffffffff 1 d0\n+ 20 1 e0\n+ 20 1 f0");
    CHECK(profile.events == 1);
    CHECK(profile.damage.count() == 8);
    CHECK(profile.damage.first()[0].location == "raw:6");
    CHECK(profile.damage.first()[0].message == "not a record of heaptrack's: '+ 64 7 a0'; skipped");
    CHECK(profile.damage.first()[7].location == "raw:14");
    CHECK(profile.damage.first()[7].message == "the last line is truncated; skipped");
    CHECK(profile.completeness == Completeness::torn);
}

TEST_CASE("a trace that cannot be read keeps its number") {
    const HeapProfile profile = read_raw_text(kHead + "t 1000 0\nt 2000 9\nt 3000 1\n+ 8 3 a0\nc 1\nR 1\n");
    CHECK(profile.traces.size() == 4);
    CHECK(profile.ips[profile.traces[3].ip.value - 1].address == 0x3000);
    CHECK(profile.traces[3].parent == TraceId{2});
    CHECK(profile.damage.count() == 1);
}

TEST_CASE("interval marks fall on ticks, and a mark lists only what has changed since the one before") {
    std::string text = kHead + "t 1000 0\nt 2000 0\n";
    for (int second = 1; second <= 4; ++second) {
        text += second % 2 != 0 ? "+ 10 1 " : "+ 20 2 ";
        text += std::to_string(second) + "0\n";
        char tick[32];
        std::snprintf(tick, sizeof tick, "c %x\nR 1\n", second * 1000 + 3);
        text += tick;
    }
    const HeapProfile profile = read_raw_text(text);
    REQUIRE(profile.marks.size() == 6);  // start, four seconds, end
    CHECK(profile.marks[0].kind == HeapMark::Kind::start);
    CHECK(profile.marks[2].at == std::chrono::milliseconds(2003));
    REQUIRE(profile.marks[2].changes.size() == 1);
    CHECK(profile.marks[2].changes[0].trace == TraceId{3});
    CHECK(profile.marks[3].changes[0].cost == TraceCost{2, 0x20, 0x20, 2});
    CHECK(profile.marks[5].kind == HeapMark::Kind::finish);
    CHECK(profile.marks[5].changes.empty());
}

TEST_CASE("a mark that was asked for is set at the first tick at or after its time") {
    std::vector<HeapMark> marks;
    heap::RawRecording recording({}, [&](HeapMark mark) { marks.push_back(std::move(mark)); });
    const auto feed = [&](const std::string& text) {
        const std::string margin = std::string(64, ' ') + text + std::string(64, ' ');
        recording.take(std::string_view(margin).substr(64, text.size()));
    };
    feed(kHead + "t 1000 0\n+ 10 1 a0\nc 5\nR 1\n");
    recording.request_mark({HeapMark::Kind::round_end, "round 1", 7, std::chrono::milliseconds(20), {}, {}});
    feed("+ 10 1 b0\nc 10\nR 1\n+ 10 1 c0\nc 15\nR 1\n");  // 16 ms, 21 ms
    CHECK(recording.pending_marks() == 0);
    REQUIRE(marks.size() == 2);
    CHECK(marks[1].label == "round 1");
    CHECK(marks[1].requests == 7);
    CHECK(marks[1].changes[0].cost.live_blocks == 3);
    recording.request_mark({HeapMark::Kind::round_end, "never reached", {}, std::chrono::seconds(9), {}, {}});
    recording.finish({});
    REQUIRE(marks.size() == 4);
    CHECK(marks[2].label == "never reached");
    CHECK(marks[3].kind == HeapMark::Kind::finish);
}

TEST_CASE("module tables that name nothing new take no memory") {
    heap::RawRecording recording({}, [](const HeapMark&) {});
    std::string text = std::string(64, ' ') + kHead + "m 1 -\nm 1 x 1000 0 100\nt 1010 0\n";
    for (int i = 0; i < 100; ++i) text += "m 1 -\nm 1 x 1000 0 100\nm 8 /plug.so 9000 0 10\n+ 1 1 a0\n- a0\n";
    text += "t 9004 1\n" + std::string(64, ' ');
    recording.take(std::string_view(text).substr(64, text.size() - 128));
    REQUIRE(recording.symbols().modules.size() == 2);
    CHECK(recording.symbols().modules[1].lines == "m 1 x 1000 0 100\nm 8 /plug.so 9000 0 10\n");
    CHECK(recording.symbols().addresses[recording.symbols().modules[1].first_ip] == 0x9004);
}

TEST_CASE("an argument of the recorded command may hold line ends, and what follows them is no record") {
    const std::string more = "import os\nt = [1]\n\n# c\nA\nx 4 /not\nm = n\n+ = 2\nS leak:all\nR";
    for (const char* format : {"v 10200 2\n", "v 10400 3\n"}) {
        CAPTURE(format);
        const bool sized = format[8] == '3';
        const HeapProfile profile =
            read_raw_text(format + std::string(sized ? "x 8 /bin/svc\n" : "x /bin/svc\n") + "X python3 -c " + more + "\nI 1000 10\n" +
                          (sized ? "m 8 /bin/svc 0 0 9999\n" : "m /bin/svc 0 0 9999\n") + "t 1000 0\n+ 8 1 a0\nc 1\nR 1\n");
        CHECK(profile.command == "python3 -c " + more);
        CHECK(profile.damage.lines() == std::vector<std::string>{});
        CHECK(profile.traces.size() == 2);
        CHECK(profile.suppressions.empty());
        CHECK_FALSE(profile.attached);
        CHECK(test::totals_of(profile) == test::Totals{8, 1, 8});
    }
}

TEST_CASE("where a stream lacks the record behind the command, what can be a record is one") {
    const HeapProfile profile = read_raw_text("v 10400 3\nX svc\nt 1000 0\n? 1\n+ 8 1 a0\nc 1\nR 1\n");
    CHECK(profile.command == "svc");
    CHECK(profile.damage.lines() == std::vector<std::string>{"raw:4: not a record of heaptrack's: '? 1'; skipped"});
    CHECK(test::totals_of(profile) == test::Totals{8, 1, 8});
}

TEST_CASE("of two raw streams in one file the first is read") {
    const std::string one = kHead + "t 1000 0\n+ 8 1 a0\nc 1\nR 1\n";
    const HeapProfile profile = read_raw_text(one + one);
    CHECK(profile.damage.lines() == std::vector<std::string>{"raw:9: another recording begins here; it was not read"});
    CHECK(test::totals_of(profile) == test::Totals{8, 1, 8});
    CHECK(profile.completeness == Completeness::complete);
}
