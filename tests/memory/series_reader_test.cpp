#include "memory/series_reader.hpp"
#include "base/quantities.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_text.hpp"
#include "memory/read_text.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string>

using namespace leakline;
using namespace leakline::memory;
using memory::test::error_of;
using memory::test::read;

namespace {

SeriesReadOptions metric(std::string name, std::string unit = {}) {
    SeriesReadOptions options;
    options.metric = std::move(name);
    options.unit = std::move(unit);
    return options;
}

using Values = std::vector<double>;

}  // namespace

TEST_CASE("CSV: each way of naming time gives seconds since the first sample") {
    for (const char* text : {"unix_ms,rss_bytes\n1717763400000,10\n1717763401500,20\n",
                             "unix_s,rss_bytes\n1717763400,10\n1717763401.5,20\n", "t_s,rss_bytes\n0,10\n1.5,20\n",
                             "seconds;rss_bytes\n7;10\n8.5;20\n", "time,rss_bytes\n2024-06-07T12:30:00Z,10\n2024-06-07T12:30:01.500Z,20\n",
                             "timestamp\trss_bytes\n2024-06-07 14:30:00+02:00\t10\n2024-06-07 12:30:01.5\t20\n",
                             "time,rss_bytes\r\n1717763400000,10\r\n1717763401500,20\r\n",
                             "\"time\",\"rss_bytes\"\n\"1717763400\",\"10\"\n\"1717763401.5\",\"20\"\n",
                             "\xEF\xBB\xBF# made by hand\nT_S,RSS_Bytes\n\n0,10\n1.5,20"}) {
        CAPTURE(text);
        const SeriesFile file = read(text);
        REQUIRE(file.series.size() == 1);
        CHECK(file.format == "csv");
        CHECK(file.damage.empty());
        REQUIRE(file.series[0].size() == 2);
        CHECK(file.series[0].seconds[0] == 0);
        CHECK(file.series[0].seconds[1] == doctest::Approx(1.5).epsilon(1e-6));
        CHECK(file.series[0].value == Values{10, 20});
    }
}

TEST_CASE("CSV: units of memory become bytes") {
    CHECK(read("t_s,mib\n0,1.5\n").series[0].value == Values{1.5 * kMiB});
    CHECK(read("t_s,rss_kib\n0,3\n").series[0].value == Values{3072});
    CHECK(read("t_s,rss_kb\n0,3\n").series[0].value == Values{3072});
    CHECK(read("t_s,heap_gib\n0,2\n").series[0].value == Values{2147483648.});
    CHECK(read("t_s,process_resident_memory_bytes\n0,3e6\n").series[0].value == Values{3e6});
    CHECK(read("t_s,memory\n0,3\n", metric("", "kib")).series[0].value == Values{3072});
}

TEST_CASE("CSV: a header may be written for people") {
    CHECK(read("Time [s];RSS (KiB);CPU %\n0;10;1\n1;20;1\n").series.at(0).value == Values{10240, 20480});
    CHECK(read("t-ms,Memory (%),Working Set - Bytes\n0,1,10\n1000,1,20\n").series.at(0).value == Values{10, 20});
    CHECK(read("Time,\"api-1\"\n0,10\n1,20\n", metric("api-1", "kib")).series.at(0).value == Values{10240, 20480});
    CHECK(error_of("t_s,Memory (%)\n0,1\n1,2\n") ==
          "x.csv:1: no column of memory among 't_s', 'memory_%'\n"
          "  hint: name it NAME_bytes, NAME_kib or NAME_mib, or choose one with --metric and --unit");
}

TEST_CASE("CSV: time may have any usual name, unit and form") {
    for (const char* text :
         {"elapsed,mib\n7,1\n8.5,2\n", "Elapsed Time (ms),mib\n7000,1\n8500,2\n", "uptime_s,mib\n7,1\n8.5,2\n",
          "@timestamp,mib\n2024-06-07T12:30:00.000+02:00,1\n2024-06-07T12:30:01.500+02:00,2\n",
          "ts,mib\n1717763400.25,1\n1717763401.75,2\n", "epochMs,mib\n1717763400000,1\n1717763401500,2\n",
          "datetime,mib\n2024-06-07 12:30:00 +0200,1\n2024-06-07 10:30:01.5 UTC,2\n", "duration,mib\n00:00:58.5,1\n00:01:00,2\n",
          "time,mib\n23:59:59,1\n00:00:00.5,2\n", "time,mib\n11:59:59 PM,1\n12:00:00.5 AM,2\n", "etime,mib\n1-00:00:00,1\n1-00:00:01.5,2\n",
          "date_time_utc;mib\n07.06.2024 12:30:00;1\n07.06.2024 12:30:01,5;2\n", "Time [min];mib\n0,5;1\n0,525;2\n"}) {
        CAPTURE(text);
        const SeriesFile file = read(text);
        CHECK(file.damage.lines() == std::vector<std::string>{});
        REQUIRE(file.series.at(0).size() == 2);
        CHECK(file.series[0].seconds[1] == doctest::Approx(1.5).epsilon(1e-6));
        CHECK(file.series[0].value == Values{1 * kMiB, 2 * kMiB});
    }
}

TEST_CASE("CSV: decimal commas are read where commas do not part columns") {
    CHECK(read("t_s;rss_mib\n0,5;1,5\n1,5;1.024,25\n").series.at(0).value == Values{1.5 * kMiB, 1024.25 * kMiB});
    CHECK(read("t_s\trss_mib\n0\t\"1,5\"\n1\t2\n").series.at(0).value == Values{1.5 * kMiB, 2 * kMiB});
    const SeriesFile file = read("t_s;mib\n0;1,5\n1;1,5,0\n2;1.02,5\n3;1,5.0\n");
    CHECK(file.damage.lines() ==
          std::vector<std::string>{"x.csv:3: bad memory '1,5,0'", "x.csv:4: bad memory '1.02,5'", "x.csv:5: bad memory '1,5.0'"});
    CHECK(error_of("0,5;100,5\n1;2\n").starts_with("x.csv:1: no header"));
}

TEST_CASE("CSV: one number that is clear says for the whole file what a point and a comma mean") {
    const Values thousands = {1234, 1250.5, 2};
    // before, on and after the row that is unclear
    CHECK(read("t_s;rss_bytes\n0;1.234\n1;1.250,5\n2;2\n").series.at(0).value == thousands);
    CHECK(read("t_s;rss_bytes\n0;1,234\n1;1,250.5\n2;2\n").series.at(0).value == thousands);
    CHECK(read("t_s;rss_bytes\n0,5;1.234\n1;1250,5\n2;2\n").series.at(0).value == thousands);
    CHECK(read("t_s,rss_bytes\n0.25,\"1,234\"\n1,1250.5\n2,2\n").series.at(0).value == thousands);
    CHECK(read("t_s;rss_bytes\n0;1.000.000\n1;2.000.000\n2;1.234\n").series.at(0).value == Values{1e6, 2e6, 1234});
    CHECK(read("t_s,rss_bytes\n0,\"1,234\"\n1,\"1,234,567\"\n").series.at(0).value == Values{1234, 1234567});
    // Where commas part the columns, a point is the decimal mark unless a number says otherwise.
    CHECK(read("t_s,rss_mib\n0,1.125\n1,2.250\n").series.at(0).value == Values{1.125 * kMiB, 2.25 * kMiB});
    CHECK(read("t_s,rss_bytes\n0,\"12,5\"\n1,1.234\n").series.at(0).value == Values{12.5, 1234});
    CHECK(read("t_s,rss_bytes\n0,\"1,234\"\n1,1.234\n").series.at(0).value == Values{1234, 1.234});
    // The number that is clear may stand far behind.
    std::string text = "t_s;rss_bytes\n";
    for (int i = 0; i < 1000; ++i) text += std::to_string(i) + ";1.234\n";
    CHECK(read(text + "1000;1234,5\n").series.at(0).value.front() == 1234);
    CHECK(read(text + "1000;1234.5\n").series.at(0).value.front() == 1.234);
}

TEST_CASE("CSV: numbers that could be either are refused, unless the user says") {
    const char* semicolons = "t_s;rss_bytes\n0;1.234\n1;1.235\n";
    const char* quoted = "t_s,rss_bytes\n0,\"1,234\"\n1,2\n";
    CHECK(error_of(semicolons) ==
          "x.csv:2: '1.234' has a decimal or thousands separator, and no other number shows which\n"
          "  hint: --decimal point or --decimal comma");
    CHECK(error_of(quoted).starts_with("x.csv:2: '1,234' has a decimal or thousands separator"));
    SeriesReadOptions point, comma;
    point.decimal = DecimalMark::point;
    comma.decimal = DecimalMark::comma;
    CHECK(read(semicolons, point).series.at(0).value == Values{1.234, 1.235});
    CHECK(read(semicolons, comma).series.at(0).value == Values{1234, 1235});
    CHECK(read(quoted, point).series.at(0).value == Values{1234, 2});
    CHECK(read(quoted, comma).series.at(0).value == Values{1.234, 2});
    const SeriesFile mixed = read("t_s;mib\n0;1,5\n1;2.5\n2;3\n");
    CHECK(mixed.damage.lines() == std::vector<std::string>{"x.csv:3: bad memory '2.5': the file's decimal mark is the comma"});
}

TEST_CASE("CSV: digits may stand in groups of three, parted by one mark") {
    CHECK(read("t_s,rss_bytes\n0,1 234\n1,1_234_567\n2,1'234.5\n3,1\xC2\xA0"
               "234\n4,1\xE2\x80\xAF"
               "234,\n")
              .series.at(0)
              .value == Values{1234, 1234567, 1234.5, 1234, 1234});
    CHECK(read("t_s;rss_bytes\n0;1 234,5\n1;1'234\n").series.at(0).value == Values{1234.5, 1234});
    const SeriesFile bad = read("t_s,rss_bytes\n0,1\n1,1_23\n2,1 2345\n3,1_234 567\n4,0 123\n5,1__234\n6,_123\n");
    CHECK(bad.damage.count() == 6);
    CHECK(bad.series.at(0).value == Values{1});
}

TEST_CASE("CSV: a number grouped by commas without quotes is a row too long, not a small number") {
    CHECK(error_of("t_s,rss_bytes\n0,1,234,567\n1,1,234,568\n") ==
          "x.csv: no usable sample\n"
          "  hint: x.csv:2: more cells than the header has (a number with commas needs quotes)");
    CHECK(error_of("t_s,rss_bytes,note\n0,1,234,567\n").starts_with("x.csv: no usable sample"));
    CHECK(read("t_s,rss_bytes\n0,1,\n1,2,,\n").series.at(0).value == Values{1, 2});  // nothing in them
    CHECK(read("t_s,rss_bytes,note\n0,1\n1,2,x\n").series.at(0).value == Values{1, 2});
}

TEST_CASE("CSV: a value may carry its own unit") {
    CHECK(read("t_s,rss_bytes\n0,1.5MiB\n1,512 KiB\n2,4096\n").series.at(0).value == Values{1.5 * kMiB, .5 * kMiB, 4096});
    CHECK(read("t_s,rss_kib\n0,1GiB\n").series.at(0).value == Values{1024 * kMiB});
    // top's, Elasticsearch's, Kubernetes' and Excel's ways
    CHECK(read("t_s,RES\n0,1.5g\n1,512.0m\n2,4096k\n3,0\n4,1Mi\n5,2gb\n").series.at(0).value ==
          Values{1536 * kMiB, 512 * kMiB, 4 * kMiB, 0, kMiB, 2048 * kMiB});
    CHECK(read("t_s;mem_used\n0;1,5 MiB\n1;2,25 MiB\n").series.at(0).value == Values{1.5 * kMiB, 2.25 * kMiB});
    CHECK(read("t_s,rss_bytes\n0,1MiB\n1,2parsecs\n").damage.lines() ==
          std::vector<std::string>{"x.csv:3: bad memory '2parsecs': unknown unit 'parsecs'"});
    CHECK(error_of("t_s,rss\n0,1MiB\n1,5\n") ==
          "x.csv:3: column 'rss' has no unit, nor has its value 5\n"
          "  hint: name it rss_bytes, rss_kib or rss_mib, or give --unit");
}

TEST_CASE("CSV: headers as real tools write them") {
    const Values kib = {1024, 2048};
    for (const char* text :
         {"t_s,mem[KB]\n0,1\n1,2\n", "t_s,%MEM,RSS (KiB)\n0,50,1\n1,51,2\n", ",t_s,rss_kb\n0,0,1\n1,1,2\n",
          ",rss_kb\n2024-06-07 12:30:00,1\n2024-06-07 12:30:01+00:00,2\n", "\"\",\"rss_kb\"\n1717763400,1\n1717763401,2\n",
          "# t_s,rss_kb\n0,1\n1,2\n", "\xEF\xBB\xBF#t_s rss_kb\r\n# t_s;rss_kb\r\n0;1\r\n1;2\r\n",
          "t_s,net_rx_bytes,mem_limit_bytes,Memory Usage (kbytes)\n0,7,9,1\n1,8,9,2\n", "t_s,cpu_m,mem_k\n0,9,1\n1,9,2\n",
          "time,mem_pct,heapUsedKB\n1717763400000000,3,1\n1717763401000000,3,2\n",
          "timestamp,VmRSS (kB)\n1717763400000000000,1\n1717763401000000000,2\n"}) {
        CAPTURE(text);
        const SeriesFile file = read(text);
        CHECK(file.damage.lines() == std::vector<std::string>{});
        CHECK(file.series.at(0).value == kib);
        CHECK(file.series[0].seconds == Values{0, 1});
    }
    CHECK(error_of("t_s,%MEM\n0,1\n").starts_with("x.csv:1: no column of memory among"));
    CHECK(error_of("t_s,api_rss_pages\n0,1\n") ==
          "x.csv:1: column 'api_rss_pages': 'pages' is not a known unit\n"
          "  hint: bytes, kib, mib or gib; or --metric api_rss_pages and --unit");
    CHECK(error_of(",rss_kb\n0,1\n1,2\n") ==
          "x.csv:2: no column of time: the first, without a name, counts rows\n"
          "  hint: name it unix_ms, unix_s, t_s, seconds, or time with ISO 8601 values; or give --interval 10s");
}

TEST_CASE("CSV: whether a date begins with the month or the day is told by the file's dates") {
    const auto seconds = [](const char* text) { return read(text).series.at(0).seconds; };
    // A day that no month has, in either place.
    CHECK(seconds("time,mib\n06/30/2024 12:00,1\n07/01/2024 12:00,2\n") == Values{0, 86400});
    CHECK(seconds("time,mib\n30/06/2024 12:00,1\n01/07/2024 12:00,2\n") == Values{0, 86400});
    // Both exist: the order in which the dates lie closer together.
    CHECK(seconds("time,mib\n06/07/2024 23:00,1\n06/08/2024 00:00,2\n06/08/2024 01:00,3\n") == Values{0, 3600, 7200});
    CHECK(seconds("time,mib\n06/07/2024 23:00,1\n07/07/2024 00:00,2\n07/07/2024 01:00,3\n") == Values{0, 3600, 7200});
    // One day alone is the same either way.
    CHECK(seconds("time,mib\n6/7/24 1:30:00 PM,1\n6/7/24 1:30:05 PM,2\n") == Values{0, 5});
    CHECK(seconds("time;mib\n\"12/31/2018, 11:59:58 PM\";1\n\"1/1/2019, 12:00:01 AM\";2\n") == Values{0, 3});
}

TEST_CASE("CSV: rows without a time are as far apart as --interval says") {
    SeriesReadOptions every_five;
    every_five.interval_s = 5;
    CHECK(read("rss_kb\n1\n2\n3\n", every_five).series.at(0).seconds == Values{0, 5, 10});
    CHECK(read(",rss_kb\n0,1\n1,2\n", every_five).series.at(0).seconds == Values{0, 5});
    CHECK(read("t_s,rss_kb\n0,1\n1,2\n", every_five).series.at(0).seconds == Values{0, 1});
}

TEST_CASE("CSV: separators in quotes part nothing") {
    const Values expected = {1024, 2048};
    CHECK(read("\"t_s\",\"name; or none\",\"RSS (KiB)\"\n0,\"a,b\",1\n1,\"a\"\"b,c\",2\n").series.at(0).value == expected);
    CHECK(read("\"note, or none\";t_s;rssKiB\n\"a;b\";0;1\n;1;2\n").series.at(0).value == expected);
    CHECK(read("t_s,heapUsedKB,note\n0,1,\"x\n1,2,y\n").series.at(0).value == expected);
    CHECK(read("t_s;network_bytes_sent;\"RSS (KiB, with; swap)\"\n0;9;1\n1;9;2\n").series.at(0).value == expected);
    CHECK(read("t_s,VmRSS_kB\n0,1\n1,2\n").series.at(0).value == expected);
}

TEST_CASE("CSV: the swap of a process is added to its memory, and where it is not known, what it was before") {
    const SeriesFile file = read("t_s,rss_bytes,swap_bytes\n1,10,0\n2,8,5\n3,8,\n4,7,9\n");
    CHECK(file.series.at(0).value == Values{10, 13, 13, 16});
    CHECK(file.notes ==
          std::vector<std::string>{"x.csv: column 'swap_bytes' is added to 'rss_bytes' (--metric rss_bytes judges one alone)"});
    CHECK(read("t_s,swap_total_kib,mem_used_kib,swap_used_kib\n1,99,10,1\n").series.at(0).value == Values{11 * 1024});
    CHECK(read("t_s,api_rss_bytes,db_rss_bytes,db_swap_bytes\n1,10,20,5\n").series.at(1).value == Values{25});
    CHECK(read("t_s,swap_bytes\n1,5\n").series.at(0).value == Values{5});
}

TEST_CASE("CSV: swap that is not known is what it was before in the same series, and at the start what it is first") {
    const SeriesFile named =
        read("t_s,name,rss_bytes,swap_bytes\n0,a,10,\n0,b,1,\n1,a,10,500\n1,b,1,\n2,a,11,\n2,b,1,\n3,a,x,900\n4,a,12,\n4,b,2,\n");
    REQUIRE(named.series.size() == 2);
    CHECK(named.series[0].value == Values{510, 510, 511, 512});
    CHECK(named.series[1].value == Values{1, 1, 1, 2});
    CHECK(named.damage.count() == 1);
    CHECK(read("t_s,rss_bytes,swap_bytes\n0,10,\n1,10,\n2,10,5\n3,10,6\n").series.at(0).value == Values{15, 15, 15, 16});
    CHECK(read("t_s,rss_bytes,swap_bytes\n0,10,\n1,11,\n").series.at(0).value == Values{10, 11});
    const SeriesFile several = read("t_s,db_rss_bytes,db_swap_bytes,web_rss_bytes,web_swap_bytes\n0,1,7,2,\n1,1,,2,9\n2,,5,2,\n3,1,,2,\n");
    CHECK(several.series.at(0).value == Values{8, 8, 8});
    CHECK(several.series.at(1).value == Values{11, 11, 11, 11});
}

TEST_CASE("CSV: only the amount in swap is added, and only to resident memory") {
    for (const char* memory :
         {"rss_bytes", "pss_bytes", "uss_bytes", "anonymous_bytes", "working_set_bytes", "mem_used_bytes", "process_resident_memory_bytes"})
        for (const char* swap : {"swap_bytes", "swap_used_bytes", "VmSwap_bytes", "process_swap_memory_bytes"}) {
            INFO(memory << " " << swap);
            CHECK(read("t_s," + std::string(memory) + "," + swap + "\n0,10,5\n").series.at(0).value == Values{15});
        }
    for (const char* swap : {"swap_cached_bytes", "swap_in_bytes", "swap_free_bytes", "swap_total_bytes", "swap_peak_bytes"}) {
        INFO(swap);
        CHECK(read("t_s,rss_bytes," + std::string(swap) + "\n0,10,5\n").series.at(0).value == Values{10});
    }
    for (const char* heap : {"heap_used_bytes", "jvm_memory_used_bytes"}) {
        INFO(heap);
        CHECK(read("t_s," + std::string(heap) + ",swap_bytes\n0,10,5\n").series.at(0).value == Values{10});
    }
}

TEST_CASE("CSV: rss is read where there is a choice, --metric chooses, + adds up") {
    const char* text = "unix_ms,pss_bytes,rss_bytes,swap_bytes\n1,10,20,5\n";
    CHECK(read(text, metric("rss")).series[0].value == Values{20});
    CHECK(read(text, metric("pss")).series[0].value == Values{10});
    CHECK(read(text, metric("swap_bytes")).series[0].value == Values{5});
    CHECK(read(text, metric("rss+swap")).series[0].value == Values{25});
    CHECK(error_of(text, metric("pzz")) ==
          "--metric: x.csv:1 has no column 'pzz'\n  hint: its columns are 'unix_ms', 'pss_bytes', 'rss_bytes', 'swap_bytes'");
}

TEST_CASE("CSV: requests come along, and one that is missing holds") {
    const SeriesFile file = read("t_s,mib,requests\n0,1,100\n1,1,\n2,1,300\n");
    CHECK(file.series[0].requests == Values{100, 100, 300});
    CHECK(file.damage.empty());
}

TEST_CASE("CSV: processes one after the other are one service, side by side they are several") {
    const SeriesFile restarted = read("t_s,mib,pid\n0,1,7\n1,2,7\n2,1,8\n3,2,8\n");
    REQUIRE(restarted.series.size() == 1);
    CHECK(restarted.series[0].seconds == Values{0, 1, 2, 3});
    CHECK(restarted.series[0].process == std::vector<std::int64_t>{1, 1, 2, 2});

    const SeriesFile same_tick = read("t_s,mib,pid\n0,1,7\n1,2,7\n1,1,8\n2,2,8\n");
    REQUIRE(same_tick.series.size() == 1);
    CHECK(same_tick.series[0].seconds == Values{0, 1, 2});

    const SeriesFile tree = read("t_s,mib,pid\n0,1,7\n0,5,8\n1,2,7\n1,6,8\n");
    REQUIRE(tree.series.size() == 2);
    CHECK(tree.series[0].name == "x.csv:7");
    CHECK(tree.series[1].value == Values{5 * kMiB, 6 * kMiB});
}

TEST_CASE("CSV: what cannot be used is left out, counted and located") {
    const SeriesFile file =
        read("t_s,mib\n0,1\n1,nan\n2,-5\n2,2\n2,3\n3,\n4,x\n5\n6,4\n5.5,9\n7,5\n8,6\n9,7\n10,inf\n11,8\n12,9\n13,1\n14,2\n");
    CHECK(file.series[0].seconds == Values{0, 2, 6, 7, 8, 9, 11, 12, 13, 14});
    CHECK(file.samples == 10);
    CHECK(file.damage.count() == 8);
    const std::vector<std::string> expected = {"x.csv:3: not a number",
                                               "x.csv:4: memory is negative",
                                               "x.csv:6: same time as the previous sample",
                                               "x.csv:7: no value for memory",
                                               "x.csv:8: bad memory 'x'",
                                               "x.csv:9: row ends after 1 of 2 columns",
                                               "x.csv:11: time goes back by 0.5 s",
                                               "x.csv:15: not a number"};
    CHECK(file.damage.lines() == expected);
}

TEST_CASE("CSV: files that hold no series say what is missing and what to do") {
    CHECK(error_of("") == "x.csv: is empty\n  hint: expected memory over time, as CSV with a header");
    CHECK(error_of("\n\n") == "x.csv: is empty\n  hint: expected memory over time, as CSV with a header");
    CHECK(error_of("t_s,mib\n") == "x.csv: no samples after the header");
    CHECK(error_of("0,100\n1,101\n") ==
          "x.csv:1: no header: the first line is '0,100'\n  hint: put a line such as t_s,rss_bytes before it");
    CHECK(error_of("t_s,rss\n0,1\n") ==
          "x.csv:2: column 'rss' has no unit, nor has its value 1\n"
          "  hint: name it rss_bytes, rss_kib or rss_mib, or give --unit");
    CHECK(error_of("t_s,color\n0,1\n") ==
          "x.csv:1: no column of memory among 't_s', 'color'\n"
          "  hint: name it NAME_bytes, NAME_kib or NAME_mib, or choose one with --metric and --unit");
    CHECK(error_of("when,rss_bytes\n0,1\n") ==
          "x.csv:1: no column of time among 'when', 'rss_bytes'\n"
          "  hint: name it unix_ms, unix_s, t_s, seconds, or time with ISO 8601 values; or give --interval 10s");
    CHECK(error_of("t_s,rss\n0,1\n", metric("", "parsecs")) == "--unit: unknown unit 'parsecs'\n  hint: bytes, kib, mib or gib");
    CHECK(error_of("t_s,mib\n0,nan\n") == "x.csv: no usable sample\n  hint: x.csv:2: not a number");
    CHECK(error_of("t_s,mib\n9,1\n8,1\n7,1\n6,1\n") ==
          "x.csv: time goes backwards in 3 of 4 samples\n"
          "  hint: sort the file by its time column, or write one file per process");
    CHECK(error_of(std::string_view("ab\0cd", 5)).starts_with("x.csv: is not text"));
}

TEST_CASE("CSV: times that become one when counted from the first are one") {
    const SeriesFile file = read("t_s,mib\n-500000000000,1\n0.000001,2\n0.000002,3\n1,4\n2,5\n3,6\n4,7\n5,8\n6,9\n7,9\n8,9\n");
    CHECK(file.damage.count() == 1);
    CHECK(file.series[0].size() == 10);
}

TEST_CASE("CSV: one sample is a series, and a large hole is noted") {
    CHECK(read("t_s,mib\n5,1\n").series[0].size() == 1);
    std::string text = "t_s,mib\n";
    for (int i = 0; i < 100; ++i) text += std::to_string(i < 50 ? i : i + 3600) + ",1\n";
    const SeriesFile file = read(text);
    REQUIRE(file.notes.size() == 1);
    CHECK(file.notes[0] == "x.csv: no samples for 1h, starting at 49s");
}

TEST_CASE("CSV: rows across the blocks of the reader arrive whole") {
    std::string text = "unix_ms,other,rss_bytes\n";
    constexpr int kRows = 120'000;  // some 3 MB: several blocks
    for (int i = 0; i < kRows; ++i) {
        text += std::to_string(1717763400000 + i) + ",abc," + std::to_string(1000000 + i) + "\n";
    }
    const SeriesFile file = read(text);
    REQUIRE(file.series[0].size() == kRows);
    CHECK(file.damage.empty());
    for (std::size_t i = 0; i < kRows; i += 1111) CHECK(file.series[0].value[i] == 1000000. + static_cast<double>(i));
}

TEST_CASE("a file of any length takes bounded memory and keeps its ends and its medians") {
    std::string text = "t_s,mib\n";
    constexpr int kRows = 100'000;
    for (int i = 0; i < kRows; ++i) text += std::to_string(i) + "," + std::to_string(i % 10) + "\n";
    SeriesReadOptions options;
    options.max_points = 5000;
    const SeriesFile file = read(text, options);
    const Series& series = file.series[0];
    CHECK(series.size() <= 5001);
    CHECK(series.size() > 2000);
    CHECK(series.seconds.front() == 0);
    CHECK(series.seconds.back() == kRows - 1);
    CHECK(file.samples == kRows);
    double sum = 0;
    for (const double value : series.value) sum += value / kMiB;
    CHECK(sum / static_cast<double>(series.size()) == doctest::Approx(4.5).epsilon(.05));
    REQUIRE(file.notes.size() == 1);
    CHECK(file.notes[0] == "x.csv: 100,000 samples, of which one in 32 was kept, selected at random");
    for (std::size_t i = 1; i < series.size(); ++i) REQUIRE(series.seconds[i] > series.seconds[i - 1]);
}

TEST_CASE("reading ends when it is asked to") {
    std::string text = "t_s,mib\n";
    for (int i = 0; i < 70'000; ++i) text += std::to_string(i) + ",1\n";
    SeriesReadOptions options;
    std::stop_source stop;
    stop.request_stop();
    options.stop = stop.get_token();
    CHECK(error_of(text, options) == "x.csv:65537: interrupted");
}

TEST_CASE("mprof's .dat: main process and children") {
    const SeriesFile file = read(
        "CMDLINE python app.py\nMEM 10.5 1717763400.0\nCHLD 99 3.0 1717763400.0\nFUNC m.f 1 2 3 4\n"
        "MEM 11.5 1717763400.1\nCHLD 99 4.0 1717763400.1\nMEM oops\n");
    CHECK(file.format == "mprof");
    REQUIRE(file.series.size() == 2);
    CHECK(file.series[1].value == Values{10.5 * kMiB, 11.5 * kMiB});
    CHECK(file.series[0].name == "x.csv:child 99");
    CHECK(file.damage.lines() == std::vector<std::string>{"x.csv:7: not an mprof record: 'MEM oops'"});
}

TEST_CASE("docker stats: tables with times before them, lines, JSON and live views") {
    const SeriesFile tables = read(
        "1717763400\n"
        "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT     MEM %     NET I/O       BLOCK I/O     PIDS\n"
        "0123456789ab   web       0.50%     12.5MiB / 1.944GiB    0.63%     1kB / 2kB     0B / 0B       5\n"
        "1717763410\n"
        "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT     MEM %     NET I/O       BLOCK I/O     PIDS\n"
        "0123456789ab   web       0.50%     13MiB / 1.944GiB      0.63%     1kB / 2kB     0B / 0B       5\n");
    CHECK(tables.format == "docker stats");
    REQUIRE(tables.series.size() == 1);
    CHECK(tables.series[0].seconds == Values{0, 10});
    CHECK(tables.series[0].value == Values{12.5 * kMiB, 13 * kMiB});

    SeriesReadOptions every_five;
    every_five.interval_s = 5;
    const SeriesFile lines = read("web,1MiB / 2GiB\ndb,7MiB / 2GiB\nweb,2MiB / 2GiB\ndb,8MiB / 2GiB\n", every_five);
    REQUIRE(lines.series.size() == 2);
    CHECK(lines.series[0].name == "x.csv:db");
    CHECK(lines.series[0].seconds == Values{0, 5});
    CHECK(lines.series[1].value == Values{1 * kMiB, 2 * kMiB});

    const SeriesFile json = read(
        "2024-06-07T12:30:00Z {\"MemUsage\":\"1MiB / 2GiB\",\"Name\":\"web\"}\n"
        "2024-06-07T12:30:09Z {\"MemUsage\":\"2MiB / 2GiB\",\"Name\":\"web\"}\n");
    CHECK(json.series[0].seconds == Values{0, 9});

    const SeriesFile timed = read(
        "{\"time\":\"2024-06-07T12:30:00Z\",\"MemUsage\":\"1MiB / 2GiB\",\"Name\":\"web\"}\n"
        "{\"MemUsage\":\"2MiB / 2GiB\",\"Name\":\"web\",\"ts\":1717763409}\n");
    CHECK(timed.series[0].seconds == Values{0, 9});

    const SeriesFile live = read("12:00:00\n\x1b[2J\x1b[Hweb: 1MiB / 2GiB\x1b[K\n12:00:01\n\x1b[Hweb: -- / --\nweb: 3MiB / 2GiB\n");
    CHECK(live.series[0].value == Values{1 * kMiB, 3 * kMiB});
    CHECK(live.damage.count() == 1);

    CHECK(error_of("web,1MiB / 2GiB\n") ==
          "x.csv:1: the log has no times\n  hint: print `date +%s` before each table, or give --interval 10s");
}

TEST_CASE("pidstat: times of day, past midnight, with AM and PM") {
    const SeriesFile file = read(
        "Linux 6.1.0 (host) \t06/07/24 \t_x86_64_\t(2 CPU)\n\n"
        "23:59:59      UID       PID  minflt/s  majflt/s     VSZ     RSS   %MEM  Command\n"
        "23:59:59        0      1234      6.86      0.00   50932   19728   0.08  trackd\n"
        "00:00:01        0      1234      6.86      0.00   50932   19730   0.08  trackd\n"
        "Average:        0      1234      6.86      0.00   50932   19729   0.08  trackd\n");
    CHECK(file.format == "pidstat");
    CHECK(file.series[0].seconds == Values{0, 2});
    CHECK(file.series[0].value == Values{19728 * 1024., 19730 * 1024.});
    const SeriesFile half_days = read(
        "Linux 6.1.0 (host) \t06/07/24 \t_x86_64_\t(2 CPU)\n"
        "11:59:59 AM   UID       PID  minflt/s  majflt/s     VSZ     RSS   %MEM  Command\n"
        "11:59:59 AM     0      1234      6.86      0.00   50932   100   0.08  trackd\n"
        "12:00:00 PM     0      1234      6.86      0.00   50932   101   0.08  trackd\n");
    CHECK(half_days.series[0].seconds == Values{0, 1});
    const SeriesFile epoch = read(
        "Linux 6.1.0 (host) \t06/07/24 \t_x86_64_\t(2 CPU)\n"
        "# Time        UID       PID  minflt/s  majflt/s     VSZ     RSS   %MEM  Command\n"
        "1717763400      0         1      4.95      0.00   50932   19728   0.08  init\n"
        "1717763402      0         1      4.95      0.00   50932   19729   0.08  init\n");
    CHECK(epoch.series[0].seconds == Values{0, 2});
}

TEST_CASE("ps: tables after a date, or by the process's own elapsed time") {
    const SeriesFile dated = read(
        "Fri Jun  7 12:30:00 UTC 2024\n  PID   RSS COMMAND\n 1234 19832 /usr/bin/trackd --mode leaky\n"
        "Fri Jun  7 12:31:00 UTC 2024\n  PID   RSS COMMAND\n 1234 19900 /usr/bin/trackd --mode leaky\n");
    CHECK(dated.format == "ps");
    CHECK(dated.series[0].seconds == Values{0, 60});
    CHECK(dated.series[0].value == Values{19832 * 1024., 19900 * 1024.});
    const SeriesFile elapsed = read("  PID   RSS     ELAPSED CMD\n 7 100 01:00 x\n 7 101 1-00:01:05 x\n");
    CHECK(elapsed.series[0].seconds == Values{0, 86400 + 65 - 60});
    CHECK(error_of("PID RSS CMD\n7 100 x\n").starts_with("x.csv:2: the log has no times"));
}

TEST_CASE("numbers are read exactly, and what is none is refused") {
    CHECK(*parse_number("1717763400123") == 1717763400123.);
    CHECK(*parse_number(" 0.1 ") == .1);
    CHECK(*parse_number("123456789012345678901234567890") == 123456789012345678901234567890.);
    CHECK(*parse_number("-3.25e-3") == -3.25e-3);
    CHECK(std::isnan(*parse_number("nan")));
    for (const char* text : {"", "-", ".", "1x", "1,5", "--1", "0x10"}) CHECK_FALSE(parse_number(text));
    CHECK(*parse_elapsed("2-03:04:05") == 2 * 86400 + 3 * 3600 + 4 * 60 + 5);
}

TEST_CASE("a compressed file that is cut off gives what it holds and says so") {
    std::string text = "t_s,mib\n";
    for (int i = 0; i < 5000; ++i) text += std::to_string(i) + "," + std::to_string(i * 7919 % 1000) + "\n";
    const TemporaryDirectory folder;
    const std::string plain = folder.path() + "/x.csv";
    OutputFile file(plain);
    file.write(text);
    file.commit();
    REQUIRE(std::system(("gzip -k " + plain + " && head -c 9000 " + plain + ".gz > " + folder.path() + "/cut.gz").c_str()) == 0);
    CHECK(read_series(plain + ".gz").samples == 5000);
    const SeriesFile cut = read_series(folder.path() + "/cut.gz");
    CHECK(cut.samples > 100);
    CHECK(cut.samples < 5000);
    REQUIRE(!cut.damage.empty());
    CHECK(cut.damage.lines().back().find("the compressed file is truncated here") != std::string::npos);
}
