#include <doctest/doctest.h>

#include <map>

#include "base/error.hpp"
#include "review/discussion.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

using Variables = std::map<std::string, std::string>;

review::Environment environment(const Variables& variables) {
    return [variables](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::string() : found->second;
    };
}

std::string refusal(std::optional<review::Discussion> (*find)(const review::Environment&), const Variables& variables) {
    try {
        (void)find(environment(variables));
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

struct Event {
    TemporaryDirectory folder;
    Variables variables(const std::string& text) const {
        const std::string path = folder.path() + "/event.json";
        OutputFile file(path);
        file.write(text);
        file.commit();
        return {{"GITHUB_EVENT_PATH", path}, {"GITHUB_REPOSITORY", "octo/a.b-c_d"}, {"GITHUB_TOKEN", "secret\n"}, {"GITHUB_SHA", "abc"}};
    }
};

}  // namespace

TEST_CASE("the pull request is that of the job's event") {
    const Event event;
    const struct {
        const char* text;
        int number;  // 0: none
    } cases[] = {
        {R"({"pull_request":{"number":12,"head":{"sha":"f00"}}})", 12},
        {R"({"issue":{"number":13,"pull_request":{"url":"x"}},"comment":{}})", 13},
        {R"({"workflow_run":{"pull_requests":[{"number":14}]}})", 14},
        {R"({"issue":{"number":15}})", 0},
        {R"({"workflow_run":{"pull_requests":[]}})", 0},
        {R"({"pull_request":{"number":"12"}})", 0},
        {R"({"ref":"refs/heads/main"})", 0},
        {"{}", 0},
    };
    for (const auto& one : cases) {
        INFO(one.text);
        const auto found = review::find_github_discussion(environment(event.variables(one.text)));
        REQUIRE(found.has_value() == (one.number != 0));
        if (!found) continue;
        CHECK(found->list_url == "https://api.github.com/repos/octo/a.b-c_d/issues/" + std::to_string(one.number) + "/comments");
        CHECK(found->token == "secret");
        CHECK(found->commit == (one.number == 12 ? "f00" : "abc"));
    }
    CHECK(refusal(review::find_github_discussion, event.variables("[1]")).find("the event is not a JSON object") != std::string::npos);
}

TEST_CASE("a merge request of a fork is one of the project that it goes to") {
    Variables variables = {{"CI_MERGE_REQUEST_IID", "3"}, {"CI_PROJECT_ID", "12"}, {"GITLAB_TOKEN", "secret"}};
    CHECK(review::find_gitlab_discussion(environment(variables))->list_url ==
          "https://gitlab.com/api/v4/projects/12/merge_requests/3/notes");
    variables["CI_MERGE_REQUEST_PROJECT_ID"] = "11";
    variables["CI_API_V4_URL"] = "https://git.example.org/api/v4/";
    CHECK(review::find_gitlab_discussion(environment(variables))->comment_url ==
          "https://git.example.org/api/v4/projects/11/merge_requests/3/notes/");
    CHECK_FALSE(review::find_gitlab_discussion(environment({{"CI_PROJECT_ID", "12"}})));
}

TEST_CASE("a variable that is missing or malformed is named, and its value is not where it is a secret") {
    const Event event;
    Variables variables = event.variables(R"({"pull_request":{"number":12}})");
    const auto with = [&](const char* name, const char* value) {
        Variables changed = variables;
        changed[name] = value;
        return refusal(review::find_github_discussion, changed);
    };
    CHECK(with("GITHUB_TOKEN", "").starts_with("GITHUB_TOKEN: the variable is not set\n  hint: env:"));
    CHECK(with("GITHUB_EVENT_PATH", "").starts_with("GITHUB_EVENT_PATH: the variable is not set"));
    CHECK(with("GITHUB_REPOSITORY", "a/b?x").starts_with("GITHUB_REPOSITORY: 'a/b?x' is not what CI systems set it to"));
    CHECK(with("GITHUB_API_URL", "ftp://x").starts_with("GITHUB_API_URL: needs an https:// or http:// address"));
    CHECK(refusal(review::find_gitlab_discussion, {{"CI_MERGE_REQUEST_IID", "../3"}, {"CI_PROJECT_ID", "12"}, {"GITLAB_TOKEN", "x"}})
              .starts_with("CI_MERGE_REQUEST_IID: '../3' is not"));
    CHECK(refusal(review::find_gitlab_discussion, {{"CI_MERGE_REQUEST_IID", "3"}, {"CI_PROJECT_ID", "12"}})
              .starts_with("GITLAB_TOKEN: the variable is not set"));
}
