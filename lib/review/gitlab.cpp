// GitLab: comments of a merge request are its notes. https://docs.gitlab.com/api/notes/
#include <fmt/format.h>

#include "review/discussion.hpp"

namespace leakline::review {

std::optional<Discussion> find_gitlab_discussion(const Environment& environment) {
    if (environment("CI_MERGE_REQUEST_IID").empty()) return std::nullopt;
    // In a fork's pipeline, CI_PROJECT_ID is the fork.
    const char* const project_variable =
        environment("CI_MERGE_REQUEST_PROJECT_ID").empty() ? "CI_PROJECT_ID" : "CI_MERGE_REQUEST_PROJECT_ID";
    const std::string project = required_variable(environment, project_variable, "");
    const std::string request = required_variable(environment, "CI_MERGE_REQUEST_IID", "");
    Discussion found;
    found.token = set_variable(environment, "GITLAB_TOKEN",
                               "a masked CI/CD variable with a project access token of scope api; CI_JOB_TOKEN may not write notes");
    found.name = fmt::format("merge request {} of project {}", request, project);
    const std::string api = api_address(environment, "CI_API_V4_URL", "https://gitlab.com/api/v4");
    found.comment_url = fmt::format("{}/projects/{}/merge_requests/{}/notes/", api, project, request);
    found.list_url = found.comment_url.substr(0, found.comment_url.size() - 1);
    found.update_method = "PUT";
    found.headers = {{"PRIVATE-TOKEN", found.token}};
    found.commit = environment("CI_COMMIT_SHA");
    found.run_url = environment("CI_JOB_URL");
    found.token_hint = "GITLAB_TOKEN needs the scope api and the role Reporter";
    return found;
}

}  // namespace leakline::review
