// leakline diagnose on services whose memory follows connections, identifiers or users.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "model/request_jsonl.hpp"
#include "support/diagnosed.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

std::string hex_of(std::uint64_t number) {
    std::string text;
    for (std::uint64_t state = number * 0x9e3779b97f4a7c15u + 12345; text.size() < 16;
         state = state * 6364136223846793005u + 1442695040888963407u)
        text += "0123456789abcdef"[state >> 60];
    return text;
}

// Orders of 50 users, each with an identifier of its own; with reads, one for each item of a catalog in between.
std::string write_log(const TemporaryDirectory& directory, bool reads = false) {
    std::string text;
    for (std::uint64_t i = 0; i < 400; ++i) {
        Request order;
        order.at = std::chrono::milliseconds(100 * i);
        order.method = "POST";
        order.target = "/orders";
        order.headers = {{"X-Request-Id", hex_of(i + 9999)}};
        order.body = fmt::format(R"({{"request_id":"{}","user":"u{}"}})", hex_of(i), i * i % 50);
        append_jsonl(text, order);
        if (!reads) continue;
        Request read;
        read.at = order.at;
        read.target = fmt::format("/items/{}", 1000 + i);
        append_jsonl(text, read);
    }
    const std::string path = directory.path() + "/traffic.jsonl";
    OutputFile file(path);
    file.write(text);
    file.commit();
    return path;
}

// Where growth is known to be a leak, the run need not outlast caches.
const std::vector<std::string> kOnlyLeaks = {"--still-filling", "leak"};

Diagnosed diagnose(const std::string& log, const std::string& mode, const std::vector<std::string>& more = {}) {
    std::vector<std::string> options = {"--rounds", "6", "--min-round", "100ms", "--quiet-time", "50ms", "--full"};
    options.insert(options.end(), more.begin(), more.end());
    return diagnose_service(log, options, {TRAFFIC_SERVICE, "{port}", mode});
}

}  // namespace

TEST_CASE("a leak per connection is found, with its line and its bytes per connection") {
    const TemporaryDirectory directory;
    const Diagnosed run = diagnose(write_log(directory), "connection", kOnlyLeaks);
    INFO(run.outcome.out);
    CHECK(run.outcome.code == 1);
    CHECK(run.report["verdict"] == "leak");
    REQUIRE(run.report["connections"]["leaks"] == true);
    const json& rate = run.report["connections"]["bytes_per_connection"];
    const double estimate = rate["estimate"], margin = rate["high"].get<double>() - estimate;
    CHECK(estimate == doctest::Approx(8192).epsilon(.02 + 2 * margin / 8192));  // its own interval of 95 %, twice as wide
    CHECK(margin < 0.2 * 8192);
    CHECK(run.report["connections"]["lines"][0]["function"].get<std::string>().starts_with("keep_of_connection"));
    CHECK(run.outcome.out.find("KiB per connection: its live heap grew with the number of connections") != std::string::npos);
    CHECK(run.outcome.out.find("LEAK PER CONNECTION") != std::string::npos);  // the line's text
}

TEST_CASE("an entry for each identifier is a leak per request, although the log has each identifier once") {
    const TemporaryDirectory directory;
    const std::string log = write_log(directory);
    const Diagnosed run = diagnose(log, "id", kOnlyLeaks);
    INFO(run.outcome.out);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.report["replay"]["fresh"] == json{"header X-Request-Id", "field request_id"});
    CHECK(run.report["connections"]["leaks"] == false);
    CHECK(run.outcome.out.find("new values in each round: header X-Request-Id, field request_id") != std::string::npos);
    const Diagnosed as_recorded = diagnose(log, "id", {"--no-fresh"});
    CHECK(as_recorded.report["verdict"] != "leak");
    CHECK_FALSE(as_recorded.report["replay"].contains("fresh"));
}

TEST_CASE("a record that is moved into a map is told at the line of the emplace, with the sum of what passes through it") {
    const TemporaryDirectory directory;
    const Diagnosed run = diagnose(write_log(directory), "order", kOnlyLeaks);
    INFO(run.outcome.out);
    CHECK(run.report["verdict"] == "leak");
    const json& line = run.report["headline_line"];
    CHECK(line["source"].get<std::string>().find("// RECORD") != std::string::npos);
    CHECK(line["leaking"] == true);
    // The node: 8 for the link, 32 + 232 for key and record, 8 for the hash; and the key's 22 characters, which do not fit into it.
    CHECK(line["bytes_per_request"].get<double>() == doctest::Approx(32 + 264 + 16 + 23).epsilon(.05 + noise_of_samples(line)));
    CHECK(line["lines"].get<int>() >= 1);
    CHECK(run.outcome.out.find("by_id.emplace(id, std::move(order))") != std::string::npos);
    REQUIRE(run.report.contains("held_by"));
    CHECK(run.report["held_by"]["holder"]["path"] == "by_id");
    CHECK(run.report["held_by"]["holder"]["type"].get<std::string>().starts_with("std::unordered_map<std::string, Order"));
}

TEST_CASE("an entry for each user, and a pool of connections, are no leak") {
    const TemporaryDirectory directory;
    const std::string log = write_log(directory);
    for (const char* mode : {"user", "pool"}) {
        CAPTURE(mode);
        const Diagnosed run = diagnose(log, mode);
        INFO(run.outcome.out);
        CHECK(run.report["verdict"] != "leak");
        CHECK(run.report["connections"]["leaks"] == false);
    }
}

TEST_CASE("a service that looks identifiers up gets those of the log, and its leak by others is found") {
    const TemporaryDirectory directory;
    const Diagnosed run = diagnose(write_log(directory, true), "lookup", kOnlyLeaks);
    INFO(run.outcome.out);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.report["replay"]["not_fresh"] == json{"GET /items/*"});
    CHECK(run.report["coverage"]["recorded_identifiers"] == json{"GET /items/*"});
    CHECK(run.report["coverage"]["not_served"].empty());
    CHECK(run.outcome.out.find("sent as recorded, because the service rejected new values: ") != std::string::npos);
}

TEST_CASE("a service that gives a token per login is diagnosed with the tokens that it gives") {
    const TemporaryDirectory directory;
    std::string text;
    for (int i = 0; i < 300; ++i) {
        Request request;
        request.at = std::chrono::milliseconds(10 * i);
        request.method = "POST";
        request.connection = fmt::format("c{}", i % 10);
        request.headers = {{"Content-Type", "application/json"}};
        if (i < 10) {
            request.target = "/login";
            request.body = fmt::format(R"({{"user":"u{}"}})", i);
        } else {
            request.target = "/orders";
            request.headers.emplace_back("Authorization", "Bearer recorded");
            request.body = R"({"item":1})";
        }
        append_jsonl(text, request);
    }
    const std::string log = directory.path() + "/traffic.jsonl";
    OutputFile file(log);
    file.write(text);
    file.commit();
    std::vector<std::string> options = kOnlyLeaks;
    options.insert(options.end(),
                   {"--extract", "token=POST /login .body.auth.access_token", "--substitute", "header:Authorization=Bearer {token}"});
    const Diagnosed run = diagnose(log, "token", options);
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.outcome.out.find("// LEAK") != std::string::npos);
    CHECK(run.report["replay"]["statuses"].size() == 1);
    CHECK(run.report["replay"]["values"]["skipped"] == 0);
    CHECK(run.report["replay"]["values"]["substituted"].get<int>() > 0);
    CHECK(run.outcome.out.find("{token} found in") != std::string::npos);
    const Diagnosed as_recorded = diagnose(log, "token");
    CHECK(as_recorded.outcome.code == 4);
    CHECK(as_recorded.outcome.out.find("status 401") != std::string::npos);
}

TEST_CASE("a service is diagnosed without its partner, from the partner's recorded responses") {
    const TemporaryDirectory directory;
    const std::string stub = directory.path() + "/partner.jsonl";
    OutputFile file(stub);
    file.write(R"({"ts_ns":1,"method":"GET","url":"/rate","response":{"status":200,"headers":{},"body":"1.25"}})"
               "\n");
    file.commit();
    std::vector<std::string> options = kOnlyLeaks;
    options.insert(options.end(), {"--stub", stub});
    const Diagnosed run = diagnose(write_log(directory), "partner", options);
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.report["replay"]["statuses"].size() == 1);
    const Diagnosed alone = diagnose(write_log(directory), "partner");
    CHECK(alone.outcome.code == 4);
}
