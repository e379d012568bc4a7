// Text, Markdown and CSV, and the table that they stand in.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "rendered.hpp"
#include "report/internal/lines_text.hpp"
#include "report/internal/summary.hpp"
#include "report/report.hpp"
#include "sample.hpp"

using namespace leakline;
using namespace leakline::report;
using test::contains, test::render;
using namespace std::chrono_literals;

namespace {

template <class Call>
std::string error_of(Call call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("text says the verdict and the decisive reason in its first line, and then what one asks next") {
    const std::string text = render("text", test::sample_diagnosis());
    CHECK(text.starts_with("LEAK: live bytes grow by 1.2 KiB per request in every round after warm-up\n"));
    std::size_t last = 0;
    for (const char* part : {"per request", "apps/trackd/track_user_behavior.cpp:42 in track_user_behavior",
                             "cache.append(user_id, events);", "512 MiB is reached in 1h15m", "104 requests/s", "12 B per request",
                             "Line #    Mem usage", "Lines by growth", "Memory accounting", "+6016384 B", "+3616 B", "+6020000 B", "Replay",
                             "6,005 read = 6,000 sent + 0 unsent + 2 bad + 3 filtered", "Warnings", "2 log lines could not be read"}) {
        const std::size_t at = text.find(part, last);
        CAPTURE(part);
        REQUIRE(at != std::string::npos);
        last = at;
    }
}

TEST_CASE("a diagnosis in short fits on a screen, keeps to its width and breaks no word") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.reasons[0] +=
        "; a cache with a limit of more than 242,000 entries or data that a timer frees after more than 31s would look the same";
    LineTable& table = diagnosis.lines.tables[0];
    for (std::uint32_t line = 44; line < 400; ++line) table.rows.push_back({line, std::string(90, 'x') + " y", std::nullopt});
    for (int i = 0; i < 9; ++i) diagnosis.endpoints.push_back({fmt::format("POST /endpoint/{}", i), {1200, 1190, 1210}, true});
    for (const int width : {80, 100, 200}) {
        CAPTURE(width);
        RenderOptions options;
        options.full = false;
        options.fold = true;
        options.width = width;
        const std::string text = render("text", diagnosis, options);
        CHECK(text.starts_with("LEAK: live bytes grow by 1.2 KiB per request in every round after warm-up; a"));
        CHECK(std::count(text.begin(), text.end(), '\n') <= 40);
        for (std::string_view line : split(text, '\n')) CHECK(line.size() <= static_cast<std::size_t>(width));
        for (const char* part : {"  growth           1.17 KiB", "  top line         apps/trackd/track_user_behavior.cpp:42",
                                 "  limit            512 MiB is reached",
                                 "  gate             failed: ", "  accounting       +5.74 MiB of live heap (+3.53 KiB without",
                                 "\n    42     27.7 MiB      5.7 MiB        6000       cache.append(", "--full prints the evidence"})
            CHECK_MESSAGE(contains(text, part), std::string(part));
        CHECK((contains(text, "\n  warnings  ") || contains(text, "2 more warnings")));
        for (const char* part : {"Replay", "Lines by growth", "Memory over time"}) CHECK_FALSE(contains(text, part));
    }
    RenderOptions full;
    const std::string text = render("text", diagnosis, full);
    const std::string verdict = text.substr(0, text.find("\n\n") + 1);
    CHECK(text.ends_with("\n\n" + verdict));  // in view when the rest has scrolled away
}

TEST_CASE("text says under the top line what holds the leak") {
    Diagnosis diagnosis = test::sample_diagnosis();
    Holder& holder = diagnosis.held_by.emplace().holder.emplace();
    holder.root = Holder::Root::local;
    holder.path = "service.cache";
    holder.function = "app::run(int, char**)";
    holder.type = "std::list<app::Event>";
    holder.elements = 1;
    holder.bytes = 2048;
    holder.file = "src/cache.cpp";
    holder.line = 12;
    RenderOptions options;
    options.width = 200;
    CHECK(contains(render("text", diagnosis, options),
                   "\n  held by          local service.cache in app::run (std::list<app::Event>, 1 element, 2 KiB)  src/cache.cpp:12\n"));
    holder.runtime = Runtime::python;
    holder.path = "cache";
    holder.type = "list";
    holder.element_type = "dict";
    holder.file = "/srv/app.py";
    CHECK(contains(render("text", diagnosis, options),
                   "\n  held by          local cache in app::run (list, 1 item, dict items)  app.py:12\n"));
    holder.root = Holder::Root::global;
    holder.path = "app.cache";
    holder.elements = 12'001;
    CHECK(contains(render("text", diagnosis, options), "\n  held by          app.cache (list, 12,001 items, dict items)  app.py:12\n"));
    diagnosis.held_by = HeldBy{{}, 12'000, 12'000 * 256, false, {}};
    CHECK(contains(render("text", diagnosis, options),
                   "\n  held by          nothing: 12,000 blocks (2.93 MiB) are not reachable; a free is missing\n"));
    diagnosis.held_by->lost_in_cycles = true;
    CHECK(contains(render("text", diagnosis, options), "are not reachable; objects keep each other alive\n"));
    diagnosis.held_by->lost_type = "app.Node";
    CHECK(contains(render("text", diagnosis, options),
                   "are not reachable; reference cycles of app.Node objects that the garbage collector has not freed\n"));
    diagnosis.verdict = Verdict::invalid;
    CHECK_FALSE(contains(render("text", diagnosis, options), "held by"));
}

TEST_CASE("where memory grows and no line leaks, reports say what holds the growth") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.verdict = Verdict::inconclusive;
    diagnosis.lines.headline.reset();
    for (LineGrowth& line : diagnosis.lines.lines) line.leaking = false;
    Holder& holder = diagnosis.held_by.emplace().holder.emplace();
    holder.runtime = Runtime::python;
    holder.path = "app.cache";
    holder.type = "list";
    holder.elements = 12'001;
    RenderOptions options;
    options.width = 200;
    for (options.full = false;; options.full = true) {
        CHECK(contains(render("text", diagnosis, options), "\n  held by          app.cache (list, 12,001 items)\n"));
        if (options.full) break;
    }
    CHECK(contains(render("md", diagnosis, options), "| held by | app.cache (list, 12,001 items) |"));
}

TEST_CASE("reports say which types of Python grow: three in a line, all in tables") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.types = {{"dict", 12'345, 3'000'000, 12'001, 2'900'000, {}, 50'000.0},
                       {"str", 90'000, 2'000'000, 36'003, 1'900'000, 700.0, 40'000.0},
                       {"app.Event", 12'001, 700'000, 12'001, 700'000, 0.0, 20'000.0},
                       {"list", 2, 99, 1, 99, {}, 1.0}};
    RenderOptions options;
    options.width = 200;
    options.full = false;
    CHECK(contains(render("text", diagnosis, options),
                   "\n  by type          dict +12,001 (+2.77 MiB), str +36,000 (+1.81 MiB), app.Event +12,001 (+684 KiB)\n"));
    options.full = true;
    CHECK(contains(render("text", diagnosis, options), "               +12,001     +684 KiB +- 38.3 KiB      12,001  app.Event\n"));
    CHECK(contains(render("text", diagnosis, options), "    +36,003 +- 1,372 "));
    CHECK(contains(render("html", diagnosis), "<td class=\"n\">12,001</td><td><code>app.Event</code></td>"));
    CHECK(contains(render("json", diagnosis), "\"growth_objects\": 36003"));
}

TEST_CASE("no report says 'no leak' without saying above what") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.verdict = Verdict::no_leak;
    diagnosis.trend.verdict = Trend::stable;
    diagnosis.lines.lines.clear();
    diagnosis.reasons = {"memory settled"};
    CHECK(render("text", diagnosis).starts_with("NO LEAK ABOVE 12 B per request: memory settled\n"));
    diagnosis.trend.detectable_bytes_per_request.reset();
    CHECK(summarize(diagnosis).verdict == "NO LEAK ABOVE 1.05 MiB per hour");
    diagnosis.trend.detectable_bytes_per_hour.reset();
    CHECK(summarize(diagnosis).verdict == "NO LEAK ABOVE an unknown size");
}

TEST_CASE("text is colored only when told so, and keeps to the width") {
    RenderOptions options;
    options.width = 60;
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.lines.tables.clear();  // the table's layout is fixed
    diagnosis.lines.lines.resize(1);
    CHECK_FALSE(contains(render("text", diagnosis, options), "\x1b["));
    options.color = true;
    CHECK(render("text", diagnosis, options).starts_with("\x1b[1;31mLEAK\x1b[0m: "));
    options.color = false;
    diagnosis.reasons = {"short", std::string(40, 'x') + " " + std::string(40, 'y')};
    const std::string text = render("text", diagnosis, options);
    for (std::string_view line : split(text, '\n')) {
        // Columns, not bytes: a braille character has three.
        const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
        CAPTURE(line);
        CHECK(columns <= 60);
    }
    CHECK(contains(text, "  details          " + std::string(40, 'x') + "\n                   " + std::string(40, 'y') + "\n"));
}

TEST_CASE("escape sequences in names and source text do not reach the terminal") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.lines.lines[0].at.function = "f\x1b]0;owned\x07";
    diagnosis.lines.lines[0].source = "x\x1b[2J";
    diagnosis.reasons[0] = "because\x1b[31m";
    diagnosis.metric = "rss\x1b[31m";
    diagnosis.lines.completeness = "torn\x1b[31m";
    diagnosis.command = "a\nb";
    for (const char* format : {"text", "md"}) CHECK_FALSE(contains(render(format, diagnosis), "\x1b"));
}

TEST_CASE("markdown is inert, folds the details and stays under 60 kB whatever it is given") {
    Diagnosis diagnosis = test::sample_diagnosis();
    std::string markdown = render("md", diagnosis);
    CHECK(markdown.starts_with("### leakline: LEAK\n\nlive bytes grow by 1.2 KiB per request"));
    CHECK(contains(markdown, "<details><summary>Lines by growth</summary>"));

    diagnosis.reasons[0] = "<script>alert(1)</script> @everyone | `x`";
    diagnosis.lines.lines[0].source = "``` </details> | <img src=x onerror=y>";
    diagnosis.lines.tables[0].rows[2].text = "``` </details>";
    markdown = render("md", diagnosis);
    CHECK_FALSE(contains(markdown, "<script>"));
    CHECK_FALSE(contains(markdown, "<img"));
    CHECK_FALSE(contains(markdown, "@everyone"));
    CHECK(contains(markdown, "````text\nFilename"));

    diagnosis.lines.lines.resize(5000, diagnosis.lines.lines[0]);
    for (LineGrowth& line : diagnosis.lines.lines) line.source = std::string(100'000, '|');
    LineTable huge = diagnosis.lines.tables[0];
    huge.rows.resize(20'000, {1, std::string(500, 'x'), LineCells{1, 2, 3}});
    diagnosis.lines.tables.assign(8, huge);
    diagnosis.reasons.resize(3000, std::string(100'000, '_'));
    diagnosis.warnings.resize(3000, std::string(100'000, '_'));
    RenderOptions options;
    options.top = 100'000;
    markdown = render("md", diagnosis, options);
    CHECK(markdown.size() < 60'000);
    CHECK(contains(markdown, "more parts are left out"));
}

TEST_CASE("the trend's CSV has the columns of the contract, a row a file") {
    CHECK(render("csv", test::sample_trends()) ==
          "file,verdict,p_leak,slope_mib_h,slope_low_mib_h,slope_high_mib_h,bytes_per_request,bytes_per_request_low,"
          "bytes_per_request_high,time_to_limit_h,reason\n"
          "leaky.csv,growing,0.999,412,410,414,1200,1190,1210,1.25,grows in every round\n"
          "flat.csv,stable,0.01,0.0000954,-0.00191,0.0021,,,,,\"settled, "
          "\"\"for good\"\", at 19.1 MiB\"\n");
}

TEST_CASE("the trend's CSV has each column's name once, and numbers of three digits without an exponent") {
    TrendReport report = test::sample_trends();
    report.items.resize(1);
    TrendVerdict& verdict = report.items[0].verdict;
    verdict.p_leak = .99999999;
    verdict.slope_bytes_per_hour = {-1.3e-11 * kMiB, 123456 * kMiB, 999.6 * kMiB};
    verdict.bytes_per_request = Interval{1e-9, 1234567, std::numeric_limits<double>::infinity()};
    const std::string text = render("csv", report);
    CHECK(contains(text, ",growing,1,0,123000,1000,0,1230000,inf,"));
    const std::string header = text.substr(0, text.find('\n'));
    std::vector<std::string_view> names = split(header, ',');
    std::sort(names.begin(), names.end());
    CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("the trend's CSV names a series of Prometheus whole, slashes in its labels and all") {
    TrendReport report = test::sample_trends();
    report.items.resize(1);
    report.items[0].file = "memory{id=\"/kubepods/pod1\"}";
    CHECK(contains(render("csv", report), "\n\"memory{id=\"\"/kubepods/pod1\"\"}\",growing,"));
}

TEST_CASE("a fleet's text counts, lists all by urgency, and says everything of those that need a person") {
    TrendReport report;
    for (int i = 0; i < 30; ++i) {
        TrendReport::Item item;
        item.file = item.series.name = fmt::format("host-{}", i);
        item.verdict.verdict = i % 3 == 0 ? Trend::growing : i == 1 ? Trend::inconclusive : Trend::stable;
        item.verdict.slope_bytes_per_hour = {1024. * i, 0, 2048. * i};
        item.verdict.reasons = {fmt::format("reason {}", i)};
        if (i % 3 == 0) item.verdict.time_to_limit_h = Interval{100. - i, 90. - i, 110. - i};
        report.items.push_back(item);
    }
    RenderOptions options;
    options.top = 3;
    const std::string text = render("text", report, options);
    CHECK(
        text.starts_with("10 of 30 series grow\n10 growing, 1 inconclusive, 19 stable, 0 shrinking\n\n"
                         "verdict           per hour    limit in  series\n"
                         "growing            +27 KiB   3.04 days  host-27\n"));
    CHECK(contains(text, "\ninconclusive        +1 KiB           -  host-1\nstable             +29 KiB"));
    CHECK(contains(text, "reason 27"));
    CHECK(contains(text, "reason 21"));
    CHECK_FALSE(contains(text, "reason 18"));
    CHECK_FALSE(contains(text, "reason 29"));
    CHECK(contains(text, "For the reasons of 8 more series that grow or are inconclusive"));
    const std::string html = render("html", report);
    CHECK(html.find(">host-27<") < html.find(">host-24<"));
    report.items[0].verdict.time_to_limit_h = Interval{0, 0, 0};
    CHECK(contains(render("text", report, options), "\ngrowing               +0 B     reached  host-0\n"));
    CHECK(contains(html, "<h1>10 of 30 series grow</h1>"));
}

TEST_CASE("a recording in short fits on a screen, and says how to see the rest") {
    LineReport report = test::sample_diagnosis().lines;
    for (int i = 0; i < 30; ++i) report.lines.push_back(report.lines.back());
    report.warnings = std::vector<std::string>(20, "a warning");
    RenderOptions options;
    options.full = false;
    const std::string text = lines_text(report, options);
    CHECK(std::count(text.begin(), text.end(), '\n') <= 40);
    CHECK(contains(text, fmt::format("\nLines by growth of live bytes (5 of {})\n", report.lines.size())));
    CHECK(contains(text, "\n  accounting       +"));
    CHECK(contains(text, "\n--full prints all lines with their callers and "));
    CHECK_FALSE(contains(text, "Callers of"));
    options.full = true;
    CHECK(contains(lines_text(report, options), "Memory accounting"));
}

TEST_CASE("where no line knows of requests, the ranking has growth per hour, and on a wide terminal each line's peak") {
    LineReport report;
    report.lines.resize(1);
    LineGrowth& line = report.lines[0];
    line.at = {"append()", "/src/cache.cpp", 31};
    line.growth_bytes = 1024;
    line.live_last_bytes = 2048;
    line.live_peak_bytes = 4096;
    line.bytes_per_hour = Interval{8192, 8000, 8400};
    RenderOptions options;
    options.width = 130;
    CHECK(contains(lines_text(report, options),
                   "       growth    per hour        live        peak  allocations class              line\n"
                   "       +1 KiB       8 KiB       2 KiB       4 KiB            0 unclear            "
                   "/src/cache.cpp:31 append\n"));
    line.bytes_per_request = Interval{5, 4, 6};
    options.width = 100;
    CHECK(contains(lines_text(report, options),
                   "       growth per request        live  allocations class              line\n"
                   "       +1 KiB         5 B       2 KiB            0 unclear            "
                   "/src/cache.cpp:31 append\n"));
    CHECK(contains(render("csv", report), "append(),1024,0,2048,0,5,4,6,unclear,false,,4096,8192,8000,8400\n"));
}

TEST_CASE("CSV cells that a spreadsheet would run are defused") {
    LineReport report;
    report.lines.resize(1);
    report.lines[0].at.function = "=cmd()";
    report.lines[0].source = "a,\"b\"";
    CHECK(contains(render("csv", report), ",'=cmd(),0,0,0,0,,,,unclear,false,\"a,\"\"b\"\"\",0,,,\n"));
}

TEST_CASE("requests without a response are counted by what failed, in words") {
    ReplayStats stats = test::sample_diagnosis().replay;
    stats.failures[static_cast<std::size_t>(Failure::connect)] = 320;
    CHECK(contains(render("text", stats), "320 x connection failed"));
    CHECK(contains(render("md", stats), "| connection failed | 320 |"));
    CHECK(contains(render("html", stats), "<td>connection failed</td><td class=\"n\">320</td>"));
    CHECK(contains(render("json", stats), "\"connect\": 320"));
}

TEST_CASE("a replay's results per path stand in every form, the busiest first") {
    ReplayStats stats = test::sample_diagnosis().replay;
    for (int i = 0; i < 40; ++i) stats.paths["GET /<page" + std::to_string(i) + ">"] = {1, 0, 1, 0, 0, {}};
    stats.paths["POST /z"] = {5000, 4999, 3, 0, 0, {1000, 0, 4000, 0, 0, 0, 4999, {}}};
    const auto order = [&](const char* format, const std::string& other) {
        const std::string text = render(format, stats);
        CAPTURE(text);
        const std::size_t busiest = text.find("POST /z");
        REQUIRE(busiest != text.npos);
        CHECK(busiest < text.find(other));
        CHECK(text.find(other) != text.npos);
        return text;
    };
    const std::string text = order("text", "GET /<page");
    CHECK(contains(text, "       5,000 sent        3 errors  p50      1 ms  p99      4 ms  POST /z\n"));
    CHECK(contains(text, "           1 sent        1 errors  p50         -  p99         -  GET /<page0>\n"));
    CHECK(contains(text, "  and " + std::to_string(stats.paths.size() - 30) + " more (--format json has all)\n"));
    CHECK(contains(order("md", "GET /"), "| 5,000 | 3 | 1 ms | 4 ms | POST /z |\n"));
    CHECK(contains(order("html", "GET /&lt;page0&gt;"), "<td>POST /z</td>"));
}

TEST_CASE("formats are found by name and by the longest extension, and misspelled ones are named") {
    CHECK(format_of_file("a/b.json").name == "json");
    CHECK(format_of_file("-.md").name == "md");
    CHECK(contains(error_of([] { (void)format_named("xml", kHistoryForm); }), "formats: text json md html csv"));
    CHECK(error_of([] {
              (void)format_named("jsom");
          }).starts_with("unknown report format 'jsom'; did you mean 'json'?\n  hint: formats: text json md"));
    CHECK(error_of([] { (void)format_of_file("out.dir/report"); })
              .starts_with("out.dir/report: the file name has no extension of a report format\n  hint: the format "
                           "follows the extension: .txt"));
    CHECK(error_of([] {
              (void)format_of_file("r.jso");
          }).starts_with("r.jso: no report format has the extension '.jso'; did you mean '.json'?"));
    CHECK(error_of([] {
              require_form(format_named("csv"), kReplayForm);
          }).starts_with("format csv is not available for a replay's statistics\n  hint: formats of "));
}

TEST_CASE("growth that the budget allows is not called none") {
    Diagnosis diagnosis = test::sample_diagnosis();
    diagnosis.verdict = Verdict::no_leak;
    diagnosis.max_growth = Growth{2048, Growth::Per::request};
    diagnosis.gates = {{"growth at most 2 KiB/request", GateOutcome::passed, "growth of 1.17 KiB/request is within the budget"}};
    const std::string text = render("text", diagnosis);
    CHECK(text.starts_with("NO LEAK ABOVE THE BUDGET: "));
    CHECK(contains(text, "512 MiB is reached in 1h15m"));
    CHECK(contains(text, "  gate             passed: growth at most 2 KiB/request: growth of 1.17 KiB/request is within"));
    diagnosis.trend.verdict = Trend::stable;
    CHECK(render("text", diagnosis).starts_with("NO LEAK ABOVE 12 B per request: "));
    diagnosis.verdict = Verdict::leak;
    diagnosis.accepted = true;
    CHECK(render("text", diagnosis).starts_with("LEAK (ACCEPTED): "));
}

TEST_CASE("a comparison keeps to a narrow terminal") {
    Comparison comparison;
    comparison.reasons = {"1 line leaks more than before"};
    LineDifference& line = comparison.lines.emplace_back();
    line.after = CodeLine{"ns::a_function_with_a_rather_long_name", "some/deep/folder/of/sources/file.cpp", 120};
    line.source = "cache.append(an_argument_that_is_long, and_another_one, and_a_third);";
    line.change = LineChange::appeared;
    line.rate_after = line.difference = {1200, 1190, 1210};
    RenderOptions options;
    options.width = 60;
    const std::string text = render("text", comparison, options);
    CHECK(text.find("  new                -    1.17 KiB  +1.16 KiB .. +1.18 KiB\n    some/deep/folder") != std::string::npos);
    const std::string table = text.substr(text.find("Lines that grow"));
    for (std::size_t begin = 0, end; (end = table.find('\n', begin)) != std::string::npos; begin = end + 1) CHECK(end - begin <= 60);
}

TEST_CASE("a minimized log has a text and a JSON form with its diagnosis in them, and shows that diagnosis in every other format") {
    Minimized result;
    result.verdict = Verdict::leak;
    result.complete = true;
    result.log = {{"GET /", 7}, {"POST /login", 3}};
    result.part = {{result.log[1], {{"?lang", {"de", ""}}}, {"note"}}};
    result.text = "POST /login where ?lang is 'de' or absent, without note";
    result.requests = 3;
    result.trials = {{result.text, 1, 3, 30, Verdict::leak, "it grows", false, 50.0, 1.5}};
    result.diagnosed = Minimized::Diagnosed::part;
    result.diagnosis = test::sample_diagnosis();
    const std::string text = render("text", result), json = render("json", result);
    CHECK(text.starts_with("the smallest part that leaks: " + result.text + "\n  1 of 2 kinds of requests, 3 requests\n"));
    CHECK(contains(text, "    1  leaks          " + result.text + " (50 B per request)\n"));
    CHECK(text.ends_with("The smallest part, diagnosed again\n\n" + render("text", result.diagnosis)));
    CHECK(contains(json, R"("values": ["","de"])"));
    CHECK(contains(json, R"("bytes_per_request": 50.0)"));
    CHECK(contains(json, R"("diagnosis_of": "part")"));
    for (const Format& format : formats()) {
        CAPTURE(format.name);
        CHECK((format.forms & kMinimizedForm) != 0);
        if (format.name != "text" && format.name != "json") CHECK(format.render(result, {}) == format.render(result.diagnosis, {}));
    }
}

TEST_CASE("results for a terminal and for programs have no other forms") {
    Prerequisites found = {
        {{Prerequisite::State::good, "memory: readable", ""}, {Prerequisite::State::missing, "tracker: none", "install it"}}};
    CHECK(render("text", found) ==
          "ok       memory: readable\nMISSING  tracker: none\n          fix: install it\n\nsome prerequisites are missing\n");
    CHECK(contains(render("json", found), "\"state\": \"missing\""));
    RenderOptions brief;
    brief.brief = true;
    CHECK(render("text", found, brief) == "MISSING  tracker: none\n          fix: install it\n");
    SelfTest measured;
    measured.scores = {{"recall", "leaks", {99, 100}, Goal{.99, true, GateOutcome::passed}}};
    CHECK(contains(render("json", measured), R"("at_least": 0.99)"));
    for (const char* format : {"md", "html", "csv", "junit"}) {
        CAPTURE(format);
        for (const Document& document : {Document(found), Document(measured), Document(DryRun())})
            CHECK(error_of([&] { (void)render(format, document); }).starts_with(fmt::format("format {} is not available for a ", format)));
    }
}
