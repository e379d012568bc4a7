#include <doctest/doctest.h>

#include "analysis/verdict/held_by.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

HolderReport growth_of(std::initializer_list<std::int64_t> holders, std::int64_t lost = 0) {
    HolderReport report;
    for (const std::int64_t bytes : holders) {
        Holder& holder = report.holders.emplace_back();
        holder.path = "holder " + std::to_string(report.holders.size());
        holder.growth_bytes = bytes;
    }
    report.growth_lost_bytes = lost;
    report.growth_lost_blocks = lost / 100;
    return report;
}

// One line of 1000 B in 10 blocks a mark, a mark each second from 2 s.
LineReport steady_leak() {
    LineReport report;
    report.window_begin = std::chrono::seconds(2);
    report.window_end = std::chrono::seconds(6);
    report.mark_seconds = {2, 3, 4, 5, 6};
    LineGrowth line;
    line.leaking = true;
    line.live_at_marks = {1000, 2000, 3000, 4000, 5000};
    line.growth_bytes = 4000;
    line.live_first_blocks = 10;
    line.live_last_blocks = 50;
    report.lines = {line, line};
    report.lines[1].leaking = false;
    return report;
}

}  // namespace

TEST_CASE("what the lines leak is counted between two marks, and by its pace where the window begins later") {
    const LineReport lines = steady_leak();
    CHECK(leaked_between(lines, 3, 5).bytes == 2000);
    CHECK(leaked_between(lines, 3, 5).blocks == doctest::Approx(20));
    CHECK(leaked_between(lines, 1, 6).bytes == doctest::Approx(5000));
    CHECK(leaked_between(lines, 5, 3).bytes == 0);
    CHECK(leaked_between(lines, 0, 1).bytes == 0);
    CHECK(leaked_between(LineReport(), 0, 1).bytes == 0);
}

TEST_CASE("the holder that grew by about as much as leaked is named, not a larger cache that filled up meanwhile") {
    const LeakedMemory leaked{10'000, 100};
    CHECK(what_holds(growth_of({500, 11'000}), leaked)->holder->path == "holder 2");
    CHECK(what_holds(growth_of({90'000, 11'000}), leaked)->holder->path == "holder 2");
    CHECK(what_holds(growth_of({5'000}), leaked).has_value());
    CHECK_FALSE(what_holds(growth_of({4'999}), leaked).has_value());
    // 100 B blocks with malloc's overhead.
    CHECK(what_holds(growth_of({23'200}), leaked).has_value());
    CHECK_FALSE(what_holds(growth_of({23'201}), leaked).has_value());
    CHECK_FALSE(what_holds(growth_of({-10'000}), leaked).has_value());
    CHECK_FALSE(what_holds(growth_of({}), leaked).has_value());
}

TEST_CASE("where several would explain the leak, none is named") {
    const LeakedMemory leaked{10'000, 100};
    CHECK_FALSE(what_holds(growth_of({9'000, 8'000}), leaked).has_value());
    CHECK_FALSE(what_holds(growth_of({9'000}, 8'000), leaked).has_value());
    CHECK_FALSE(what_holds(growth_of({9'000}), {}).has_value());
}

TEST_CASE("a Python variable that holds half of what a line allocated is its holder; else what is lost in cycles") {
    const CodeLine line{"track", "app.py", 12};
    PythonHolders found;
    CHECK_FALSE(what_holds(found, line).has_value());
    const auto add = [&](const char* path, double bytes) {
        PythonHolder& one = found.holders.emplace_back();
        one.holder.path = path;
        one.lines = {{"app.py", 12, bytes}, {"app.py", 13, 1e9}};
    };
    add("app.first", 300);
    add("app.second", 500);
    found.others = {{"app.py", 12, 100}, {"other.py", 12, 1e9}};
    REQUIRE(what_holds(found, line).has_value());
    CHECK(what_holds(found, line)->holder->path == "app.second");
    found.lost = {{"app.py", 12, 150}};
    CHECK_FALSE(what_holds(found, line).has_value());
    found.lost[0].bytes = 2000;
    found.lost_bytes = 2100;
    found.lost_blocks = 21;
    REQUIRE(what_holds(found, line).has_value());
    CHECK_FALSE(what_holds(found, line)->holder.has_value());
    CHECK(what_holds(found, line)->lost_blocks == 21);
    CHECK(what_holds(found, line)->lost_in_cycles);
    found.lost_kinds = {LostKind{false, "app.Link", {}, 0, 9, 9, 100}, LostKind{false, "app.Node", {}, 0, 1, 3, 200},
                        LostKind{false, "dict", {}, 0, 9, 9, 1000}};
    CHECK(what_holds(found, line)->lost_type == "app.Node");
}

TEST_CASE("a leak that nothing holds is lost blocks, or cycles") {
    HolderReport growth = growth_of({100}, 9'500);
    const auto lost = what_holds(growth, {10'000, 100});
    REQUIRE(lost.has_value());
    CHECK_FALSE(lost->holder.has_value());
    CHECK(lost->lost_blocks == 95);
    CHECK(lost->lost_bytes == 9'500);
    CHECK_FALSE(lost->lost_in_cycles);
    growth.lost.emplace_back().cycle = true;
    CHECK(what_holds(growth, {10'000, 100})->lost_in_cycles);
}

TEST_CASE("a line of a script that was started by a relative path has its holder") {
    PythonHolders found;
    found.holders.push_back({growth_of({900}).holders[0], {{"/srv/./service", 12, 900}}});
    const auto held = what_holds(found, {"handle", "/srv/service", 12});
    REQUIRE(held.has_value());
    CHECK(held->holder->path == "holder 1");
    CHECK_FALSE(what_holds(found, {"handle", "/srv/service", 13}).has_value());
}

TEST_CASE("without a leaking line, the Python variable that holds at least half of the growth is named, or cycles") {
    const auto found = [](std::initializer_list<std::int64_t> holders, Bytes lost = 0) {
        PythonHolders all;
        for (Holder& holder : growth_of(holders).holders) all.holders.push_back({std::move(holder), {}});
        all.lost_bytes = lost;
        all.lost_kinds.push_back({false, "app.Node", {}, 0, 9, 9, lost});
        return all;
    };
    CHECK(what_holds_most(found({900, 5'000, 2'000}), 9'000)->holder->path == "holder 2");
    CHECK_FALSE(what_holds_most(found({900, 5'000, 2'000}), 11'000).has_value());  // the rest is in no variable
    CHECK_FALSE(what_holds_most(found({5'000, 5'000, 900}), 9'000).has_value());
    CHECK_FALSE(what_holds_most(found({}), 9'000).has_value());
    CHECK_FALSE(what_holds_most(found({-900}), 0).has_value());
    const auto cycles = what_holds_most(found({900}, 8'000), 9'000);
    REQUIRE(cycles.has_value());
    CHECK_FALSE(cycles->holder.has_value());
    CHECK(cycles->lost_type == "app.Node");
    CHECK(cycles->lost_bytes == 8'000);
}

TEST_CASE("types grow if that is more than chance and a hundredth of all") {
    const auto type = [](const char* name, std::int64_t growth, double error) { return ObjectType{name, 1, 0, 1, growth, {}, error}; };
    const auto grown = analysis::grown_types({type("str", 5000, 100), type("by chance", 5000, 3000), type("little", 90, 1),
                                              type("dict", 90'000, 2000), type("freed", 0, 0), type("exact", 2000, 0)});
    REQUIRE(grown.size() == 3);
    CHECK(grown[0].name == "dict");
    CHECK(grown[1].name == "str");
    CHECK(grown[2].name == "exact");
}
