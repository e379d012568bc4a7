// Several processes in one file: never one series.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "memory/internal/series_labels.hpp"
#include "memory/read_text.hpp"
#include "memory/series_reader.hpp"

using namespace leakline;
using namespace leakline::memory;
using memory::test::error_of;
using memory::test::read;

namespace {

using Values = std::vector<double>;

// Name behind the file's -> values in MiB.
std::map<std::string, Values> mib(const SeriesFile& file) {
    std::map<std::string, Values> all;
    for (const Series& series : file.series) {
        Values values;
        for (const double value : series.value) values.push_back(value / kMiB);
        all[series.name == "x.csv" ? "" : series.name.substr(6)] = values;
    }
    return all;
}

using Expected = std::map<std::string, Values>;

}  // namespace

TEST_CASE("a column of names, of any of the usual titles, is a series for each name") {
    const Expected expected = {{"web", {1, 2}}, {"db", {7, 8}}};
    for (const char* title : {"name", "container", "Container Name", "pod", "instance", "series", "command", "ContainerName", "process"}) {
        CAPTURE(title);
        CHECK(mib(read(fmt::format("t_s,{},mib\n0,web,1\n0,db,7\n1,web,2\n1,db,8\n", title))) == expected);
        CHECK(mib(read(fmt::format("{};mib;t_s\n\"web\";1;0\ndb;7;0\nweb;2;1\ndb;8;1\n", title))) == expected);
    }
    // One behind the other, as Grafana writes them.
    CHECK(mib(read("Series;Time;rss_mib\nweb;2024-06-07T12:00:00Z;1\nweb;2024-06-07T12:05:00Z;2\n"
                   "db;2024-06-07T12:00:00Z;7\ndb;2024-06-07T12:05:00Z;8\n")) == expected);
}

TEST_CASE("several columns that name a series are told by as few as are needed") {
    const Expected expected = {{"web", {1, 2}}, {"db", {7, 8}}};
    CHECK(mib(read("t_s,host,name,mib\n0,h,web,1\n0,h,db,7\n1,h,web,2\n1,h,db,8\n")) == expected);
    const Expected both = {{"a web", {1, 2}}, {"b web", {7, 8}}, {"a db", {3, 4}}};
    CHECK(mib(read("t_s,namespace,pod,mib\n0,a,web,1\n0,b,web,7\n0,a,db,3\n1,a,web,2\n1,b,web,8\n1,a,db,4\n")) == both);
    CHECK(shortest_labels({"web\x1f"
                           "1",
                           "db\x1f"
                           "2"}) == std::vector<std::string>{"web", "db"});
    CHECK(shortest_labels({"a\x1fweb",
                           "a\x1f"
                           "db"}) == std::vector<std::string>{"web", "db"});
    CHECK(shortest_labels({""}) == std::vector<std::string>{""});
}

TEST_CASE("a restart of a named series stays one series, workers of one name side by side are several") {
    const SeriesFile restarted = read("t_s,command,pid,mib\n0,a,7,1\n0,b,9,5\n1,a,7,2\n1,b,9,5\n2,a,8,1\n2,b,9,5\n");
    REQUIRE(restarted.series.size() == 2);
    CHECK(restarted.series[0].name == "x.csv:a");
    CHECK(restarted.series[0].process == std::vector<std::int64_t>{1, 1, 2});
    CHECK(mib(read("t_s,command,pid,mib\n0,a,7,1\n0,a,8,5\n1,a,7,2\n1,a,8,6\n")) == Expected{{"7 a", {1, 2}}, {"8 a", {5, 6}}});
}

TEST_CASE("each subject among the columns is a series; of several metrics of one the best is read") {
    CHECK(mib(read("t_s,web_rss_mib,db_rss_mib\n0,1,7\n1,2,8\n")) == Expected{{"web_rss_mib", {1, 2}}, {"db_rss_mib", {7, 8}}});
    CHECK(mib(read("t_s,api_mib,worker_mib\n0,1,7\n1,2,8\n")) == Expected{{"api_mib", {1, 2}}, {"worker_mib", {7, 8}}});
    CHECK(mib(read("t_s,heap_used_mib,heap_total_mib,rss_mib,net_rx_mib\n0,3,4,1,9\n1,3,4,2,99\n")) == Expected{{"", {1, 2}}});
    CHECK(mib(read("Time,\"api-1\",\"api-2\"\n2024-06-07 12:00,1 MiB,7 MiB\n2024-06-07 12:01,2 MiB,8 MiB\n")) ==
          Expected{{"api-1", {1, 2}}, {"api-2", {7, 8}}});
    // Legends of Prometheus; a gap in one series is none in the other.
    CHECK(mib(read("\"Time\",\"rss_mib{pod=\"\"a\"\"}\",\"rss_mib{pod=\"\"b\"\"}\"\n0,1,7\n1,,8\n2,3,null\n")) ==
          Expected{{"rss_mib{pod=\"a\"}", {1, 3}}, {"rss_mib{pod=\"b\"}", {7, 8}}});
    SeriesReadOptions sum;
    sum.metric = "web_rss+db_rss";
    CHECK(mib(read("t_s,web_rss_mib,db_rss_mib\n0,1,7\n1,2,8\n", sum)) == Expected{{"", {8, 10}}});
    // Names and columns together.
    CHECK(mib(read("t_s,pod,a_mib,b_mib\n0,p,1,3\n0,q,5,7\n1,p,2,4\n1,q,6,8\n")) ==
          Expected{{"p a_mib", {1, 2}}, {"p b_mib", {3, 4}}, {"q a_mib", {5, 6}}, {"q b_mib", {7, 8}}});
}

TEST_CASE("of values of many metrics, those of memory are read") {
    CHECK(mib(read("time,metric,value\n0,memory_rss_bytes,1048576\n0,cpu_seconds,3\n0,open_fds,7\n1,memory_rss_bytes,2097152\n"
                   "1,cpu_seconds,4\n1,open_fds,8\n")) == Expected{{"", {1, 2}}});
    CHECK(mib(read("_time,_measurement,_field,_value\n2024-06-07T12:30:00Z,mem,used,1048576\n2024-06-07T12:30:00Z,disk,used,7\n"
                   "2024-06-07T12:31:00Z,mem,used,2097152\n2024-06-07T12:31:00Z,disk,used,8\n")) == Expected{{"", {1, 2}}});
    // A size is memory, unless the metric's name is of something else.
    CHECK(mib(read("Metric,Time,Value\napi-1,0,10 MiB\napi-2,0,3 MiB\ndisk used,0,90 MiB\n"
                   "api-1,60,11 MiB\napi-2,60,3 MiB\ndisk used,60,95 MiB\n")) == Expected{{"api-1", {10, 11}}, {"api-2", {3, 3}}});
    CHECK(error_of("time,metric,value\n0,cpu,1048576\n1,cpu,2097152\n") ==
          "x.csv: no metric of memory among 'cpu'\n  hint: export one such as memory_rss_bytes");
}

TEST_CASE("what no leak moves, or a leak moves down, is not judged unless it is asked for") {
    CHECK(error_of("t_s,free_mib\n0,1\n1,2\n") ==
          "x.csv:1: column 'free_mib' is not memory in use, and no other column is\n"
          "  hint: --metric free_mib judges it nevertheless");
    SeriesReadOptions options;
    options.metric = "free_mib";
    CHECK(mib(read("t_s,free_mib\n0,1\n1,2\n", options)) == Expected{{"", {1, 2}}});
}

TEST_CASE("times that repeat without a column of names are refused") {
    CHECK(error_of("t_s,mib\n0,1\n0,7\n1,2\n1,8\n") ==
          "x.csv: 2 of 4 rows have the same time as the previous row, and no column identifies the process\n"
          "  hint: add a column called name or pid, or write a file for each process; if it is one process, write times with "
          "fractions of a second");
    CHECK(error_of("t_s,name,mib\n0,a,1\n0,a,7\n1,a,2\n1,a,8\n") ==
          "x.csv: 2 of 4 rows have the same time as the previous row, although they have the same name\n"
          "  hint: add a column with the pid, or write times with fractions of a second");
    // One of many series that is mixed is enough.
    std::string text = "t_s,name,mib\n";
    for (int i = 0; i < 30; ++i)
        for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "i"}) text += fmt::format("{},{},1\n", i, name);
    CHECK(error_of(text).starts_with("x.csv: 30 of 300 rows have the same time"));
}

TEST_CASE("levels that come in turn are several processes, unless the user names the column; a cycle is none") {
    std::string turns = "t_s,rss_mib\n", cycle = turns, spikes = turns;
    for (int i = 0; i < 120; ++i) {
        turns += fmt::format("{},{}\n", i, (i % 3) * 100 + 100 + i % 7 * .1);
        cycle += fmt::format("{},{}\n", i, 100 + i % 20);
        spikes += fmt::format("{},{}\n", i, i % 5 == 0 ? 200 : 100);
    }
    CHECK(
        error_of(turns) ==
        "x.csv: memory alternates between 3 levels, as if one column held 3 processes, and no column identifies the process\n  hint: add a column called name or pid; if it is one process, name its column with --metric");
    SeriesReadOptions options;
    options.metric = "rss";
    CHECK(read(turns, options).series.size() == 1);
    CHECK(read(cycle).series.size() == 1);
    CHECK(read(spikes).series.size() == 1);
}

TEST_CASE("a column of texts with a title that says nothing takes series apart where times repeat, or its texts take turns") {
    std::string same_time = "t_s,what,mib\n", in_turn = same_time, states = same_time;
    for (int i = 0; i < 40; ++i) {
        same_time += fmt::format("{0},red,10{1}\n{0},blue,50{1}\n", i, i % 3);
        in_turn += fmt::format("{},red,10{}\n{},blue,50{}\n", 2 * i, i % 3, 2 * i + 1, i % 3);
        states += fmt::format("{},{},10{}\n", i, i % 7 < 3 ? "S" : "R", i % 3);  // one process that sleeps and runs
    }
    for (const std::string& text : {same_time, in_turn}) {
        const SeriesFile file = read(text);
        REQUIRE(file.series.size() == 2);
        CHECK(file.series[0].name == "x.csv:blue");
        REQUIRE(!file.notes.empty());
        CHECK(file.notes[0] == "x.csv: column 'what' says which series a row belongs to");
    }
    CHECK(read(states).series.size() == 1);
}

TEST_CASE("processes of a moment beside long ones are left out, and said") {
    std::string text = "t_s,command,pid,mib\n";
    for (int i = 0; i < 30; ++i) text += fmt::format("{0},svc,7,1\n{0},cron{0},{1},1\n", i, 100 + i);
    const SeriesFile file = read(text);
    REQUIRE(file.series.size() == 1);
    CHECK(file.series[0].name == "x.csv");
    REQUIRE(file.notes.size() == 1);
    CHECK(file.notes[0] == "x.csv: 30 processes with fewer than 20 samples left out: cron0, ...");
}

TEST_CASE("a wall clock that was set back is no end of the series; another process behind it is") {
    std::string text = "t_s,mib\n";
    for (int i = 0; i < 100; ++i) text += fmt::format("{},100\n", 1000 + i);
    std::string set_back = text, another = text, level = text;
    for (int i = 0; i < 100; ++i) {
        set_back += fmt::format("{},100\n", 1050 + i);
        another += fmt::format("{},100\n", 1000 + i);
        level += fmt::format("{},300\n", 1050 + i);
    }
    const SeriesFile file = read(set_back);
    REQUIRE(file.series.size() == 1);
    CHECK(file.series[0].size() == 200);
    CHECK(file.series[0].seconds.back() == doctest::Approx(199));
    CHECK(file.damage.empty());
    REQUIRE(file.notes.size() == 1);
    CHECK(file.notes[0] == "x.csv:102: the clock goes back by 49s; later samples are taken to continue from there");
    CHECK(error_of(another).starts_with("x.csv: time goes backwards in "));
    CHECK(error_of(level).starts_with("x.csv: time goes backwards in "));
}
