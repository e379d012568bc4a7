// GitHub: comments of a pull request are those of the issue of its number.
// https://docs.github.com/en/rest/issues/comments
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "review/discussion.hpp"
#include "system/byte_source.hpp"

namespace leakline::review {

namespace {

using Json = nlohmann::json;

Json read_event(const Environment& environment) {
    constexpr std::size_t kMaxEvent = std::size_t{32} << 20;  // GitHub's are at most 25 MB
    const std::string path = set_variable(environment, "GITHUB_EVENT_PATH", "GitHub sets it in its jobs");
    Json event = Json::parse(read_file(path, kMaxEvent), nullptr, false);
    if (!event.is_object()) throw Error(ErrorKind::input, path, "the event is not a JSON object");
    return event;
}

// Null where there is no such member.
Json at(const Json& event, const char* pointer) {
    const Json::json_pointer path(pointer);
    return event.contains(path) ? event.at(path) : Json();
}

// Events of pull requests, of comments on them, and of workflows that run after one of a pull request.
std::optional<std::int64_t> pull_request_of(const Json& event) {
    for (const char* pointer : {"/pull_request/number", "/workflow_run/pull_requests/0/number"})
        if (const Json number = at(event, pointer); number.is_number_integer()) return number.get<std::int64_t>();
    if (const Json number = at(event, "/issue/number"); number.is_number_integer() && at(event, "/issue/pull_request").is_object())
        return number.get<std::int64_t>();
    return std::nullopt;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

}  // namespace

std::optional<Discussion> find_github_discussion(const Environment& environment) {
    const Json event = read_event(environment);
    const auto number = pull_request_of(event);
    if (!number) return std::nullopt;
    const std::string repository = required_variable(environment, "GITHUB_REPOSITORY", "/._-");
    const std::string api = api_address(environment, "GITHUB_API_URL", "https://api.github.com") + "/repos/" + repository + "/issues/";
    Discussion found;
    found.token = set_variable(environment, "GITHUB_TOKEN", "env: { GITHUB_TOKEN: \"${{ github.token }}\" }");
    found.name = fmt::format("pull request {} of {}", *number, repository);
    found.list_url = fmt::format("{}{}/comments", api, *number);
    found.comment_url = api + "comments/";
    found.update_method = "PATCH";
    found.headers = {
        {"Authorization", "Bearer " + found.token}, {"Accept", "application/vnd.github+json"}, {"X-GitHub-Api-Version", "2022-11-28"}};
    found.commit = text_of(at(event, "/pull_request/head/sha"));
    if (found.commit.empty()) found.commit = environment("GITHUB_SHA");
    if (const std::string server = environment("GITHUB_SERVER_URL"), run = environment("GITHUB_RUN_ID"); !server.empty() && !run.empty())
        found.run_url = server + "/" + repository + "/actions/runs/" + run;
    found.token_hint = "permissions: { pull-requests: write }; the token of a pull request from a fork may only read";
    return found;
}

}  // namespace leakline::review
