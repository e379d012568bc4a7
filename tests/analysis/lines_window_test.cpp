#include "analysis/lines/window.hpp"

#include <doctest/doctest.h>

#include "analysis/lines/lines.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace leakline::analysis;
using namespace std::chrono_literals;
using Kind = HeapMark::Kind;

namespace {

const std::vector<test::At> kStack = {{"append()", "/src/cache.cpp", 31}};

// Interval marks, one a second: busy ones allocate 100 blocks.
test::ProfileBuilder intervals(int idle_before, int busy, int idle_after) {
    test::ProfileBuilder builder;
    const TraceId trace = builder.trace(kStack);
    int second = 0;
    const auto tick = [&] { builder.mark(Kind::interval, std::chrono::seconds(++second)); };
    for (int i = 0; i < idle_before; ++i) tick();
    for (int i = 0; i < busy; ++i) {
        builder.allocate(trace, 10, 100);
        tick();
    }
    for (int i = 0; i < idle_after; ++i) tick();
    builder.release(trace, 10, static_cast<std::uint64_t>(busy) * 100);
    builder.mark(Kind::finish, std::chrono::seconds(second) + 500ms);
    return builder;
}

}  // namespace

TEST_CASE("the default window goes from the first round end to the last, whatever comes after") {
    test::ProfileBuilder builder;
    const TraceId trace = builder.trace(kStack);
    for (int i = 0; i < 6; ++i) {
        builder.allocate(trace, 8);
        builder.round_end();
    }
    builder.mark(Kind::interval, 65s);
    builder.mark(Kind::finish, 70s);
    const Window window = choose_window(builder.profile(), {}, {});
    CHECK(window.begin == 10s);
    CHECK(window.end == 60s);
    CHECK(window.by_round);
    CHECK(window.judged == std::vector<std::size_t>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("without rounds the window ends with the last mark under load, not with the process") {
    const auto builder = intervals(0, 20, 30);
    const Window window = choose_window(test::ProfileBuilder(builder).profile(), {}, {});
    CHECK(window.begin == 0s);
    CHECK(window.end == 20s);
    CHECK_FALSE(window.by_round);
    CHECK(window.judged.back() == window.last);
}

TEST_CASE("an idle start is not judged") {
    auto builder = intervals(30, 20, 0);
    const Window window = choose_window(builder.profile(), {}, {});
    CHECK(window.begin == 0s);
    CHECK(window.judged.front() >= 31);
}

TEST_CASE("a last interval in which the process was already being torn down is left out") {
    test::ProfileBuilder builder;
    const TraceId trace = builder.trace(kStack);
    for (int i = 1; i <= 10; ++i) {
        builder.allocate(trace, 10, 100);
        if (i == 10) builder.release(trace, 10, 600);
        builder.mark(Kind::interval, std::chrono::seconds(i));
    }
    builder.mark(Kind::finish, 10s + 1ms);
    CHECK(choose_window(builder.profile(), {}, {}).end == 9s);
}

TEST_CASE("a recording with nothing but its end is judged there, with a warning") {
    test::ProfileBuilder builder;
    builder.allocate(builder.trace(kStack), 24);
    builder.mark(Kind::finish, 300ms);
    const Window window = choose_window(builder.profile(), {}, {});
    CHECK(window.begin == 0s);
    CHECK(window.end == 300ms);
    REQUIRE(window.warnings.size() == 1);
    CHECK(window.warnings[0] ==
          "the recording has no mark under load, so lines are judged at its end: memory that destructors freed is not counted as growth");
}

TEST_CASE("a window that is asked for takes the marks inside it") {
    auto builder = intervals(0, 20, 0);
    const Window window = choose_window(builder.profile(), 4500ms, 9s);
    CHECK(window.begin == 5s);
    CHECK(window.end == 9s);
}

TEST_CASE("a window that holds no two marks is refused with what there is") {
    auto builder = intervals(0, 20, 0);
    CHECK_THROWS_WITH_AS(choose_window(builder.profile(), 5100ms, 5900ms),
                         "--window: holds fewer than two marks of this recording, which has 22 from 0ns to 20.5s\n"
                         "  hint: widen the window, or record with a shorter mark interval",
                         Error);
    CHECK_THROWS_WITH_AS(choose_window(builder.profile(), 9s, 4s), "--window 9s..4s: ends before it begins", Error);
}

TEST_CASE("a recording without marks is an error") {
    HeapProfile profile;
    profile.source = "heaptrack raw";
    CHECK_THROWS_WITH_AS(choose_window(profile, {}, {}), "heaptrack raw: holds no state of the heap", Error);
}

TEST_CASE("totals can leave out what never held more than a few blocks: containers that grow in place") {
    test::ProfileBuilder builder;
    const TraceId vector = builder.trace({{"grow()", "/src/a.cpp", 1}}), entries = builder.trace({{"keep()", "/src/a.cpp", 2}});
    std::uint64_t capacity = 64;
    builder.allocate(vector, capacity);
    for (int round = 0; round < 4; ++round) {
        builder.allocate(entries, 100, 10);
        builder.release(vector, capacity);
        builder.allocate(vector, capacity *= 2);
        builder.round_end();
    }
    const HeapProfile& profile = builder.profile();
    const std::vector<bool> few = traces_of_few_blocks(profile);
    CHECK(few == std::vector<bool>{true, false});
    CHECK(totals_at_marks(profile).back().live_bytes == 4 * 1000 + 1024);
    CHECK(totals_at_marks(profile, few).back().live_bytes == 4 * 1000);
}

TEST_CASE("slabs that a program's own allocator fills over many requests hold an entry for each of them") {
    const auto entries = [](std::uint64_t bytes, std::uint64_t each_round) {
        test::ProfileBuilder builder;
        const TraceId slabs = builder.trace({{"grow()", "/src/a.cpp", 1}});
        for (int round = 0; round < 8; ++round) {
            builder.allocate(slabs, bytes, each_round);
            builder.round_end();
        }
        return grow_lines(builder.profile()).lines.at(0).kept_entries;
    };
    CHECK(entries(1 << 20, 1) == 7000);
    CHECK(entries((1 << 20) + 1000, 1) == 7);  // of any size: an entry may be that large
    CHECK(entries(1 << 20, 100) == 700);
}
