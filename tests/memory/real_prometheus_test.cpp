// A fleet of 600 processes, kept by the real Prometheus (Debian's package), read back and compared with what went in.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "memory/prometheus.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/executables.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::memory;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kEnd = 1700000000;  // any time: retention is set to match
constexpr std::int64_t kStep = 60, kPoints = 300;
constexpr std::int64_t kBegin = kEnd - (kPoints - 1) * kStep;
constexpr int kFleet = 600;
constexpr std::int64_t kRestart = kBegin + 120 * kStep + 17;  // of every tenth process, between two scrapes

double memory_of(int process, std::int64_t at) {
    const std::int64_t since = process % 10 == 0 && at >= kRestart ? at - kRestart : at - kBegin;
    return 5e7 + process * 4096.0 + (process % 3 == 0 ? 100.0 * static_cast<double>(since) : 0);
}

std::int64_t start_of(int process, std::int64_t at) { return process % 10 == 0 && at >= kRestart ? kRestart : kBegin - 1000; }

std::string labels_of(int process) { return "{instance=\"host-" + std::to_string(process) + ":80\",job=\"api\"}"; }

// OpenMetrics groups by metric and labels, and ends with # EOF.
void write_openmetrics(const std::string& path) {
    std::ofstream out(path);
    const auto family = [&](const char* name, auto value_of) {
        out << "# TYPE " << name << " gauge\n";
        for (int process = 0; process < kFleet; ++process)
            for (std::int64_t at = kBegin; at <= kEnd; at += kStep)
                out << name << labels_of(process) << ' ' << static_cast<std::int64_t>(value_of(process, at)) << ' ' << at << '\n';
    };
    family("process_resident_memory_bytes", memory_of);
    family("process_start_time_seconds", start_of);
    out << "# EOF\n";
}

// The address that the log names once the port is known.
std::string wait_for_address(const std::string& log, Child& server) {
    const std::string mark = "msg=\"Listening on\" address=";
    for (int attempt = 0; attempt < 300 && server.running(); ++attempt) {
        std::ifstream file(log);
        for (std::string line; std::getline(file, line);)
            if (const std::size_t at = line.find(mark); at != std::string::npos) return line.substr(at + mark.size());
        std::this_thread::sleep_for(100ms);
    }
    return {};
}

}  // namespace

TEST_CASE("a fleet of 600 series comes back from the real Prometheus as it went in") {
    REQUIRE_MESSAGE((find_executable("prometheus") && find_executable("promtool")), "scripts/setup.sh installs it");
    const TemporaryDirectory directory;
    const std::string samples = directory.path() + "/fleet.om", data = directory.path() + "/data";
    write_openmetrics(samples);
    Command fill;
    fill.arguments = {"promtool", "tsdb", "create-blocks-from", "openmetrics", samples, data};
    fill.output_file = directory.path() + "/promtool.log";
    const ExitStatus filled = Child::start(fill).wait();
    INFO(read_file(fill.output_file));
    REQUIRE(filled.shell_code() == 0);

    std::ofstream(directory.path() + "/prometheus.yml") << "global: {}\n";
    Command run;
    run.arguments = {"prometheus", "--config.file=" + directory.path() + "/prometheus.yml", "--storage.tsdb.path=" + data,
                     "--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:0"};
    run.output_file = directory.path() + "/prometheus.log";
    Child server = Child::start(run);
    const std::string address = wait_for_address(run.output_file, server);
    INFO(read_file(run.output_file));
    REQUIRE_FALSE(address.empty());

    PrometheusQuery query;
    query.url = "http://" + address;
    query.query = "process_resident_memory_bytes{job=\"api\"}";
    query.end = std::chrono::seconds(kEnd);
    query.range = std::chrono::seconds((kPoints - 1) * kStep);
    query.step = std::chrono::seconds(kStep);
    PrometheusAnswer answer;
    for (int attempt = 0; attempt < 100; ++attempt) try {  // it listens before it is ready, and says 503 until then
            answer = query_prometheus(query);
            break;
        } catch (const Error& error) {
            if (std::string(error.what()).find("503") == std::string::npos) throw;
            std::this_thread::sleep_for(100ms);
        }
    CHECK(answer.warnings.empty());
    REQUIRE(answer.series.size() == kFleet);
    CHECK(answer.requests == 4);  // 200 points and 100 points, twice

    int restarted = 0;
    for (const Series& series : answer.series) {
        const std::size_t at = series.name.find("host-");
        REQUIRE(at != std::string::npos);
        const int process = std::stoi(series.name.substr(at + 5));
        CHECK(series.name == "process_resident_memory_bytes" + labels_of(process));
        REQUIRE(series.size() == kPoints);
        bool same = true;
        for (std::size_t i = 0; i < series.size(); ++i) {
            const std::int64_t time = kBegin + static_cast<std::int64_t>(i) * kStep;
            same = same && series.seconds[i] == static_cast<double>(time) && series.value[i] == std::trunc(memory_of(process, time));
        }
        CHECK(same);
        if (series.process.empty()) continue;
        ++restarted;
        CHECK(process % 10 == 0);
        CHECK(series.process[120] == (kBegin - 1000) * 1000);
        CHECK(series.process[121] == kRestart * 1000);
    }
    CHECK(restarted == kFleet / 10);

    // The whole command: every series has its verdict, and what leaks is told from what does not.
    Command trend;
    trend.arguments = {std::string(LEAKLINE_BIN_DIR) + "/leakline",
                       "trend",
                       "--prometheus",
                       query.url,
                       "--query",
                       query.query,
                       "--range",
                       "299m",
                       "--step",
                       "1m",
                       "--end",
                       "2023-11-14T22:13:20Z",
                       "--limit",
                       "512MiB",
                       "-o",
                       directory.path() + "/fleet.csv"};
    trend.output_file = directory.path() + "/trend.log";
    const ExitStatus judged = Child::start(trend).wait();
    INFO(read_file(trend.output_file));
    CHECK(judged.shell_code() == 1);
    std::ifstream verdicts(directory.path() + "/fleet.csv");
    int rows = 0, found = 0, wrong = 0;
    for (std::string row; std::getline(verdicts, row);) {
        const std::size_t at = row.find("host-");
        if (at == std::string::npos) continue;  // the header
        ++rows;
        const int process = std::stoi(row.substr(at + 5));
        const bool growing = row.find(",growing,") != std::string::npos;
        if (process % 3 == 0 && process % 10 != 0) found += growing;
        if (process % 3 != 0) wrong += growing;
    }
    CHECK(rows == kFleet);
    CHECK(found == 180);  // of 200 that leak, 20 were restarted on the way
    CHECK(wrong == 0);

    // More points a series than it gives at once.
    query.query = "sum(process_resident_memory_bytes)";
    query.step = 1s;
    const PrometheusAnswer fine = query_prometheus(query);
    REQUIRE(fine.series.size() == 1);
    CHECK(fine.series[0].size() == (kPoints - 1) * kStep + 1);

    // What it cannot parse, it refuses in its own words.
    query.query = "process_resident_memory_bytes{";
    std::string message;
    try {
        query_prometheus(query);
    } catch (const Error& error) {
        message = error.what();
    }
    CHECK(message.find("returned bad_data: ") != std::string::npos);
    CHECK(server.terminate(10s).shell_code() == 0);
}
