// leakline trend on the files that people have: what it says of each is what is right (testdata/README.md lists them).
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/run_here.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

std::string case_file(const std::string& name) { return std::string(LEAKLINE_SOURCE_DIR) + "/testdata/cases/trend/" + name + ".gz"; }

struct Judged {
    std::string verdict;
    double slope_mib_h = 0;
};

struct Answer {
    int code = 0;
    std::string err;
    std::map<std::string, Judged> series;  // by the name behind the file's; "" for a file that is one series
};

Answer judge(const std::string& path, std::vector<std::string> options = {}) {
    std::vector<std::string> arguments = {"trend", path, "--format", "json"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Outcome outcome = run_here(arguments);
    Answer answer{outcome.code, outcome.err, {}};
    if (outcome.out.empty()) return answer;
    const nlohmann::json report = nlohmann::json::parse(outcome.out);
    const auto add = [&](const nlohmann::json& trend) {
        const std::string series = trend.at("series");
        REQUIRE(series.starts_with(path));
        answer.series[series.size() == path.size() ? "" : series.substr(path.size() + 1)] = {
            trend.at("verdict"), trend.at("slope_bytes_per_hour").at("estimate").get<double>() / kMiB};
    };
    if (report.contains("trends")) {
        for (const auto& trend : report.at("trends")) add(trend);
    } else {
        add(report);
    }
    return answer;
}

// One series grows, the others are stable, and the command's exit code is the worst one's.
void check_one_grows(const Answer& answer, const std::string& name, double slope_mib_h, std::vector<std::string> stable) {
    CHECK(answer.code == 1);
    REQUIRE(answer.series.count(name) == 1);
    CHECK(answer.series.size() == stable.size() + 1);
    CHECK(answer.series.at(name).verdict == "growing");
    CHECK(answer.series.at(name).slope_mib_h == doctest::Approx(slope_mib_h).epsilon(.02));
    for (const std::string& other : stable) {
        CAPTURE(other);
        REQUIRE(answer.series.count(other) == 1);
        CHECK(answer.series.at(other).verdict == "stable");
    }
}

}  // namespace

TEST_CASE("trend: several processes in one file are a series each, and the worst decides") {
    check_one_grows(judge(case_file("names_semicolon.csv")), "OCDM (302)", 28.1, {"WPEFramework (189)", "WebServer (253)"});
    check_one_grows(judge(case_file("top_batch.log")), "7759 nginx", 5.27, {"7761 nginx"});
    check_one_grows(judge(case_file("ps_aux_no_header.log")), "nginx: worker process", 4.69, {"nginx: master process"});
    check_one_grows(judge(case_file("kubectl_top_pod.log")), "api-7c6d9f8b5d-x2x7k", 24, {"web-6d4cf56db6-kq7xd"});
}

TEST_CASE("trend: rows of several processes without a column that names them are refused") {
    const Answer answer = judge(case_file("no_name.csv"));
    CHECK(answer.code == 2);
    CHECK(answer.series.empty());
    CHECK(
        answer.err ==
        "leakline: " + case_file("no_name.csv") +
            ": 1,800 of 2,700 rows have the same time as the previous row, and no column identifies the process\n  hint: add a column called name or pid, or write a file for each process; if it is one "
            "process, write times with fractions of a second\n");
}

TEST_CASE("trend: docker stats with the time in the row is read in every shape") {
    for (const char* name :
         {"docker_epoch.csv", "docker_iso.csv", "docker_clock_no_header.csv", "docker_powershell_utf16.csv", "docker_table_ns_stamp.csv"}) {
        CAPTURE(name);
        check_one_grows(judge(case_file(name)), "web", 180, {"db", "cache"});
    }
    // Docker before 1.9 wrote "603.7 MiB/1.955 GiB".
    check_one_grows(judge(case_file("docker_old_table.log")), "", 65.9, {});
}

TEST_CASE("trend: Grafana's exports are a series for each column, or for each name in the column Series") {
    check_one_grows(judge(case_file("grafana_sep_line.csv")), "api-1", 3.6, {"api-2"});
    check_one_grows(judge(case_file("grafana_joined_units.csv")), "api-1", 3.6, {"api-2"});
    const Answer long_form = judge(case_file("grafana_series_time_value.csv"));
    check_one_grows(long_form, "api-1", 3.43, {"api-2"});
    CHECK(long_form.err.find("column 'Value' has no unit: its values are taken as bytes") != std::string::npos);
}

TEST_CASE("trend: psrecord, sadf, greps of /proc, values alone and Prometheus' JSON are read") {
    check_one_grows(judge(case_file("psrecord.log")), "", 4.8, {});
    check_one_grows(judge(case_file("sadf_d.csv")), "", 52.7, {});
    check_one_grows(judge(case_file("proc_status_vmrss.log")), "", 4.69, {});
    check_one_grows(judge(case_file("query_range.json")), "", 17.17, {});
    check_one_grows(judge(case_file("value_per_line.log"), {"--interval", "1m"}), "", .764, {});
    check_one_grows(judge(case_file("ps_rss_only.log"), {"--interval", "1m", "--unit", "kib"}), "", 4.69, {});
}

TEST_CASE("trend: numbers alone are refused with the command that reads them") {
    const std::string path = case_file("ps_rss_only.log");
    const Answer answer = judge(path);
    CHECK(answer.code == 2);
    CHECK(answer.err == "leakline: " + path +
                            ":1: a number without a unit on each line, which looks like the output of `ps -o rss=`\n"
                            "  hint: ps prints KiB: leakline trend --interval 10s --unit kib " +
                            path + "\n");
}

TEST_CASE("trend: the forms agree on the series of a file") {
    const std::string path = case_file("docker_iso.csv");
    const Outcome csv = run_here({"trend", path, "--format", "csv"});
    const Outcome text = run_here({"trend", path});
    CHECK(csv.code == 1);
    CHECK(text.code == 1);
    CHECK(csv.out.find("docker_iso.csv.gz:cache,stable,") != std::string::npos);
    CHECK(csv.out.find("docker_iso.csv.gz:web,growing,1,180,") != std::string::npos);
    CHECK(text.out.find("growing  " + path + ":web\n") != std::string::npos);
    CHECK(text.out.find("stable  " + path + ":db\n") != std::string::npos);
}

TEST_CASE("history: what is no file in a folder is left out, and formats that it cannot write are not offered") {
    const TemporaryDirectory folder;
    REQUIRE(::mkfifo((folder.path() + "/pipe.json").c_str(), 0600) == 0);
    const Outcome only = run_here({"history", folder.path()});
    CHECK(only.code == 2);
    CHECK(only.err.find("no file to read in this folder") != std::string::npos);
    const Outcome form = run_here({"history", folder.path() + "/none.json", "--format", "xml"});
    CHECK(form.code == 2);
    CHECK(form.err.find("formats: text json md html csv\n") != std::string::npos);
}
