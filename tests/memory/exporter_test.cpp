#include "memory/exporter.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "base/error.hpp"
#include "fake_system.hpp"
#include "http/client.hpp"

using namespace leakline;
using namespace leakline::memory;

namespace {

MemorySample sample_of(std::optional<Bytes> rss, std::optional<Bytes> pss) {
    MemorySample sample;
    sample[Metric::rss] = rss;
    sample[Metric::pss] = pss;
    return sample;
}

const Subject kServer{"server", 7, 1000};

}  // namespace

TEST_CASE("the exposition groups families, and a counter ends in _total") {
    ExportedProcess a{kServer, sample_of(4096, std::nullopt), 1700000000.25};
    ExportedProcess b{{"/x", 0, 0}, {}, 0};
    b.latest[Metric::cgroup_oom_kills] = 2;
    CHECK(exposition({a, b}, {Metric::rss, Metric::pss, Metric::cgroup_oom_kills}) ==
          "# HELP process_resident_memory_bytes Resident set size.\n"
          "# TYPE process_resident_memory_bytes gauge\n"
          "process_resident_memory_bytes{process=\"server\",pid=\"7\"} 4096\n"
          "# HELP cgroup_oom_kills_total Processes of the cgroup killed when out of memory.\n"
          "# TYPE cgroup_oom_kills_total counter\n"
          "cgroup_oom_kills_total{cgroup=\"/x\"} 2\n"
          "# HELP process_start_time_seconds Start time of the process since the Unix epoch in seconds.\n"
          "# TYPE process_start_time_seconds gauge\n"
          "process_start_time_seconds{process=\"server\",pid=\"7\"} 1700000000.25\n");
}

TEST_CASE("a scrape has the latest values, and no process that has gone") {
    Exporter exporter("127.0.0.1:0", {Metric::rss, Metric::pss});
    const auto scrape = [&] { return http::get(exporter.url()).body; };
    exporter.publish(kServer, sample_of(4096, 2048));
    exporter.end_tick();
    exporter.publish(kServer, sample_of(8192, std::nullopt));
    exporter.end_tick();
    CHECK(scrape().find("process_resident_memory_bytes{process=\"server\",pid=\"7\"} 8192\n") != std::string::npos);
    CHECK(scrape().find("process_proportional_memory_bytes{process=\"server\",pid=\"7\"} 2048\n") != std::string::npos);
    exporter.end_tick();
    CHECK(scrape().find("pid=\"7\"") == std::string::npos);
}

TEST_CASE("only /metrics is there, and only to read") {
    Exporter exporter(":0", {Metric::rss});
    const std::string url = exporter.url();
    CHECK(url.starts_with("http://127.0.0.1:"));
    CHECK(http::get(url.substr(0, url.size() - 7)).status == 404);
    http::ClientRequest request;
    request.url = url;
    request.method = "POST";
    CHECK(http::send_request(request).status == 405);
    CHECK(http::get(url).header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("an address that is none is refused") {
    CHECK_THROWS_AS(Exporter("127.0.0.1:http", {Metric::rss}), Error);
    CHECK_THROWS_AS(Exporter("", {Metric::rss}), Error);
    CHECK_THROWS_AS(Exporter(":70000", {Metric::rss}), Error);
}

TEST_CASE("the start time is the boot time and the ticks since") {
    const test::FakeSystem system;
    system.write("/proc/stat", "cpu 1 2 3\nbtime 1700000000\nprocesses 5\n");
    CHECK(start_time_seconds({"x", 7, 250}, system.roots()) ==
          doctest::Approx(1700000000 + 250.0 / static_cast<double>(::sysconf(_SC_CLK_TCK))));
    CHECK(start_time_seconds({"/cgroup", 0, 0}, system.roots()) == 0);
}
