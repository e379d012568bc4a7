// The formats that trend reads beside CSV, and those that it refuses by name. (Files as people have them are in
// tests/apps/trend_cases_test.cpp.)
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "memory/series_reader.hpp"

using namespace leakline;
using namespace leakline::memory;

namespace {

using Values = std::vector<double>;
constexpr double kKiB = 1024;

SeriesFile read(std::string_view text, const SeriesReadOptions& options = {}) { return read_series(memory_source(text), "x", options); }

SeriesFile read_every_five(std::string_view text, std::string unit = {}) {
    SeriesReadOptions options;
    options.interval_s = 5;
    options.unit = std::move(unit);
    return read(text, options);
}

std::string error_of(std::string_view text) {
    try {
        read(text);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

std::string utf16(std::string_view text, bool big, bool mark) {
    std::string out;
    const auto put = [&](unsigned unit) {
        const char low = static_cast<char>(unit & 0xFF), high = static_cast<char>(unit >> 8);
        (out += big ? high : low) += big ? low : high;
    };
    if (mark) put(0xFEFF);
    for (const char c : text) put(static_cast<unsigned char>(c));
    return out;
}

void check(const SeriesFile& file, std::string_view format, const Values& seconds, const Values& bytes) {
    CHECK(file.format == format);
    CHECK(file.damage.lines() == std::vector<std::string>{});
    REQUIRE(file.series.size() == 1);
    CHECK(file.series[0].seconds == seconds);
    CHECK(file.series[0].value == bytes);
}

}  // namespace

TEST_CASE("UTF-16 is read in both byte orders, with its mark and without, and a mark of UTF-8 is passed over") {
    const std::string text = "t_s,rss_kib\r\n0,10\r\n1,20\r\n";
    for (const bool big : {false, true})
        for (const bool mark : {false, true}) check(read(utf16(text, big, mark)), "csv", {0, 1}, {10 * kKiB, 20 * kKiB});
    check(read("\xEF\xBB\xBF"
               "1717763400\n12MiB\n1717763405\n13MiB\n"),
          "values", {0, 5}, {12 * kMiB, 13 * kMiB});
    // Appended to twice, and cut within a character.
    const std::string twice = utf16("t_s,mib\n0,1\n", false, true) + utf16("1,2\n", false, true) + "2";
    check(read(twice), "csv", {0, 1}, {kMiB, 2 * kMiB});
}

TEST_CASE("CSV of docker stats: usage and limit in one cell, headers that come again, no header") {
    const Values seconds = {0, 5}, bytes = {12 * kMiB, 13 * kMiB};
    check(read("time,name,mem\n2024-06-07 12:30:00,web,12MiB / 2GiB\n2024-06-07 12:30:05,web,13MiB / 2GiB\n"), "csv", seconds, bytes);
    check(read("1717763400000000000,CONTAINER,CPU %,MEM USAGE / LIMIT\n1717763400000000000,web,1%,12MiB / 2GiB\n"
               "1717763405000000000,CONTAINER,CPU %,MEM USAGE / LIMIT\n1717763405000000000,web,1%,13MiB / 2GiB\n"),
          "csv", seconds, bytes);
    check(read("2024-06-07T12:30:00Z;web;1.5%;12MiB / 2GiB;1MB / 2MB\n2024-06-07T12:30:05Z;web;1.5%;13MiB / 2GiB;1MB / 2MB\n"), "csv",
          seconds, bytes);
    check(read("web\t12MiB\t12:30:00\nweb\t13MiB\t12:30:05\n"), "csv", seconds, bytes);
    check(read("date,time,mem\n2024-06-07,23:59:58,12MiB\n2024-06-08,00:00:03,13MiB\n"), "csv", seconds, bytes);
    check(read("clock,day,mem\n23:59:58,06/07/2024,12MiB\n00:00:03,06/08/2024,13MiB\n"), "csv", seconds, bytes);
}

TEST_CASE("CSV: more ways to write a time") {
    for (const char* text :
         {"when,mib\n2024-06-07 12:30:00,1\n2024-06-07 12:30:05,2\n", "time,mib\n20240607123000,1\n20240607123005,2\n",
          "time;mib\nFri Jun  7 12:30:00 UTC 2024;1\nFri Jun  7 12:30:05 UTC 2024;2\n",
          "time,mib\n\"Jun 7, 2024 @ 12:30:00.000\",1\n\"Jun 7, 2024 @ 12:30:05.000\",2\n",
          "time;mib\n07/Jun/2024:12:30:00 +0000;1\n07/Jun/2024:12:30:05 +0000;2\n",
          "\"(PDH-CSV 4.0) (UTC)(0)\",\"\\\\HOST\\Process(svc)\\Private Bytes\"\n\"06/07/2024 12:30:00.000\",\"1048576\"\n"
          "\"06/07/2024 12:30:05.000\",\"2097152\"\n",
          "elapsed_time,nproc,cpu,mem_real,mem_virtual\n7,1,3.5,1,900\n12,1,3.5,2,900\n"}) {
        CAPTURE(text);
        check(read(text), "csv", {0, 5}, {kMiB, 2 * kMiB});
    }
    // A time of day in a column of times, minutes and seconds in one of elapsed time.
    check(read("time,mib\n12:30,1\n12:35,2\n"), "csv", {0, 300}, {kMiB, 2 * kMiB});
    check(read("elapsed,mib\n12:30,1\n12:35,2\n"), "csv", {0, 5}, {kMiB, 2 * kMiB});
}

TEST_CASE("Grafana: numbers whose unit nothing says are bytes only where they are large") {
    const SeriesFile file = read("\"Time\",\"{pod=\"\"a\"\"}\"\n1544616000000,400000000\n1544616005000,400000001\n");
    check(file, "csv", {0, 5}, {400000000, 400000001});
    REQUIRE(file.notes.size() == 1);
    CHECK(error_of("Series;Time;Value\na;2024-06-07T12:30:00Z;480\na;2024-06-07T12:30:05Z;481\n") ==
          "x:1: column 'Value' has no unit, and its values are too small for bytes\n  hint: --unit kib, mib or gib");
    CHECK(error_of("Label,Timestamp,Average,Unit\ncpu,2024-06-07T12:30:00Z,48,Percent\n")
              .starts_with("x:1: the column 'unit' says 'Percent', which is not a unit of memory"));
}

TEST_CASE("tables: top, ps without a header, kubectl, smem, free, sar") {
    check(read("top - 12:30:00 up 1 day,  1 user,  load average: 0.59\nTasks:   1 total\nMiB Mem :  24105.1 total, 467.8 used\n\n"
               "    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n"
               "   7759 nginx     20   0  297260   1024   5428 S   0.0   0.5   0:14.13 nginx\n\n"
               "top - 12:30:05 up 1 day,  1 user,  load average: 0.59\n\n"
               "    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n"
               "   7759 nginx     20   0  297260   1.5m   5428 S   0.0   0.5   0:14.13 nginx\n"),
          "top", {0, 5}, {kMiB, 1.5 * kMiB});
    check(read_every_five("   7759 nginx     20   0  297260   1024   5428 S   0.0   0.5   0:14.13 nginx\n"
                          "   7759 nginx     20   0  297260   1025   5428 S   0.0   0.5   0:14.13 nginx\n"),
          "top", {0, 5}, {1024 * kKiB, 1025 * kKiB});
    check(read("1717763400\nroot  1 0.0 0.1 76000 564 ? Ss 08:13 0:00 /sbin/init splash\n"
               "1717763405\nroot  1 0.0 0.1 76000 565 ? Ss 08:13 0:00 /sbin/init splash\n"),
          "ps", {0, 5}, {564 * kKiB, 565 * kKiB});
    const SeriesFile pods = read(
        "1717763400\nNAMESPACE NAME CPU(cores) MEMORY(bytes)\na x 1m 10Mi\nb x 1m 1Gi\n"
        "1717763405\nNAMESPACE NAME CPU(cores) MEMORY(bytes)\na x 1m 11Mi\nb x 1m 1Gi\n");
    CHECK(pods.format == "kubectl top");
    REQUIRE(pods.series.size() == 2);
    CHECK(pods.series[0].name == "x:a");
    CHECK(pods.series[0].value == Values{10 * kMiB, 11 * kMiB});
    check(read("12:30:00\n  PID User     Command                         Swap      USS      PSS      RSS\n"
               " 1234 root     /usr/bin/python3 /srv/app.py       0    10000    11000    12000\n"
               "12:30:05\n  PID User     Command                         Swap      USS      PSS      RSS\n"
               " 1234 root     /usr/bin/python3 /srv/app.py       0    10000    11000    12001\n"),
          "smem", {0, 5}, {12000 * kKiB, 12001 * kKiB});
    const char* titles = "               total        used        free      shared  buff/cache   available\n";
    check(read(fmt::format("1717763400\n{0}Mem:  24105 467 21442 0 2502 23637\nSwap:     0 0 0\n1717763405\n{0}"
                           "Mem:  24105 468 21442 0 2502 23637\nSwap:     0 0 0\n",
                           titles)),
          "free", {0, 5}, {467 * kMiB, 468 * kMiB});
    CHECK(error_of(fmt::format("1717763400\n{}Mem:  512000 467 21442 0 2502 23637\n", titles)) ==
          "x:3: free does not say whether these are KiB or MiB\n  hint: --unit kib or --unit mib");
    check(
        read(
            "Linux 6.1.0 (host) \t06/07/24 \t_x86_64_\t(2 CPU)\n\n"
            "12:30:00 AM kbmemfree   kbavail kbmemused  %memused kbbuffers\n12:30:00 AM  21782964  23918912    413473      1.67     25732\n"
            "12:30:05 AM  21782964  23918912    413474      1.67     25732\nAverage:     21782964  23918912    413473      1.67     25732\n"),
        "sar -r", {0, 5}, {413473 * kKiB, 413474 * kKiB});
}

TEST_CASE("lines of values: an application's log, several labels, status files, numbers with --unit") {
    check(read("2024-06-07T12:30:00Z INFO memory usage: 12 MiB\n2024-06-07T12:30:05Z INFO memory usage: 13 MiB\n"), "values", {0, 5},
          {12 * kMiB, 13 * kMiB});
    check(read("[2024-06-07 12:30:00,000] rss=12MiB heap=8MiB free=1MiB\n[2024-06-07 12:30:05,000] rss=13MiB heap=8MiB free=1MiB\n"),
          "values", {0, 5}, {12 * kMiB, 13 * kMiB});
    check(read("Jun  7 12:30:00 Name:\tnginx\nVmPeak:\t  900 kB\nVmRSS:\t  100 kB\nRssAnon:\t 90 kB\n"
               "Jun  7 12:30:05 Name:\tnginx\nVmPeak:\t  900 kB\nVmRSS:\t  101 kB\nRssAnon:\t 90 kB\n"),
          "values", {0, 5}, {100 * kKiB, 101 * kKiB});
    // Most of an application's lines say nothing of memory.
    std::string log;
    for (int i = 0; i < 10; ++i)
        log += fmt::format(
            "2024-06-07 12:30:0{0},123 INFO request {1} took 3 ms\n2024-06-07 12:30:0{0},456 INFO request done\n"
            "2024-06-07 12:30:0{0},789 INFO memory: 1{0} MiB used\n",
            i, 1000 * i);
    const SeriesFile app = read(log);
    CHECK(app.format == "values");
    CHECK(app.damage.empty());
    REQUIRE(app.series.size() == 1);
    CHECK(app.series[0].size() == 10);
    CHECK(app.series[0].value.back() == 19 * kMiB);
    check(read_every_five("100\n101\n", "kib"), "values", {0, 5}, {100 * kKiB, 101 * kKiB});
    SeriesReadOptions kib;
    kib.unit = "kib";
    check(read("1717763400 100\n1717763405 101\n", kib), "values", {0, 5}, {100 * kKiB, 101 * kKiB});
    // echo "$(date) $(ps -o rss= -p PID)", in several locales
    check(read("Fri Nov 20 08:00:00 UTC 2026 100\nFri Nov 20 08:00:05 UTC 2026   101\n", kib), "values", {0, 5}, {100 * kKiB, 101 * kKiB});
    check(read("Fri 20 Nov 2026 08:00:00 AM UTC: 100 kB\nFri 20 Nov 2026 08:00:05 AM UTC: 101 kB\n"), "values", {0, 5},
          {100 * kKiB, 101 * kKiB});
    check(read("Fri Nov  6 08:00:00 UTC 2026 RSS: 100 KiB\nFri Nov  6 08:00:05 UTC 2026 RSS: 101 KiB\n"), "values", {0, 5},
          {100 * kKiB, 101 * kKiB});
    const SeriesFile workers =
        read("12:30:00 worker 1: 12 MiB\n12:30:00 worker 2: 15 MiB\n12:30:05 worker 1: 13 MiB\n12:30:05 worker 2: 15 MiB\n");
    REQUIRE(workers.series.size() == 2);
    CHECK(workers.series[0].name == "x:worker 1");
}

TEST_CASE("Prometheus: JSON of a range, metrics as text with timestamps and without, what leakline sample writes") {
    check(read(R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[0,"10"],[5,"20"]]}]}})"),
          "prometheus", {0, 5}, {10, 20});
    CHECK(error_of(R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"10"]}]}})") ==
          "x: a Prometheus response of type 'vector' has only one sample per series\n"
          "  hint: ask /api/v1/query_range, or: leakline trend --prometheus URL --query 'process_resident_memory_bytes'");
    check(read("# TYPE process_resident_memory_bytes gauge\n# UNIT process_resident_memory_bytes bytes\n"
               "process_resident_memory_bytes{pid=\"7\"} 10 1717763400.000\nprocess_swap_memory_bytes{pid=\"7\"} 99 1717763400.000\n"
               "process_resident_memory_bytes{pid=\"7\"} 20 1717763405.000\n# EOF\n"),
          "openmetrics", {0, 5}, {10, 20});
    check(read("1717763400\nprocess_resident_memory_bytes 1.5e+08\n1717763405\nprocess_resident_memory_bytes 1.6e+08\n"), "openmetrics",
          {0, 5}, {1.5e8, 1.6e8});
}

TEST_CASE("psrecord: elapsed seconds, or the times that were put before its rows") {
    const char* titles = "# Elapsed time   CPU (%)     Real (MB)   Virtual (MB)  Swap (MB)\n";
    check(read(fmt::format("{}   7.0  3.0  1.5  900.0 0.0\n  12.0  3.0  2.5  900.0 0.0\n", titles)), "psrecord", {0, 5},
          {1.5 * kMiB, 2.5 * kMiB});
    check(read(fmt::format("12:30:00 {}12:30:00   7.0  3.0  1.5  900.0 0.0\n12:30:06  12.0  3.0  2.5  900.0 0.0\n", titles)), "psrecord",
          {0, 6}, {1.5 * kMiB, 2.5 * kMiB});
}

TEST_CASE("the times that a script prints before each table may be marked") {
    const char* titles = "  PID   RSS    VSZ COMMAND\n";
    for (const auto& [first, second] :
         {std::pair("# 2026-11-30T10:53:20Z", "# 2026-11-30T10:54:20Z"), std::pair("=== 10:53:20 ===", "=== 10:54:20 ==="),
          std::pair("--- Mon Nov 30 10:53:20 UTC 2026", "--- Mon Nov 30 10:54:20 UTC 2026")}) {
        INFO(first);
        const SeriesFile file = read(fmt::format("{0}\n{2} 4242 100 90000 api\n{1}\n{2} 4242 120 90000 api\n", first, second, titles));
        REQUIRE(file.series.size() == 1);
        CHECK(file.series[0].value == Values{100 * kKiB, 120 * kKiB});
        CHECK(file.series[0].seconds.back() - file.series[0].seconds.front() == 60);
    }
    const SeriesFile metrics = read(
        "# 2026-11-30T10:53:20Z\n# HELP process_resident_memory_bytes x\nprocess_resident_memory_bytes 100\n"
        "# 2026-11-30T10:54:20Z\n# HELP process_resident_memory_bytes x\nprocess_resident_memory_bytes 120\n");
    REQUIRE(metrics.series.size() == 1);
    CHECK(metrics.series[0].value == Values{100, 120});
    CHECK(metrics.series[0].seconds.back() - metrics.series[0].seconds.front() == 60);
}

TEST_CASE("what holds no memory over time is refused by the name of what it looks like, with what to do") {
    CHECK(error_of(" S0C    S1C    S0U    S1U      EC       EU\n 0.0   1024.0  0.0   1024.0 6144.0   0.0\n") ==
          "x: looks like the output of jstat, which is the spaces of a Java heap and not the process's memory\n"
          "  hint: leakline sample --pid PID -o samples.csv");
    CHECK(error_of("procs -----------memory----------\n r  b   swpd   free   buff  cache\n 1  0      0 21442  25732 221992\n")
              .starts_with("x: looks like the output of vmstat"));
    CHECK(error_of("UID          PID    PPID  C STIME TTY          TIME CMD\nroot 1 0 0 08:13 ? 00:00:01 init\n")
              .starts_with("x: looks like the output of `ps -ef`, which has no memory"));
    CHECK(error_of("MemTotal:       24683928 kB\nMemFree:        21782964 kB\n").starts_with("x: looks like /proc/meminfo"));
    CHECK(error_of("desc: (none)\ncmd: ./a\ntime_unit: i\n#-----------\nsnapshot=0\n").starts_with("x: looks like a file of massif"));
    CHECK(error_of("10.0.0.1 - - [07/Jun/2024:12:30:00 +0000] \"GET / HTTP/1.1\" 200 612\n") ==
          "x: looks like an access log\n  hint: leakline replay reads it");
    CHECK(error_of("{\"time\":\"2026-11-28T12:00:00Z\",\"rss\":201}\n{\"time\":\"2026-11-28T12:00:01Z\",\"rss\":202}\n")
              .starts_with("x: looks like lines of JSON, which are not read as memory over time\n  hint: choose the members: "));
    CHECK(error_of("{\"schema\": 1, \"verdict\": \"leak\"}") == "x: looks like a report of leakline\n  hint: leakline report reads it");
    CHECK(error_of("CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n0123 web \"x\" 1 hour ago Up 1 hour web\n")
              .starts_with("x: looks like the output of docker ps"));
    CHECK(error_of("procstat,host=a memory_rss=201061411i,cpu_usage=1.2 1732089600000000000\n")
              .starts_with("x: looks like InfluxDB's line protocol\n"));
    CHECK(error_of("[2026-11-30T10:53:20.000+0000][info][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 370M->190M(1024M) 8.123ms\n")
              .starts_with("x: looks like a garbage collection log of a JVM"));
    CHECK(error_of("PRM web-1 1764500000 2026/11/30 10:53:20 60 4242 (api) S 4096 1200000 195404 4000 10 0 5\nSEP\n")
              .starts_with("x: looks like the output of atop -P\n"));
    CHECK(
        error_of(
            "{\"Label\": \"mem\", \"Datapoints\": [{\"Timestamp\": \"2026-11-30T11:26:20+00:00\", \"Average\": 234.5, \"Unit\": \"Bytes\"}]}")
            .starts_with("x: looks like the answer of aws cloudwatch get-metric-statistics\n"));
    CHECK(error_of("{\"id\":\"abc\",\"stats\":[{\"timestamp\":\"2026-11-30T10:53:20Z\",\"memory\":{\"usage\":220,\"working_set\":200}}]}")
              .starts_with("x: looks like JSON of cAdvisor\n"));
    CHECK(error_of("[{\"target\": \"api.rss\", \"datapoints\": [[200094708.0, 1764500000], [202250024.0, 1764500060]]}]")
              .starts_with("x: looks like JSON of Graphite\n"));
    CHECK(error_of("1764500000 4242 195404 285404 api\n1764500060 4242 195504 285404 api\n") ==
          "x:1: no header: the first line is '1764500000 4242 195404 285404 api'\n"
          "  hint: name its columns, and separate them by commas: (echo t_s,pid,rss_kib; tr -s ' ' , <FILE) | leakline trend -");
    CHECK(error_of("servers.api.rss,2026-11-30 10:53:20,200094708.0\nservers.api.rss,2026-11-30 10:54:20,202250024.0\n") ==
          "x:1: no header: the first line is 'servers.api.rss,2026-11-30 10:53:20,200094708.0'\n"
          "  hint: put a line such as t_s,rss_bytes before it");
    CHECK(error_of("Fri Nov 20 08:00:00 UTC 2026 194030\nFri Nov 20 08:01:00 UTC 2026 194100\n") ==
          "x:1: a number without a unit on each line, which looks like the output of `ps -o rss=`\n"
          "  hint: ps prints KiB: leakline trend --unit kib x");
    CHECK(error_of("12:30:00\n82046\n12:30:05\n82047\n") ==
          "x:2: a number without a unit on each line, which looks like the output of `ps -o rss=`\n"
          "  hint: ps prints KiB: leakline trend --unit kib x");
}
