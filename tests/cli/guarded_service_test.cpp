// Services that are hard to reach: behind credentials, with a private certificate, with a log of other field names and other
// paths. Every option of replay also works in diagnose and minimize; errors name the missing option.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/binary.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;

Words operator+(Words first, const Words& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

class Guarded {
    const TemporaryDirectory directory_;  // before what names files in it

  public:
    Guarded() {
        Command make;
        make.arguments = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:prime256v1",
                          "-nodes",
                          "-days",
                          "2",
                          "-subj",
                          "/CN=leakline test",
                          "-addext",
                          "subjectAltName=IP:127.0.0.1",
                          "-keyout",
                          file("key.pem"),
                          "-out",
                          file("certificate.pem")};
        make.output_file = file("req.log");
        REQUIRE(Child::start(make).wait().code == 0);
        std::string text;
        for (int i = 0; i < 200; ++i)
            text += R"({"when":)" + std::to_string(1700000000 + i / 10) + "." + std::to_string(i % 10) + R"(,"verb":")" +
                    (i % 4 == 0 ? "POST" : "GET") + R"(","where":"/v1/items/)" + std::to_string(i) + "\"}\n";
        OutputFile log(file("access.log"));
        log.write(text);
        log.commit();
    }
    std::string file(const char* name) const { return directory_.path() + "/" + name; }
    // The service on a port that is picked.
    Words tls() const {
        return {"--target", "https://127.0.0.1:{port}", "--", binary("guarded_service"), file("certificate.pem"), file("key.pem")};
    }
    Words plain() const { return {"--", binary("guarded_service")}; }

    const Words reading = {"--map", "ts=.when,method=.verb,url=.where", "--allow-method", "GET"};
    const Words shaping = {"--rewrite-path", "^/v1/=>/v2/", "--header", "Authorization: Bearer right"};
    const Words trust = {"--ca-file", file("certificate.pem")};
    const Words quick = {"--rounds", "4", "--retries", "0", "--min-round", "50ms", "--quiet-time", "20ms"};
};

bool has(const Outcome& outcome, const std::string& text) { return (outcome.out + outcome.err).find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a service behind credentials and a private certificate, with a log of other names, is diagnosed") {
    const Guarded guarded;
    const std::string report = guarded.file("report.json");
    const Outcome outcome = run_binary("leakline", Words{"diagnose", "--traffic", guarded.file("access.log"), "-o", report, "--min-round",
                                                         "200ms", "--still-filling", "leak", "--connections", "8"} +
                                                       guarded.reading + guarded.shaping + guarded.trust + guarded.tls());
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 1);
    const json diagnosis = json::parse(read_file(report));
    CHECK(diagnosis["verdict"] == "leak");
    CHECK(diagnosis["replay"]["statuses"].size() == 1);
    CHECK(diagnosis["replay"]["statuses"].contains("200"));
    CHECK(diagnosis["lines"][0]["function"].get<std::string>().find("keep_item") != std::string::npos);
}

TEST_CASE("the same options find the smallest part, which is replayed with them") {
    const Guarded guarded;
    const std::string part = guarded.file("part.jsonl");
    const Outcome outcome = run_binary(
        "leakline", Words{"minimize", guarded.file("access.log"), "-o", part, "--kinds-only", "--min-round", "100ms", "--rounds", "4"} +
                        guarded.reading + guarded.shaping + guarded.plain());
    INFO(outcome.out << outcome.err);
    CHECK(outcome.code == 1);
    CHECK(has(outcome, "GET /v1/items/*"));
    const std::string text = read_file(part);
    CHECK(text.find("/v1/items/") != std::string::npos);  // as recorded, and without our secrets
    CHECK(text.find("Bearer") == std::string::npos);
    CHECK(text.find("POST") == std::string::npos);
}

TEST_CASE("what keeps the requests from the service is reported with a hint") {
    const Guarded guarded;
    const Words start = Words{"diagnose", "--traffic", guarded.file("access.log")} + guarded.quick + guarded.reading;
    SUBCASE("no credentials") {
        const Outcome outcome = run_binary("leakline", start + Words{"--rewrite-path", "^/v1/=>/v2/"} + guarded.plain());
        INFO(outcome.out << outcome.err);
        CHECK(outcome.code == 4);
        CHECK(has(outcome, "status 401"));
        CHECK(has(outcome, "--header 'Authorization: Bearer TOKEN'"));
    }
    SUBCASE("other paths") {
        const Outcome outcome = run_binary("leakline", start + Words{"--header", "Authorization: Bearer right"} + guarded.plain());
        INFO(outcome.out << outcome.err);
        CHECK(outcome.code == 4);
        CHECK(has(outcome, "status 404"));
        CHECK(has(outcome, "--rewrite-path '^/old=>/new'"));
    }
    SUBCASE("too fast") {
        const Outcome outcome = run_binary(
            "leakline",
            start + Words{"--rewrite-path", "^/v1/items/[0-9]+=>/limited", "--header", "Authorization: Bearer right"} + guarded.plain());
        INFO(outcome.out << outcome.err);
        CHECK(outcome.code == 4);
        CHECK(has(outcome, "status 429"));
        CHECK(has(outcome, "--pace 50/s"));
    }
    SUBCASE("a certificate that nobody vouches for") {
        const Outcome outcome = run_binary("leakline", start + guarded.shaping + Words{"--give-up", "200ms"} + guarded.tls());
        INFO(outcome.out << outcome.err);
        CHECK(outcome.code == 4);
        CHECK(has(outcome, "self-signed certificate"));
        CHECK(has(outcome, "--ca-file"));
        CHECK(has(outcome, "--insecure"));
    }
    SUBCASE("and --expect-status says that such answers are what was wanted") {
        const Outcome outcome = run_binary("leakline", start + Words{"--expect-status", "401"} + guarded.plain());
        INFO(outcome.out << outcome.err);
        CHECK_FALSE(has(outcome, "too many requests failed"));
        CHECK(outcome.code != 4);
    }
}
