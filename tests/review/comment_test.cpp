#include <doctest/doctest.h>

#include "base/error.hpp"
#include "review/comment.hpp"
#include "review/fake_forge.hpp"
#include "support/binary.hpp"
#include "support/fake_clock.hpp"
#include "system/output_file.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

constexpr const char* kToken = "ghs_a-token-of-a-test";
constexpr const char* kMark = "<!-- leakline gate: leakline -->\n";

// Comments of pull request 7, written as GitHub's API has them.
struct Fixture {
    FakeForge forge{"/repos/o/r/issues/7/comments", "/repos/o/r/issues/comments/"};
    review::Discussion discussion;
    FakeClock clock;
    std::vector<std::string> notes;

    Fixture() {
        discussion.name = "pull request 7 of o/r";
        discussion.list_url = forge.url() + "/repos/o/r/issues/7/comments";
        discussion.comment_url = forge.url() + "/repos/o/r/issues/comments/";
        discussion.update_method = "PATCH";
        discussion.token = kToken;
        discussion.headers = {{"Authorization", "Bearer " + discussion.token}};
        discussion.token_hint = "permissions: { pull-requests: write }";
    }
    review::Posted post(const std::string& body) {
        review::PostOptions options{.clock = clock, .note = [this](const std::string& text) { notes.push_back(text); }};
        return review::post_comment(discussion, body, options);
    }
    std::string refusal(const std::string& body = "text") {
        try {
            post(body);
        } catch (const Error& error) {
            return error.what();
        }
        return "no error";
    }
};

std::string limited(int status, const std::string& headers, const std::string& message) {
    return FakeForge::response(status, headers, nlohmann::json{{"message", message}}.dump());
}

}  // namespace

TEST_CASE("the first run writes a comment, later ones write it anew, and those of others stay") {
    Fixture fixture;
    for (int i = 0; i < 250; ++i) fixture.forge.comments.push_back({i + 1, "comment " + std::to_string(i)});
    fixture.forge.comments[3].body = "I quote: " + std::string(kMark);
    CHECK(fixture.post("first").created);
    REQUIRE(fixture.forge.comments.size() == 251);
    CHECK(fixture.forge.comments.back().body == std::string(kMark) + "first");
    const review::Posted second = fixture.post("sec\"ond\n\xff");
    CHECK_FALSE(second.created);
    CHECK(second.id == std::to_string(fixture.forge.comments.back().id));
    CHECK(fixture.forge.comments.size() == 251);
    CHECK(fixture.forge.comments.back().body == std::string(kMark) + "sec\"ond\n\xEF\xBF\xBD");
    CHECK(fixture.forge.comments[3].body.starts_with("I quote"));
    CHECK(fixture.forge.requests.size() == 2 * (3 + 1));  // three pages, one change
    CHECK(fixture.clock.monotonic() == Nanoseconds(0));
}

TEST_CASE("a comment that is deleted between the list and the change is written again") {
    Fixture fixture;
    fixture.forge.comments.push_back({5, kMark});
    fixture.forge.next = {"", limited(404, "", "Not Found")};
    CHECK(fixture.post("text").created);
}

TEST_CASE("server errors and lost connections are tried again, and a comment whose answer was lost is not written twice") {
    Fixture fixture;
    fixture.forge.next = {limited(502, "", "Bad Gateway"), limited(503, "Retry-After: 7\r\n", "later"), "", limited(500, "", "oops")};
    fixture.forge.takes_before_failing = true;
    CHECK_FALSE(fixture.post("text").created);
    CHECK(fixture.forge.comments.size() == 1);
    CHECK(fixture.clock.monotonic() == std::chrono::seconds(2 + 7 + 8));
    CHECK(fixture.notes.size() == 3);
    fixture.forge.next.assign(20, limited(500, "", "oops"));
    CHECK(fixture.refusal().find("pull request 7 of o/r: answered 500: '{\"message\":\"oops\"}'") != std::string::npos);
    CHECK(fixture.forge.next.size() == 20 - 6);
}

TEST_CASE("rate limits are waited for as the APIs document them, up to five minutes") {
    const auto waited = [](const std::string& response) {
        Fixture fixture;
        fixture.forge.next = {response};
        fixture.post("text");
        return std::chrono::duration_cast<std::chrono::seconds>(fixture.clock.monotonic()).count();
    };
    CHECK(waited(limited(429, "Retry-After: 30\r\n", "slow down")) == 30);
    CHECK(waited(limited(429, "", "slow down")) == 60);
    CHECK(waited(limited(403, "", "You have exceeded a secondary rate limit.")) == 60);
    CHECK(waited(limited(403, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1700000100\r\n", "API rate limit exceeded")) == 101);
    CHECK(waited(limited(429, "RateLimit-Remaining: 0\r\nRateLimit-Reset: 1700000020\r\n", "Retry later")) == 21);
    Fixture fixture;
    fixture.forge.next = {limited(403, "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1700003599\r\n", "API rate limit exceeded")};
    CHECK(fixture.refusal().find("hint: the rate limit ends in 1h") != std::string::npos);
    CHECK(fixture.forge.requests.size() == 1);
    for (const char* never : {"9999999999", "9223372036854775807"}) {
        fixture.forge.next = {limited(403, std::string("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: ") + never + "\r\n", "exceeded")};
        CHECK(fixture.refusal().find("hint: the rate limit ends in 84490d") != std::string::npos);
    }
}

TEST_CASE("what the API refuses is an error with its reason, tried once") {
    const struct {
        int status;
        std::string message, hint;
    } cases[] = {{401, "Bad credentials", "pull-requests: write"},
                 {403, "Resource not accessible by integration", "pull-requests: write"},
                 {404, "Not Found", "pull-requests: write"},
                 {422, "Validation Failed", ""}};
    for (const auto& one : cases) {
        Fixture fixture;
        fixture.forge.next = {"", limited(one.status, "", one.message)};
        const std::string refusal = fixture.refusal();
        INFO(refusal);
        CHECK(refusal.find(fmt::format("answered {}: ", one.status)) != std::string::npos);
        CHECK(refusal.find(one.message) != std::string::npos);
        CHECK((one.hint.empty() || refusal.find(one.hint) != std::string::npos));
        CHECK(fixture.forge.requests.size() == 2);
    }
    Fixture fixture;
    fixture.forge.next = {FakeForge::response(200, "", "<html>")};
    CHECK(fixture.refusal().find("the response is not what the API documents: '<html>'") != std::string::npos);
}

TEST_CASE("the token goes to no other host, and a server that repeats it does not get it into a message") {
    RecordingServer other;
    for (const std::string header : {"Location", "Link"}) {
        Fixture fixture;
        const std::string value = header == "Link" ? "<" + other.url() + "/x>; rel=\"next\"" : other.url() + "/x";
        fixture.forge.next = {FakeForge::response(header == "Link" ? 200 : 307, header + ": " + value + "\r\n", "[]")};
        CHECK(fixture.refusal().find("points to " + other.url() + ", where the token is not sent") != std::string::npos);
    }
    CHECK(other.requests().empty());

    Fixture fixture;
    fixture.forge.next = {limited(401, "", std::string("no such token: Bearer ") + kToken)};
    const std::string refusal = fixture.refusal();
    CHECK(refusal.find("no such token: Bearer ***") != std::string::npos);
    CHECK(refusal.find(kToken) == std::string::npos);
}

TEST_CASE("a redirection within the API keeps method and body, and a loop of them ends") {
    Fixture fixture;
    fixture.forge.next = {FakeForge::response(301, "Location: /repos/o/r/issues/7/comments?per_page=100\r\n", ""), "", "",
                          FakeForge::response(307, "Location: " + fixture.discussion.list_url + "\r\n", "")};
    fixture.forge.next.erase(fixture.forge.next.begin() + 2);
    CHECK(fixture.post("text").created);
    CHECK(fixture.forge.comments.size() == 1);
    fixture.forge.next.assign(9, FakeForge::response(307, "Location: /loop\r\n", ""));
    CHECK(fixture.refusal().find("more than 3 redirections") != std::string::npos);
}

TEST_CASE("leakline comment writes to the system that its job runs on, and shows the token nowhere") {
    const TemporaryDirectory folder;
    const std::string golden = LEAKLINE_TESTDATA "/golden/diagnosis_v1.json", event = folder.path() + "/event.json";
    OutputFile file(event);
    file.write(R"({"number":7,"pull_request":{"number":7,"head":{"sha":"0123456789abcdef"}}})");
    file.commit();
    const std::vector<std::string> words = {"comment", golden, "--before", golden, "--history", golden};

    FakeForge github("/repos/o/r/issues/7/comments", "/repos/o/r/issues/comments/");
    std::vector<std::pair<std::string, std::string>> environment = {
        {"GITHUB_ACTIONS", "true"}, {"GITHUB_API_URL", github.url()},   {"GITHUB_REPOSITORY", "o/r"}, {"GITHUB_EVENT_PATH", event},
        {"GITHUB_TOKEN", kToken},   {"GITHUB_SERVER_URL", "https://h"}, {"GITHUB_RUN_ID", "99"},      {"GITLAB_CI", ""},
    };
    for (const char* expected :
         {"leakline: pull request 7 of o/r: comment 1000 written\n", "leakline: pull request 7 of o/r: comment 1000 updated\n"}) {
        const Outcome outcome = run_binary("leakline", words, environment);
        CHECK(outcome.code == 0);
        CHECK(outcome.err == expected);
        CHECK(outcome.out.empty());
    }
    REQUIRE(github.comments.size() == 1);
    const std::string body = github.comments[0].body;
    for (const char* part : {"### leakline: LEAK", "detection limit", "```mermaid\n", "#### Before and after, passed: ", "#### History",
                             "Measured at <code>0123456789ab</code>", "[Reports of this run](https://h/o/r/actions/runs/99)"})
        CHECK_MESSAGE(body.find(part) != std::string::npos, part);
    CHECK(body.size() < 65536);
    CHECK(github.requests[0].find("\r\nAuthorization: Bearer " + std::string(kToken)) != std::string::npos);
    CHECK(github.requests[0].find("\r\nX-GitHub-Api-Version: 2022-11-28\r\n") != std::string::npos);

    github.next = {limited(403, "", std::string("not allowed: ") + kToken)};
    const Outcome refused = run_binary("leakline", {"comment", golden, "-v"}, environment);
    CHECK(refused.code == 4);
    CHECK(refused.err.find("not allowed: ***") != std::string::npos);
    CHECK(refused.err.find(kToken) == std::string::npos);

    FakeForge gitlab("/api/v4/projects/12/merge_requests/3/notes", "/api/v4/projects/12/merge_requests/3/notes/");
    environment = {{"GITHUB_ACTIONS", ""},  {"GITLAB_CI", "true"},         {"CI_API_V4_URL", gitlab.url() + "/api/v4"},
                   {"CI_PROJECT_ID", "12"}, {"CI_MERGE_REQUEST_IID", "3"}, {"GITLAB_TOKEN", kToken}};
    for (int i = 0; i < 2; ++i) CHECK(run_binary("leakline", words, environment).code == 0);
    REQUIRE(gitlab.comments.size() == 1);
    CHECK(gitlab.requests.back().starts_with("PUT /api/v4/projects/12/merge_requests/3/notes/1000 "));
    CHECK(gitlab.requests.back().find("\r\nPRIVATE-TOKEN: " + std::string(kToken)) != std::string::npos);

    environment[4].second = "";  // a branch's pipeline
    const Outcome none = run_binary("leakline", words, environment);
    CHECK(none.code == 0);
    CHECK(none.err == "leakline: this job runs for no pull request or merge request: there is nothing to comment on\n");
}
