// The parts of the replay that need no network: schedule, histogram, order of items, shaping, wire form.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "base/error.hpp"
#include "replay/capture.hpp"
#include "replay/internal/failure_reasons.hpp"
#include "replay/internal/histogram.hpp"
#include "replay/internal/item_source.hpp"
#include "replay/internal/schedule.hpp"
#include "replay/internal/shape.hpp"
#include "replay/path_table.hpp"
#include "replay/wire.hpp"
#include "report/percentile_text.hpp"
#include "support/replay_log.hpp"
#include "support/wire_record.hpp"
#include "system/chunk_buffer.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;

namespace {

std::vector<std::int64_t> due_ms(Schedule schedule, const std::vector<int>& stamps_ms) {
    std::vector<std::int64_t> due;
    for (const int stamp : stamps_ms) due.push_back(schedule.due(std::chrono::milliseconds(stamp)) / 1ms);
    return due;
}

}  // namespace

TEST_CASE("recorded pace keeps the log's distances, divided by the speed") {
    CHECK(due_ms(Schedule({Pace::Kind::recorded, 1, 0}), {1000, 1000, 1500, 4000}) == std::vector<std::int64_t>{0, 0, 500, 3000});
    CHECK(due_ms(Schedule({Pace::Kind::recorded, 10, 0}), {1000, 1500, 4000}) == std::vector<std::int64_t>{0, 50, 300});
    CHECK(due_ms(Schedule({Pace::Kind::recorded, 0.5, 0}), {0, 100}) == std::vector<std::int64_t>{0, 200});
}

TEST_CASE("a late record is due with the one before it") {
    CHECK(due_ms(Schedule({Pace::Kind::recorded, 1, 0}), {1000, 3000, 2000, 500, 4000}) ==
          std::vector<std::int64_t>{0, 2000, 2000, 2000, 3000});
}

TEST_CASE("long pauses are cut to the maximum gap, in the log's time") {
    CHECK(due_ms(Schedule({Pace::Kind::recorded, 2, 0}, Nanoseconds(1s)), {0, 500, 60'000, 60'500, 200'000}) ==
          std::vector<std::int64_t>{0, 250, 750, 1000, 1500});
}

TEST_CASE("a rate does not look at the stamps and does not drift") {
    Schedule schedule({Pace::Kind::rate, 1, 3});
    Nanoseconds due{};
    for (int i = 0; i <= 3'000'000; ++i) due = schedule.due(0ns);
    CHECK(due == 1'000'000s);
    CHECK(schedule.target_rate() == 3);
    CHECK(due_ms(Schedule({Pace::Kind::max, 1, 0}), {0, 100}) == std::vector<std::int64_t>{0, 0});
}

TEST_CASE("a next round is due a mean interval after the last record") {
    const auto next = [](Pace pace, const std::vector<Nanoseconds>& stamps) {
        Schedule schedule(pace);
        for (const Nanoseconds at : stamps) schedule.due(at);
        return schedule.next_round();
    };
    CHECK(next({Pace::Kind::recorded, 1, 0}, {10s, 11s, 14s}) == 6s);
    CHECK(next({Pace::Kind::recorded, 2, 0}, {10s, 11s, 14s}) == 3s);
    CHECK(!next({Pace::Kind::recorded, 1, 0}, {10s}));
    CHECK(!next({Pace::Kind::recorded, 1, 0}, {10s, 10s}));
    CHECK(next({Pace::Kind::rate, 1, 10}, {0s, 0s}) == 200ms);
    CHECK(!next({Pace::Kind::rate, 1, 10}, {}));
    CHECK(!next({Pace::Kind::max, 1, 0}, {10s, 11s}));
}

TEST_CASE("a schedule of absurd length ends instead of overflowing") {
    Schedule schedule({Pace::Kind::recorded, 1e-9, 0});
    schedule.due(-4'000'000'000s);
    CHECK(schedule.due(4'000'000'000s) == Nanoseconds(std::int64_t{4'000'000'000'000'000'000}));
}

TEST_CASE("quantiles of the histogram err by less than 0.8 %, over the whole range") {
    std::mt19937_64 random(7);
    Histogram histogram;
    std::vector<std::int64_t> values;
    for (int i = 0; i < 20'000; ++i) {
        const auto value = static_cast<std::int64_t>(random() >> (1 + random() % 62));
        values.push_back(value);
        histogram.record(Nanoseconds(value));
    }
    std::sort(values.begin(), values.end());
    for (const double fraction : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
        const auto exact = static_cast<double>(values[rank - 1]);
        const auto estimate = static_cast<double>(histogram.quantile(fraction).count());
        CHECK(estimate >= exact);
        CHECK(estimate <= exact * 1.008 + 1);
    }
    CHECK(histogram.max().count() == values.back());
}

TEST_CASE("the histogram's small and strange values") {
    Histogram histogram;
    CHECK(histogram.quantile(0.5) == 0ns);
    histogram.record(-5ns);
    CHECK(histogram.quantile(1) == 0ns);
    histogram.record(Nanoseconds::max());
    CHECK(histogram.quantile(1) == Nanoseconds::max());
    Histogram other;
    other.record(100ns);
    other.record(127ns);
    histogram.merge(other);
    CHECK(histogram.count() == 4);
    CHECK(histogram.quantile(0.5) == 100ns);
    CHECK(histogram.quantile(0.75) == 127ns);
}

TEST_CASE("the percentile text is HdrHistogram's") {
    Histogram histogram;
    for (int i = 1; i <= 100; ++i) histogram.record(std::chrono::microseconds(i));
    const std::string text = report::percentile_text(histogram.distribution());
    CHECK(
        text.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"
                         "       1.003 0.000000000000          1           1.00\n"));
    CHECK(text.find("     100.000 1.000000000000        100\n#[Mean    =       50.500, StdDeviation   =       28.866]\n"
                    "#[Max     =      100.000, Total count    =          100]\n") != std::string::npos);
}

TEST_CASE("paths are counted by name, identifiers left out, in bounded number") {
    CHECK(PathTable::normalized("/users/12345/items/9f8e7d6c-0000-4000-8000-000000000000?x=1") == "/users/*/items/*");
    CHECK(PathTable::normalized("/deadbeef/v2/facade") == "/deadbeef/v2/facade");
    CHECK(PathTable::normalized("/") == "/");
    PathTable table;
    for (int i = 0; i < 200; ++i) table.intern("GET", "/p" + std::string(1, static_cast<char>('a' + i % 26)) + std::to_string(i) + "x");
    CHECK(table.names().size() == PathTable::kLimit + 1);
    CHECK(table.names().back() == "other");
    CHECK(table.intern("GET", "/pa0x?other=query") == 0);
}

TEST_CASE("entries of a folder that look like no identifiers are told by their number, digits or rarity") {
    std::map<std::string, std::uint64_t> requests{{"/", 900}, {"/v1/cart", 500}, {"/v2/cart", 500}};
    for (int i = 0; i < 300; ++i) requests[fmt::format("/users/u{}/posts", i)] = 50;
    for (const char first : std::string("abcdefgh"))
        for (const char second : std::string("abcdefgh")) requests[fmt::format("/blog/about-{}{}", first, second)] = 2;
    for (const char action : std::string("abcdefghijklmnopqrstuvwxyz")) requests[fmt::format("/do/{}", action)] = 100;
    const auto variable = std::make_shared<const VariableSegments>(requests);
    CHECK(PathTable::normalized("/users/u17/posts?x=1", variable.get()) == "/users/*/posts");
    CHECK(PathTable::normalized("/blog/about-x", variable.get()) == "/blog/*");
    CHECK(PathTable::normalized("/do/x", variable.get()) == "/do/x");
    CHECK(PathTable::normalized("/v1/cart", variable.get()) == "/v1/cart");
    CHECK(PathTable::normalized("/", variable.get()) == "/");
    PathTable table(variable);
    CHECK(table.intern("GET", "/users/u1/posts") == table.intern("GET", "/users/u2/posts"));
    // As long as every path can have a name of its own, it has.
    const VariableSegments few({{"/users/u1", 1}, {"/users/u2", 1}});
    CHECK(PathTable::normalized("/users/u1", &few) == "/users/u1");
}

TEST_CASE("records of one second are spread evenly and put in order of time") {
    BatchQueue queue(ItemSource::kBatches);
    auto batch = queue.take_empty();
    const auto add = [&](Nanoseconds at, bool coarse) {
        Item item;
        item.at = at;
        item.coarse = coarse;
        batch->items.push_back(item);
    };
    for (int i = 0; i < 4; ++i) add(10s, true);
    add(12s, true);
    add(11s, true);
    add(11'500ms, false);
    batch->bad = 2;
    batch->ends_round = true;
    queue.push(std::move(batch));
    ItemSource source(queue, ItemSource::Order::by_time, 16);
    std::vector<std::int64_t> order;
    while (const auto pending = source.next()) {
        order.push_back(pending->at / 1ms);
        source.release(*pending);
    }
    CHECK(order == std::vector<std::int64_t>{10'000, 10'250, 10'500, 10'750, 11'000, 11'500, 12'000});
    CHECK(source.round_over());
    CHECK(source.bad() == 2);
    CHECK(source.late() == 0);
}

TEST_CASE("the part of a log that is done is what was sent of it, not what was read ahead") {
    BatchQueue queue(ItemSource::kBatches);
    for (const double part : {0.5, 1.0}) {
        auto batch = queue.take_empty();
        batch->items.resize(4);
        batch->part = part;
        batch->ends_round = part == 1.0;
        queue.push(std::move(batch));
    }
    ItemSource source(queue, ItemSource::Order::by_time, 100);
    std::vector<double> parts;
    while (const auto pending = source.next()) {
        parts.push_back(source.part());
        source.release(*pending);
    }
    CHECK(parts == std::vector<double>{0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875});
    CHECK(source.part() == 1);
    source.begin_round();
    CHECK(source.part() == 0);
}

TEST_CASE("a record that the window has passed is late, and counted") {
    BatchQueue queue(ItemSource::kBatches);
    auto batch = queue.take_empty();
    for (const int second : {10, 20, 30, 40, 15}) {
        Item item;
        item.at = std::chrono::seconds(second);
        batch->items.push_back(item);
    }
    batch->ends_round = true;
    queue.push(std::move(batch));
    ItemSource source(queue, ItemSource::Order::by_time, 2);
    std::vector<std::int64_t> order;
    while (const auto pending = source.next()) {
        order.push_back(pending->at / 1s);
        source.release(*pending);
    }
    CHECK(order == std::vector<std::int64_t>{10, 20, 30, 15, 40});
    CHECK(source.late() == 1);
}

TEST_CASE("a request goes over the wire without what belonged to the recorded connection") {
    Record record = record_of("POST", "http://shop.example.com/api?x=1", "body");
    record.headers = {{"host", "shop.example.com"}, {"Accept", "*/*"},   {"connection", "close, te"},
                      {"Content-Length", "99"},     {":method", "POST"}, {"Transfer-Encoding", "chunked"},
                      {"Expect", "100-continue"},   {"X", "1"},          {"Connection", "keep-alive"}};
    CHECK(wire_of(record) ==
          "POST /api?x=1 HTTP/1.1\r\nHost: host:1\r\nAccept: */*\r\nConnection: close\r\nX: 1\r\nContent-Length: 4\r\n\r\nbody");
    CHECK(wire_of(record_of("GET", "http://shop.example.com")) == "GET / HTTP/1.1\r\nHost: host:1\r\n\r\n");
    CHECK(wire_of(record_of("GET", "http://shop.example.com?q")) == "GET /?q HTTP/1.1\r\nHost: host:1\r\n\r\n");
    CHECK(wire_of(record_of("OPTIONS", "*")) == "OPTIONS * HTTP/1.1\r\nHost: host:1\r\n\r\n");
}

TEST_CASE("nothing in a record can smuggle a second request in") {
    const auto refused = [](const Record& record) {
        CHECK(wire_of(record) == "refused");
        return why_not_sent(record).substr(std::string_view("the request cannot be sent: ").size());
    };
    CHECK(refused(record_of("GET", "/a HTTP/1.1\r\nX: y")) ==
          "the URL '/a HTTP/1.1\\x0d\\x0aX: y' contains a space or a control character");
    CHECK(refused(record_of("GET /x", "/")) == "the method 'GET /x' is not a single word");
    CHECK(refused(record_of("", "/")) == "the method '' is not a single word");
    CHECK(refused(record_of("GET", "other.example:443")) == "the URL 'other.example:443' has no path");
    Record record = record_of("GET", "/");
    record.headers = {{"Connection", "\n"}, {"X", "1\r\nY: 2"}};
    CHECK(refused(record) == "the header 'X' contains a line break");
    record.headers = {{"X:y", "1"}};
    CHECK(refused(record) == "'X:y' is not a header name");

    ShapeOptions options;
    options.keep_host = true;
    const Shape shape(options);
    record.headers = {{"Host", "shop:80\r\nX: y"}};
    CHECK(shape.host(record, "target") == "target");
    record.headers = {{"Host", "shop:80"}};
    CHECK(shape.host(record, "target") == "shop:80");
}

TEST_CASE("what no server takes for a path is not sent, and a fragment never is") {
    for (const char* target : {"relative", "other.example:443", "*", "index.html?x=/"})
        CHECK(wire_of(record_of("GET", target)) == "refused");
    const auto first_line = [](std::string_view method, std::string_view target) {
        const std::string wire = wire_of(record_of(method, target));
        return wire.substr(0, wire.find('\r'));
    };
    CHECK(first_line("OPTIONS", "*") == "OPTIONS * HTTP/1.1");
    CHECK(first_line("GET", "http://other/x?y#frag") == "GET /x?y HTTP/1.1");
    CHECK(first_line("GET", "/#/app") == "GET / HTTP/1.1");
    CHECK(first_line("GET", "#top") == "GET / HTTP/1.1");
}

TEST_CASE("a capture goes on behind a line that was cut, and appends to nothing but a log") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/log";
    const auto capture = [&](const std::string& before) {
        std::ofstream(path, std::ios::binary) << before;
        CaptureLog log(path, {});
        http::ProxiedRequest request;
        request.method = "GET";
        request.target = "/";
        log.write(std::move(request));
        return read_file(path);
    };
    const std::string line = capture("");
    CHECK(line.ends_with("\n"));
    CHECK(capture(line) == line + line);
    CHECK(capture(line + R"({"ts_ns":1,"met)") == line + R"({"ts_ns":1,"met)" + "\n" + line);
    const std::string why =
        path + ": is not a log of requests as capture writes it, so nothing is appended to it\n  hint: name another file";
    CHECK_THROWS_WITH_AS(capture("\x7f"
                                 "ELF"),
                         why.c_str(), Error);
    CHECK(read_file(path) ==
          "\x7f"
          "ELF");
}

TEST_CASE("the reason that most failures have is told, and the help that belongs to it") {
    replay::FailureReasons reasons;
    CHECK(reasons.most_frequent().empty());
    const auto add = [&](Failure failure, bool written, const std::string& connect_failure, const std::string& hint) {
        http::ClientPool::Done done;
        done.failure = failure;
        if (written) done.first_write = 1ns;
        reasons.add(done, connect_failure, hint);
    };
    add(Failure::timeout, true, "", "");
    add(Failure::connect, false, "the certificate is not accepted", "--ca-file FILE");
    CHECK(reasons.most_frequent() == " (the certificate is not accepted); --ca-file FILE");
    // The pool still has the reason of the connection that failed last.
    add(Failure::timeout, true, "the certificate is not accepted", "--ca-file FILE");
    CHECK(reasons.most_frequent() == " (timeout: no complete response within --timeout)");
    for (int i = 0; i < 3; ++i) add(Failure::connect, false, "connection refused", "");
    add(Failure::timeout, false, "no answer to the connection attempt", "");
    CHECK(reasons.most_frequent() == " (connection refused)");
}
