// How progress, durations, rates and functions are said.
#include <doctest/doctest.h>

#include <limits>

#include "base/quantities.hpp"
#include "rendered.hpp"
#include "report/internal/lines_text.hpp"
#include "report/internal/summary.hpp"
#include "report/progress.hpp"
#include "report/report.hpp"
#include "sample.hpp"

using namespace leakline;
using namespace leakline::report;
using test::render;
using namespace std::chrono_literals;

TEST_CASE("a progress line says what, how far and how long still, within the width") {
    CHECK(progress_line("replaying round 3 of 6", 0.5, 30s, 100) == "replaying round 3 of 6  [##########..........]  50 %  30s left");
    CHECK(progress_line("starting", 0.01, 60s, 100) == "starting  [....................]   1 %");
    CHECK(progress_line("waiting", std::nullopt, 2500ms, 100) == "waiting  2s");
    CHECK(progress_line("x", 2.0, 1s, 5) == "x");
}

TEST_CASE("a progress line that is too long leaves out its last details, and then whole words") {
    const std::string text = "run 1: round 3 of 8, RSS 1,045 MiB (+3.2 MiB), 12,345 requests; extended because memory still grows";
    const std::string tail = "  [##########..........]  50 %  30s left";
    CHECK(progress_line(text, 0.5, 30s, 100) == "run 1: round 3 of 8, RSS 1,045 MiB (+3.2 MiB)" + tail);
    CHECK(progress_line(text, 0.5, 30s, 79) == "run 1: round 3 of 8" + tail);
    CHECK(progress_line(text, 0.5, 30s, 55) == "run 1: round..." + tail);
    CHECK(progress_line("a very long description of it", 1.0, 1s, 40) == "a very...  [####################] 100 %");
    CHECK(progress_line("a very long description of it", 1.0, 1s, 20) == "a very long...");
}

TEST_CASE("hours are said in units that people use") {
    CHECK(hours_text(0.01) == "36s");
    CHECK(hours_text(11.2) == "11h12m");
    CHECK(hours_text(100) == "4.17 days");
    CHECK(hours_text(1e6) == "more than 10 years");
    CHECK(hours_text(std::numeric_limits<double>::infinity()) == "never");
}

TEST_CASE("a limit that is reached already, rates and latencies are said as people say them") {
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK(reached_text({11.2, 11.2, 11.2}) == "reached in 11h12m");
    CHECK(reached_text({0, 0, 0}) == "reached already");
    CHECK(reached_text({infinity, 3, infinity}) == "never reached");
    CHECK(format_per_second(104.25) == "104.2/s");
    CHECK(format_per_second(11'289.6) == "11,290/s");
    CHECK(latency_text(0.132) == "0.132 µs");
    CHECK(latency_text(812) == "0.812 ms");
    CHECK(latency_text(0) == "0 ms");
    CHECK(latency_text(2'970'000) == "2.97 s");

    Diagnosis diagnosis;
    diagnosis.trend.bytes_per_request = Interval{100, 90, 110};
    diagnosis.projected_bytes_per_hour = Interval{1000, 900, 1100};
    for (const auto& [rate, text] : {std::pair(8.0, " rate of 8 requests/s"), std::pair(999.9, " rate of 1,000 requests/s"),
                                     std::pair(12'345.6, " rate of 12,346 requests/s")}) {
        diagnosis.requests_per_second = rate;
        CHECK(diagnosed_growth_text(diagnosis).ends_with(text));
    }
    TrendReport trends = test::sample_trends();
    trends.items[0].verdict.time_to_limit_h = Interval{0, 0, 0};
    trends.items[0].verdict.warmup_end_s = 30'500;
    const std::string text = render("text", trends);
    CHECK(text.find("  limit            reached already\n") != std::string::npos);
    CHECK(text.find("  warm-up          ends at 8.47 h\n") != std::string::npos);
}

TEST_CASE("a function is named without its parameters where room is scarce") {
    CHECK(short_function("a::f(int, std::vector<char, std::allocator<char> >) const") == "a::f");
    CHECK(short_function("a::operator()(int)") == "a::operator()");
    CHECK(short_function("f(int)::{lambda(char)#1}::operator()(char) const") == "f(int)::{lambda(char)#1}::operator()");
    CHECK(short_function("a::operator()") == "a::operator()");
    CHECK(short_function("a::operator()() const") == "a::operator()");
    CHECK(short_function("run<a::f()::<lambda(b::code, long)> >") == "run<a::f()::<lambda(b::code, long)> >");
    CHECK(short_function("f(int)::{lambda()#1}") == "f(int)::{lambda()#1}");
    CHECK(short_function("f(int) [clone .cold]") == "f");
    CHECK(short_function("main") == "main");
    CHECK(short_function("(anonymous)") == "(anonymous)");
    CHECK(short_function("f)") == "f)");
}
