#include <doctest/doctest.h>

#include <random>

#include "analysis/lines/lines.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace leakline::analysis;
using namespace std::chrono_literals;

TEST_CASE("lines and the rest sum up to the live-byte delta exactly, for every grouping and window") {
    std::mt19937 random(5);
    test::ProfileBuilder builder;
    std::vector<TraceId> traces;
    for (std::uint32_t i = 0; i < 200; ++i) {
        std::vector<test::At> stack;
        const std::size_t depth = random() % 6;
        for (std::size_t d = 0; d < depth; ++d) {
            const std::uint32_t f = static_cast<std::uint32_t>(random() % 30);
            const bool known = random() % 4 != 0;
            stack.push_back({"f" + std::to_string(f) + "(int)",
                             known ? (f % 3 == 0 ? "/usr/include/c++/12/deque" : "/src/f" + std::to_string(f % 5) + ".cpp") : "",
                             known ? f + 1 : 0});
        }
        // A nameless stack is charged to the user's module, and to nothing within the system's.
        const char* module = random() % 3 == 0 ? "/lib/x86_64-linux-gnu/libc.so.6" : "/app/service";
        if (!stack.empty()) traces.push_back(builder.trace(stack, module));
    }
    std::vector<std::int64_t> blocks(traces.size());
    for (int round = 0; round < 12; ++round) {
        for (int i = 0; i < 500; ++i) {
            const std::size_t t = random() % traces.size();
            const std::uint64_t size = 16 + t;
            if (blocks[t] > 0 && random() % 3 == 0) {
                builder.release(traces[t], size);
                --blocks[t];
            } else {
                builder.allocate(traces[t], size);
                ++blocks[t];
            }
        }
        builder.round_end();
    }
    for (GroupBy by : {GroupBy::line, GroupBy::function, GroupBy::file}) {
        for (Attribution attribution : {Attribution::user_code, Attribution::self}) {
            for (auto begin : {std::optional<Nanoseconds>(), std::optional<Nanoseconds>(0s), std::optional<Nanoseconds>(50s)}) {
                LineOptions options;
                options.by = by;
                options.attribution = attribution;
                options.window_begin = begin;
                const LineReport report = grow_lines(builder.profile(), options);
                std::int64_t sum = 0;
                for (const LineGrowth& line : report.lines) {
                    CHECK(line.growth_bytes == line.live_last_bytes - line.live_first_bytes);
                    CHECK(line.live_peak_bytes >= std::max(line.live_first_bytes, line.live_last_bytes));
                    sum += line.growth_bytes;
                }
                CHECK(sum == report.accounting.attributed_bytes);
                CHECK(report.accounting.attributed_bytes + report.accounting.unattributed_bytes == report.accounting.live_delta_bytes);
                if (by != GroupBy::function) CHECK(report.accounting.unattributed_bytes != 0);
            }
        }
    }
}

TEST_CASE("live, retention and other sum up to the RSS delta") {
    test::ProfileBuilder builder;
    const TraceId trace = builder.trace({{"append()", "/src/cache.cpp", 31}});
    for (std::uint64_t round = 0; round < 6; ++round) {
        builder.allocate(trace, 1000, 1000);
        HeapMark& mark = builder.round_end();
        mark.rss = 50'000'000 + round * 1'500'000;
        mark.allocator_in_use = 1'100'000 * (round + 1);  // headers and all
        mark.allocator_retained = 2'000'000 + round * 100'000;
    }
    const Accounting accounting = grow_lines(builder.profile()).accounting;
    CHECK(accounting.live_delta_bytes == 5'000'000);
    CHECK(accounting.rss_delta_bytes == 7'500'000);
    CHECK(accounting.retention_delta_bytes == 500'000);
    CHECK(accounting.other_delta_bytes == 2'000'000);
}

TEST_CASE("growth of RSS that the tracked heap does not explain is a warning") {
    test::ProfileBuilder builder;
    const TraceId trace = builder.trace({{"append()", "/src/cache.cpp", 31}});
    for (std::uint64_t round = 0; round < 6; ++round) {
        builder.allocate(trace, 100, 10);
        builder.round_end().rss = 50'000'000 + round * 10 * 1024 * 1024;
    }
    const LineReport report = grow_lines(builder.profile());
    REQUIRE(report.warnings.size() == 1);
    CHECK(report.warnings[0] ==
          "RSS grew by 50 MiB, tracked heap by +4.88 KiB: most of the growth is outside the lines above (mmap, "
          "fragmentation, an allocator that is not hooked, thread stacks, or the tracker's own tables)");
}

TEST_CASE("growth of RSS that malloc keeps free is called so, and another allocator's heap is not judged by malloc's figures") {
    for (const Bytes in_use : {100'000, 1'000}) {
        CAPTURE(in_use);
        test::ProfileBuilder builder;
        const TraceId trace = builder.trace({{"append()", "/src/cache.cpp", 31}});
        builder.profile().marks[0].rss = 1'000'000;
        for (std::uint64_t round = 1; round < 6; ++round) {
            builder.allocate(trace, 100, 100);
            HeapMark& mark = builder.mark(HeapMark::Kind::interval, std::chrono::seconds(round));
            mark.rss = 1'000'000 + round * 10 * 1024 * 1024;
            mark.allocator_in_use = in_use;
            mark.allocator_retained = round * 9 * 1024 * 1024;
        }
        LineOptions options;
        options.window_begin = 0s;
        const LineReport report = grow_lines(builder.profile(), options);
        const std::string warning = report.warnings.empty() ? "" : report.warnings.back();
        if (in_use == 100'000) {
            CHECK(report.accounting.retention_delta_bytes == 45 * 1024 * 1024);  // from nothing at the start
            CHECK(warning ==
                  "RSS grew by 50 MiB, tracked heap by +48.8 KiB: most of the growth is memory that was freed and that malloc keeps "
                  "(45 MiB): fragmentation, or a peak that has passed");
        } else {
            CHECK_FALSE(report.accounting.retention_delta_bytes);
            CHECK(warning.starts_with(
                "RSS grew by 50 MiB, tracked heap by +48.8 KiB: most of the growth is outside the lines above (mmap, frag"));
        }
        CHECK(report.accounting.live_delta_bytes + report.accounting.retention_delta_bytes.value_or(0) +
                  *report.accounting.other_delta_bytes ==
              *report.accounting.rss_delta_bytes);
    }
}

TEST_CASE("a pattern that nothing contains is a warning, and what --only leaves out is not blamed on missing symbols") {
    test::ProfileBuilder builder;
    const TraceId trace = builder.trace({{"append()", "/src/cache.cpp", 31}});
    for (int round = 0; round < 6; ++round) {
        builder.allocate(trace, 100'000, 10);
        builder.round_end();
    }
    LineOptions options;
    options.only = {"casche.cpp"};
    options.skip = {"third_party/", "/app/serv"};
    const LineReport report = grow_lines(builder.profile(), options);
    CHECK(report.lines.empty());
    CHECK(report.accounting.unattributed_bytes == report.accounting.live_delta_bytes);
    CHECK(report.warnings == std::vector<std::string>{"--only casche.cpp: no file, function or library in the recording contains it",
                                                      "--skip third_party/: no file, function or library in the recording contains it"});
}

TEST_CASE("totals cover the whole recording, to its last state") {
    test::ProfileBuilder builder;
    const TraceId trace = builder.trace({{"append()", "/src/cache.cpp", 31}});
    builder.allocate(trace, 100, 50);
    builder.round_end();
    builder.allocate(trace, 100, 50);
    builder.round_end();
    builder.release(trace, 100, 99);
    builder.mark(HeapMark::Kind::finish, 30s);
    builder.profile().peak_bytes = 10'000;
    const LineReport report = grow_lines(builder.profile());
    CHECK(report.totals.allocations == 100);
    CHECK(report.totals.leaked_bytes == 100);
    CHECK(report.totals.leaked_blocks == 1);
    CHECK(report.totals.peak_bytes == 10'000);
}
