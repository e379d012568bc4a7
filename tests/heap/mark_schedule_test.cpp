#include "heap/internal/mark_schedule.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace leakline;
using heap::MarkSchedule;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("the number of interval marks stays bounded by doubling the interval") {
    MarkSchedule schedule(seconds(1), 100);
    std::size_t marks = 0;
    for (Nanoseconds now{0}; now < std::chrono::hours(24); now += milliseconds(100))
        if (schedule.due(now)) marks += schedule.take(now).size();
    // 100, then 50 more for each doubling: 86400 s is 864 = 2^9.8 times the first 100.
    CHECK(marks >= 500);
    CHECK(marks <= 650);
}

TEST_CASE("thinning keeps marks that were asked for and the state at every mark that is left") {
    std::vector<HeapMark> marks;
    std::map<Nanoseconds, std::map<std::uint32_t, TraceCost>> expected;
    std::map<std::uint32_t, TraceCost> state;
    for (int i = 0; i < 500; ++i) {
        HeapMark mark;
        mark.at = seconds(i);
        if (i == 0) mark.kind = HeapMark::Kind::start;
        if (i % 90 == 7) mark.kind = HeapMark::Kind::round_end;
        for (std::uint32_t trace = 1; trace <= 20; ++trace) {
            if ((i * 7 + trace) % 5 != 0) continue;
            state[trace].live_bytes = i * 100 + trace;
            mark.changes.push_back({TraceId{trace}, state[trace]});
        }
        expected[mark.at] = state;
        marks.push_back(mark);
    }
    heap::thin_marks(marks, 60);
    CHECK(marks.size() <= 60);
    std::size_t rounds = 0;
    state.clear();
    for (const HeapMark& mark : marks) {
        rounds += mark.kind == HeapMark::Kind::round_end;
        for (std::size_t i = 1; i < mark.changes.size(); ++i) CHECK(mark.changes[i - 1].trace < mark.changes[i].trace);
        for (const HeapMark::Change& change : mark.changes) state[change.trace.value] = change.cost;
        CHECK(state == expected[mark.at]);
    }
    CHECK(rounds == 6);
    CHECK(marks.front().kind == HeapMark::Kind::start);
    CHECK(marks.back().at == seconds(499));
}
