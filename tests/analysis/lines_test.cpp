#include "analysis/lines/lines.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <random>

#include "analysis/lines/code_kind.hpp"
#include "analysis/lines/internal/attribution.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace leakline::analysis;
using namespace std::chrono_literals;

namespace {

const test::At kNew{"std::deque<Event>::push_back(Event&&)", "/usr/include/c++/12/bits/stl_deque.h", 1500};

const LineGrowth& line_at(const LineReport& report, const std::string& file, std::uint32_t line) {
    for (const LineGrowth& growth : report.lines)
        if (growth.at.file == file && growth.at.line == line) return growth;
    FAIL("no such line in the report");
    return report.lines.front();
}

// Of a vector that gains 24 bytes per request. seen: what the recording has of a block of so many bytes.
HeapProfile leaking_vector(const std::function<std::uint64_t(std::uint64_t)>& seen) {
    test::ProfileBuilder builder;
    const TraceId vector = builder.trace({{"record(int)", "/src/log.cpp", 9}});
    std::uint64_t elements = 0, capacity = 0, second = 0;
    const auto append = [&] {
        if (elements++ < capacity) return;
        const std::uint64_t grown = capacity == 0 ? 1 : 2 * capacity;
        if (const auto bytes = seen(24 * grown); bytes > 0) builder.allocate(vector, bytes);
        if (const auto bytes = seen(24 * capacity); capacity != 0 && bytes > 0) builder.release(vector, bytes);
        capacity = grown;
    };
    for (std::uint64_t round = 1; round <= 9; ++round) {
        for (int part = 0; part < 5; ++part) {
            for (int i = 0; i < 200; ++i) append();
            second += 2;
            if (part < 4) builder.mark(HeapMark::Kind::interval, std::chrono::seconds(second));
        }
        builder.mark(HeapMark::Kind::round_end, std::chrono::seconds(second), 1000 * round);
    }
    return builder.profile();
}

}  // namespace

TEST_CASE("a leaking line is named, with its rate, class and callers") {
    test::ProfileBuilder builder;
    const TraceId leak = builder.trace({kNew,
                                        {"append(Event)", "/src/cache.cpp", 31},
                                        {"handle(int)", "/src/app.cpp", 12},
                                        {"std::thread::run()", "/usr/include/c++/12/bits/std_thread.h", 99}});
    const TraceId leak2 = builder.trace({kNew, {"append(Event)", "/src/cache.cpp", 31}, {"import(int)", "/src/app.cpp", 44}});
    const TraceId scratch = builder.trace({{"parse()", "/src/json.cpp", 5}, {"handle(int)", "/src/app.cpp", 10}});
    for (int round = 0; round < 7; ++round) {
        builder.allocate(leak, 48, 900);
        builder.allocate(leak2, 48, 100);
        builder.allocate(scratch, 200, 1000);
        builder.release(scratch, 200, 1000);
        builder.round_end();
    }
    const LineReport report = grow_lines(builder.profile());
    REQUIRE_FALSE(report.lines.empty());
    const LineGrowth& top = report.lines[0];
    CHECK(top.at.file == "/src/cache.cpp");
    CHECK(top.at.line == 31);
    CHECK(top.at.function == "append(Event)");
    CHECK(top.leaking);
    CHECK(top.user_code);
    CHECK(top.growth_class == GrowthClass::linear);
    CHECK(top.growth_bytes == 6 * 48'000);
    CHECK(top.live_last_blocks == 7000);
    CHECK(top.allocations == 6000);
    REQUIRE(top.bytes_per_request);
    CHECK(top.bytes_per_request->estimate == doctest::Approx(48));
    CHECK(top.bytes_per_request->low == doctest::Approx(48));
    REQUIRE(top.bytes_per_hour);
    CHECK(top.bytes_per_hour->estimate == doctest::Approx(4800 * 3600));
    REQUIRE(top.callers.size() == 2);
    CHECK(top.callers[0].at.function == "handle(int)");
    CHECK(top.callers[0].at.line == 12);
    CHECK(top.callers[0].growth_bytes == 6 * 48 * 900);
    CHECK_FALSE(top.callers[0].library);
    REQUIRE(top.callers[0].callers.size() == 1);
    CHECK(top.callers[0].callers[0].library);
    CHECK(top.callers[1].at.line == 44);
    CHECK(top.live_at_marks.size() == report.mark_seconds.size());

    const LineGrowth& churn = line_at(report, "/src/json.cpp", 5);
    CHECK_FALSE(churn.leaking);
    CHECK(churn.growth_class == GrowthClass::flat);
    CHECK(churn.allocations == 6000);
    REQUIRE_FALSE(report.tables.empty());
    CHECK(report.tables[0].function == "append(Event)");
}

// A cache that keeps the newest `bound` records: chunks of a deque on one line, their strings on another.
LineReport run_cache(std::size_t bound, int per_round, int rounds, int before = 0) {
    std::mt19937 random(3);
    std::uniform_int_distribution<int> size(20, 300);
    test::ProfileBuilder builder;
    const TraceId chunk = builder.trace({kNew, {"append(Event)", "/src/cache.cpp", 31}});
    const TraceId text = builder.trace({{"copy(Event)", "/src/cache.cpp", 30}});
    std::deque<std::uint64_t> records;
    std::uint64_t appended = 0, dropped = 0;
    const auto append = [&] {
        if (appended++ % 8 == 0) builder.allocate(chunk, 512);
        records.push_back(static_cast<std::uint64_t>(size(random)));
        builder.allocate(text, records.back());
        if (records.size() <= bound) return;
        builder.release(text, records.front());
        records.pop_front();
        if (++dropped % 8 == 0) builder.release(chunk, 512);
    };
    for (int i = 0; i < before; ++i) append();
    builder.mark(HeapMark::Kind::interval, std::chrono::seconds(5), 0);  // ready: no request so far
    for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < per_round; ++i) append();
        builder.round_end();
    }
    return grow_lines(builder.profile());
}

TEST_CASE("a bounded cache comes out as filling, then flat, on each of its lines") {
    for (int per_round : {150, 250, 300, 450, 700}) {
        CAPTURE(per_round);
        const LineReport report = run_cache(1000, per_round, 10);
        for (std::uint32_t line : {30U, 31U}) {
            CAPTURE(line);
            const LineGrowth& growth = line_at(report, "/src/cache.cpp", line);
            CHECK_FALSE(growth.leaking);
            CHECK(growth_class_name(growth.growth_class) == "filling then flat");
        }
    }
}

TEST_CASE("a bounded cache that the first round fills, before the window, is filling, then flat") {
    const LineReport report = run_cache(400, 500, 8);
    for (std::uint32_t line : {30U, 31U}) {
        const LineGrowth& growth = line_at(report, "/src/cache.cpp", line);
        CHECK_FALSE(growth.leaking);
        CHECK(growth_class_name(growth.growth_class) == "filling then flat");
    }
}

TEST_CASE("a cache that was full before the first request is flat") {
    const LineReport report = run_cache(1000, 500, 8, 1000);
    for (std::uint32_t line : {30U, 31U}) {
        const LineGrowth& growth = line_at(report, "/src/cache.cpp", line);
        CHECK_FALSE(growth.leaking);
        CHECK(growth_class_name(growth.growth_class) == "flat");
    }
}

TEST_CASE("the same cache without its bound leaks on each of its lines") {
    const LineReport report = run_cache(1'000'000, 300, 6);
    CHECK(line_at(report, "/src/cache.cpp", 30).leaking);
    CHECK(line_at(report, "/src/cache.cpp", 31).leaking);
}

TEST_CASE("a vector that leaks is found with one live block") {
    const HeapProfile exact = leaking_vector([](std::uint64_t bytes) { return bytes; });
    // The size of a block that may not be sampled is vague: of two such blocks, the smaller may seem larger.
    HeapProfile sampled = leaking_vector([](std::uint64_t bytes) {
        return bytes >= 40'000 ? bytes : bytes >= 10'000 ? 36'000 - bytes / 2 : 0;
    });
    sampled.sampling = Sampling{.interval = 10'000, .samples = 1000};
    for (const HeapProfile* const profile : {&exact, static_cast<const HeapProfile*>(&sampled)}) {
        CAPTURE(profile->sampling.has_value());
        const LineReport report = grow_lines(*profile);
        REQUIRE(report.lines.size() == 1);
        const LineGrowth& line = report.lines[0];
        CHECK(line.live_last_blocks == 1);
        CHECK(growth_class_name(line.growth_class) == "container doubling");
        CHECK(line.leaking);
        REQUIRE(line.payload_bytes);
        CHECK(line.payload_bytes->low == 24 * 8192);
        CHECK(line.payload_bytes->high == 24 * 16384);
        REQUIRE(line.bytes_per_request);
        CHECK(line.bytes_per_request->low <= 24);
        CHECK(line.bytes_per_request->high >= 24);
        CHECK(line.bytes_per_request->estimate == doctest::Approx(24).epsilon(0.25));
    }
}

TEST_CASE(
    "without rounds a leak is judged at interval marks, under load, though the process frees all at its "
    "end") {
    test::ProfileBuilder builder;
    std::mt19937 random(11);
    const TraceId leak = builder.trace({{"append(int)", "/src/cache.cpp", 31}});
    const TraceId scratch = builder.trace({{"parse()", "/src/json.cpp", 5}});
    std::uint64_t in_flight = 0;
    for (int second = 1; second <= 60; ++second) {
        builder.allocate(leak, 64, 95 + random() % 10);
        builder.release(scratch, 100, in_flight);
        in_flight = random() % 50;
        builder.allocate(scratch, 100, in_flight);
        builder.mark(HeapMark::Kind::interval, std::chrono::seconds(second));
    }
    builder.mark(HeapMark::Kind::interval, 61s);
    const TraceCost all = builder.profile().marks[60].changes[0].cost;
    builder.release(leak, 64, static_cast<std::uint64_t>(all.live_blocks));
    builder.mark(HeapMark::Kind::finish, 62s);
    const LineReport report = grow_lines(builder.profile());
    CHECK(report.window_end == 60s);
    const LineGrowth& line = line_at(report, "/src/cache.cpp", 31);
    CHECK(line.leaking);
    CHECK(line.bytes_per_hour->estimate == doctest::Approx(6400 * 3600).epsilon(0.05));
    CHECK_FALSE(line_at(report, "/src/json.cpp", 5).leaking);
}

TEST_CASE("without rounds a cache that fills while the program warms up is filling, then flat") {
    test::ProfileBuilder builder;
    const TraceId cache = builder.trace({{"remember(int)", "/src/cache.cpp", 5}});
    for (int second = 1; second <= 60; ++second) {
        builder.allocate(cache, 100, 100);
        if (second > 5) builder.release(cache, 100, 100);
        builder.mark(HeapMark::Kind::interval, std::chrono::seconds(second));
    }
    const LineReport report = grow_lines(builder.profile());
    const LineGrowth& line = line_at(report, "/src/cache.cpp", 5);
    CHECK(growth_class_name(line.growth_class) == "filling then flat");
    CHECK_FALSE(line.leaking);
}

TEST_CASE("skip and only choose the frame that a trace is charged to") {
    test::ProfileBuilder builder;
    const TraceId trace = builder.trace({kNew, {"grow_pool(int)", "/src/vendor/alloc.cpp", 3}, {"run()", "/src/app.cpp", 12}});
    for (int round = 0; round < 5; ++round) {
        builder.allocate(trace, 10);
        builder.round_end();
    }
    const auto top = [&](const LineOptions& options) {
        const LineReport report = grow_lines(builder.profile(), options);
        return report.lines.empty() ? std::string("nothing") : report.lines[0].at.file;
    };
    LineOptions options;
    CHECK(top(options) == "/src/vendor/alloc.cpp");
    options.skip = {"vendor/"};
    CHECK(top(options) == "/src/app.cpp");
    options.skip = {"grow_pool"};
    CHECK(top(options) == "/src/app.cpp");
    options.skip = {};
    options.only = {"/src/app"};
    CHECK(top(options) == "/src/app.cpp");
    options.only = {"/src/other"};
    CHECK(top(options) == "nothing");
    options.only = {};
    options.attribution = Attribution::self;
    CHECK(top(options) == "/usr/include/c++/12/bits/stl_deque.h");
}

TEST_CASE("code without debug info is told by its function, then by its program, before the system's lines") {
    const test::At start{"__libc_start_call_main", "../sysdeps/nptl/libc_start_call_main.h", 58};
    test::ProfileBuilder builder;
    const std::string service = "/opt/service", libc = "/lib/x86_64-linux-gnu/libc.so.6";
    const auto stack = [&](const std::vector<std::pair<test::At, std::string>>& frames) {
        TraceId parent;
        for (std::size_t i = frames.size(); i-- > 0;) parent = builder.node(builder.ip({frames[i].first}, frames[i].second), parent);
        return parent;
    };
    const test::At keep{"keep(int)", "", 0}, main{"main", "", 0}, nameless{"", "", 0};
    const TraceId symbol = stack({{kNew, service}, {keep, service}, {main, service}, {start, libc}});
    const TraceId stripped = stack({{nameless, service}, {nameless, service}, {start, libc}});
    const TraceId line = stack({{keep, service}, {{"run()", "/src/run.cpp", 7}, service}, {start, libc}});
    const TraceId system = stack({{{"getaddrinfo", "", 0}, libc}, {{"_start", "", 0}, service}, {start, libc}});
    for (int round = 0; round < 5; ++round) {
        builder.allocate(symbol, 1000);
        builder.allocate(stripped, 100);
        builder.allocate(line, 10);
        builder.round_end();
    }
    const auto places = [&](const LineOptions& options) {
        std::vector<std::string> found;
        for (const LineGrowth& growth : grow_lines(builder.profile(), options).lines)
            if (growth.growth_bytes != 0) found.push_back(growth.at.function + "|" + growth.at.file);
        return found;
    };
    LineOptions options;
    CHECK(places(options) == std::vector<std::string>{"keep(int)|/opt/service", "|/opt/service", "run()|/src/run.cpp"});
    options.by = GroupBy::file;
    CHECK(places(options) == std::vector<std::string>{"|/opt/service", "|/src/run.cpp"});
    options = {};
    options.skip = {"keep"};
    CHECK(places(options)[0] == "main|/opt/service");

    const HeapProfile& profile = builder.profile();
    const TraceAttribution attribution = attribute_traces(profile, {});
    const Site& of_system = attribution.sites[attribution.site_of_trace[system.value - 1]];
    CHECK(of_system.at.line == 58);
    CHECK(attribution.sites[attribution.site_of_trace[symbol.value - 1]].user_code);
}

TEST_CASE("lines of one function or file can be put together") {
    test::ProfileBuilder builder;
    const TraceId a = builder.trace({{"f(int)", "/src/a.cpp", 1}});
    const TraceId b = builder.trace({{"f", "/src/./a.cpp", 2}});
    const TraceId c = builder.trace({{"g(int)", "/src/a.cpp", 9}});
    for (int round = 0; round < 5; ++round) {
        for (TraceId t : {a, b, c}) builder.allocate(t, 10, 100);
        builder.round_end();
    }
    LineOptions options;
    options.by = GroupBy::function;
    LineReport report = grow_lines(builder.profile(), options);
    REQUIRE(report.lines.size() == 2);
    CHECK(report.lines[0].at.function == "f(int)");
    CHECK(report.lines[0].growth_bytes == 8000);
    options.by = GroupBy::file;
    report = grow_lines(builder.profile(), options);
    REQUIRE(report.lines.size() == 1);
    CHECK(report.lines[0].growth_bytes == 12'000);
    CHECK(report.lines[0].at.line == 0);
}

TEST_CASE("system headers, system libraries and the runtime's start-up code are not user code") {
    CHECK(is_user_code("/home/me/app/cache.cpp", "/home/me/app/build/service"));
    CHECK(is_user_code("src/cache.cpp", "/usr/bin/service"));
    CHECK(is_user_code("./a.cpp", "/usr/lib/git-core/git"));
    CHECK_FALSE(is_user_code("/usr/include/c++/12/bits/new_allocator.h", "/app/service"));
    CHECK_FALSE(is_user_code("/opt/llvm/include/c++/v1/vector", "/app/service"));
    CHECK_FALSE(is_user_code("./sqlite3.c", "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0"));
    CHECK_FALSE(is_user_code("../sysdeps/x86_64/start.S", "/app/service"));
}
