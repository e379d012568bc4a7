#include "service/service.hpp"
#include "base/quantities.hpp"
#include "service/internal/sqlite.hpp"
#include "service/periodic_job.hpp"
#include "support/raw_connection.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace leakline::service {
namespace {

using namespace std::chrono_literals;
using test::RawConnection;
using test::request_text;

struct Running {
    explicit Running(ServiceOptions options = {}) : service(with_store(std::move(options)), clock) { service.start(); }
    ~Running() { service.stop(1s); }
    static ServiceOptions with_store(ServiceOptions options) {
        if (options.store.path.empty()) options.store.path = ":memory:";
        return options;
    }
    std::string ask(const std::string& request) {
        RawConnection connection(service.port());
        connection.send(request);
        return connection.response();
    }
    std::string track(const std::string& body) { return ask(request_text("POST", "/api/track", body)); }

    ScaledClock clock{system_clock(), 1};
    Service service;
};

TEST_CASE("a tracked event is answered, cached and given back") {
    for (const CacheModeRow& row : cache_modes()) {
        CAPTURE(std::string(row.name));
        ServiceOptions options;
        options.mode = row.name;
        Running running(options);
        const std::string answer = running.track(R"({"user_id":"a b","events":[{"n":1},{"n":2}]})");
        CHECK(RawConnection::status(answer) == 200);
        CHECK(RawConnection::body(answer) == "{\"status\":\"success\"}\n");
        const std::string events = running.ask(request_text("GET", "/api/users/a%20b/events"));
        CHECK(RawConnection::body(events) == "{\"user_id\":\"a b\",\"events\":[{\"n\":1},{\"n\":2}]}\n");
    }
}

TEST_CASE("events that the cache has dropped come from the store") {
    ServiceOptions options;
    options.mode = "bounded";
    options.limits.entries = 1;
    Running running(options);
    running.track(R"({"user_id":"a","events":[{"n":1}]})");
    running.track(R"({"user_id":"b","events":[{"n":2}]})");
    CHECK(RawConnection::body(running.ask(request_text("GET", "/api/users/a/events"))) == "{\"user_id\":\"a\",\"events\":[{\"n\":1}]}\n");
    CHECK(RawConnection::status(running.ask(request_text("GET", "/api/users/nobody/events"))) == 404);
}

TEST_CASE("errors have the right status, a reason, and Allow where it belongs") {
    Running running;
    const std::string bad = running.track("{\"user_id\":1");
    CHECK(RawConnection::status(bad) == 400);
    CHECK(RawConnection::body(bad) == "{\"error\":\"malformed JSON: column 13: expected ',' or '}', found the end\"}\n");
    const std::string missing = running.ask(request_text("GET", "/api/nothing"));
    CHECK(RawConnection::status(missing) == 404);
    CHECK(RawConnection::body(missing) == "{\"error\":\"no such resource: /api/nothing\"}\n");
    const std::string get = running.ask(request_text("GET", "/api/track"));
    CHECK(RawConnection::status(get) == 405);
    CHECK(get.find("\r\nAllow: POST\r\n") != std::string::npos);
    const std::string put = running.ask(request_text("PUT", "/metrics", "x"));
    CHECK(RawConnection::status(put) == 405);
    CHECK(put.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
    // An answer is JSON, whatever bytes it has to name.
    CHECK(RawConnection::body(running.ask(request_text("GET", "/api/users/%ff%22/events"))) ==
          "{\"error\":\"no events of user '\\\\xff\\\"'\"}\n");
    CHECK(RawConnection::body(running.ask(request_text("GET", "/\xe9"))) == "{\"error\":\"no such resource: /\\\\xe9\"}\n");
    for (const char* path : {"/api/users//events", "/api/users/a/b/events", "/api/users/events", "/api/users/a"})
        CHECK(RawConnection::status(running.ask(request_text("GET", path))) == 404);
}

TEST_CASE("a store that cannot take events makes requests fail with 503 and the reason, and the service lives on") {
    const TemporaryDirectory directory;
    ServiceOptions options;
    options.store.path = directory.path() + "/a.db";
    options.store.size_limit = 24 << 10;
    Running running(options);
    const std::string body = "{\"user_id\":1,\"events\":[{\"x\":\"" + std::string(30'000, 'x') + "\"}]}";
    const std::string refused = running.track(body);
    CHECK(RawConnection::status(refused) == 503);
    CHECK(RawConnection::body(refused).find("the event store is full") != std::string::npos);
    CHECK(refused.find("\r\nRetry-After: 1\r\n") != std::string::npos);
    CHECK(RawConnection::status(running.ask(request_text("GET", "/api/users/1/events"))) == 404);  // it is nowhere
    CHECK(RawConnection::status(running.track(R"({"user_id":1,"events":[{"small":1}]})")) == 200);
}

TEST_CASE("events that wait for their commit are not shown, and those that are refused never were") {
    const TemporaryDirectory directory;
    for (const CacheModeRow& row : cache_modes()) {
        CAPTURE(std::string(row.name));
        ServiceOptions options;
        options.mode = row.name;
        options.store.path = directory.path() + "/" + std::string(row.name) + ".db";
        options.store.busy_timeout = 300ms;
        Running running(options);
        const std::string event = R"({"user_id":"u","events":[{"n":1}]})", one = "{\"user_id\":\"u\",\"events\":[{\"n\":1}]}\n";
        const auto shown = [&] { return RawConnection::body(running.ask(request_text("GET", "/api/users/u/events"))); };
        REQUIRE(RawConnection::status(running.track(event)) == 200);

        sqlite::Database other(options.store.path);
        other.run("BEGIN IMMEDIATE");
        RawConnection waiting(running.service.port());
        waiting.send(request_text("POST", "/api/track", event));
        std::size_t differs = 0;
        while (!waiting.has_answer()) differs += shown() != one;
        CHECK(RawConnection::status(waiting.response()) == 503);
        CHECK(differs == 0);
        CHECK(shown() == one);
        other.run("ROLLBACK");
        CHECK(RawConnection::status(running.track(event)) == 200);
        CHECK(shown() == "{\"user_id\":\"u\",\"events\":[{\"n\":1},{\"n\":1}]}\n");
    }
}

TEST_CASE("metrics count what happened") {
    Running running;
    for (int i = 0; i < 3; ++i) running.track(R"({"user_id":1,"events":[{"n":1},{"n":2}]})");
    running.track("nonsense");
    const std::string metrics = RawConnection::body(running.ask(request_text("GET", "/metrics")));
    for (const char* line :
         {"\ntrackd_requests_total{path=\"/api/track\",code=\"200\"} 3\n", "\ntrackd_requests_total{path=\"/api/track\",code=\"400\"} 1\n",
          "\ntrackd_cache_entries{mode=\"leaky\"} 3\n", "\ntrackd_events_saved_total 6\n", "\ntrackd_connections_total 5\n"}) {
        CAPTURE(line);
        CHECK(metrics.find(line) != std::string::npos);
    }
    CHECK(metrics.find("\nprocess_resident_memory_bytes ") != std::string::npos);
}

TEST_CASE("the record holds each API request with its exact body, and of the connection only that the client ends it") {
    const TemporaryDirectory directory;
    ServiceOptions options;
    options.record_file = directory.path() + "/log.jsonl";
    const std::string odd = "not json \xff\x00 but bytes";
    {
        Running running(options);
        running.ask(request_text("POST", "/api/track", R"({"user_id":"ä","events":[]})",
                                 "X-Tag: t\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"));
        running.ask(request_text("POST", "/api/track", odd));
        running.ask(request_text("GET", "/api/users/1/events?access_token=s3cret&x=1", "",
                                 "Authorization: Basic s3cret\r\nconnection: Keep-Alive, CLOSE\r\ncookie: s3cret\r\n"));
        running.ask(request_text("GET", "/metrics"));
        running.ask(request_text("GET", "/healthz"));
    }
    ChunkBuffer lines(open_source(options.record_file));
    const auto first = nlohmann::json::parse(*lines.next_line());
    CHECK(first["method"] == "POST");
    CHECK(first["url"] == "/api/track");
    CHECK(first["body"] == R"({"user_id":"ä","events":[]})");
    CHECK(first["headers"] == nlohmann::json{{"X-Tag", "t"}, {"Content-Type", "application/json"}});
    CHECK(first["ts_ns"].get<std::int64_t>() > 1'700'000'000'000'000'000);
    CHECK(nlohmann::json::parse(*lines.next_line()).contains("body_b64"));
    const auto third = nlohmann::json::parse(*lines.next_line());
    CHECK(third["url"] == "/api/users/1/events?access_token=redacted&x=1");
    CHECK(third["headers"] == nlohmann::json{{"Authorization", "redacted"}, {"cookie", "redacted"}, {"Connection", "close"}});
    CHECK_FALSE(lines.next_line());
    CHECK((std::filesystem::status(options.record_file).permissions() & std::filesystem::perms::all) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

// A clock that the test moves, read by a job's thread.
class SteppedClock : public Clock {
  public:
    Nanoseconds monotonic() const override { return Nanoseconds(now_.load()); }
    Nanoseconds wall() const override { return 1000h + monotonic(); }
    void sleep_until(Nanoseconds) override {}
    void advance(Nanoseconds by) { now_ += by.count(); }

  private:
    std::atomic<std::int64_t> now_{0};
};

TEST_CASE("a scaled clock runs that many times as fast from where it started") {
    SteppedClock real;
    real.advance(5h);
    const ScaledClock clock(real, 600);
    CHECK(clock.monotonic() == 5h);
    real.advance(6s);
    CHECK(clock.monotonic() == 6h);
    CHECK(clock.wall() == 1006h);
    CHECK(clock.real_time_until(7h) >= 6s);
    CHECK(clock.real_time_until(7h) < 6s + 1us);
    CHECK(clock.real_time_until(1h) == 0s);
}

TEST_CASE("a job runs once for each period of the scaled clock and ends at once when it is dropped") {
    const ScaledClock clock(system_clock(), 3600);
    std::atomic<int> runs{0};
    const Nanoseconds before = clock.monotonic();
    {
        const PeriodicJob job(clock, 30s, [&] { ++runs; });
        const PeriodicJob far(clock, 100'000h, [&] { runs += 1000; });
        while (runs < 3) std::this_thread::yield();
    }
    const auto periods = (clock.monotonic() - before) / 30s;
    CHECK(runs >= 3);
    CHECK(runs <= periods);
}

}  // namespace
}  // namespace leakline::service
