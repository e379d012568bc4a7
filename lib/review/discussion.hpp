// Where the comment of a CI job goes: the pull request (GitHub) or merge request (GitLab) that the job runs for. Each system is one file
// and one row of the table.
//
// Thread-safety: functions without state, over what the environment gives and the file that it names.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leakline::review {

// The value of a variable, "" where it is not set. As an argument, so that tests control it.
using Environment = std::function<std::string(const char* name)>;

struct Discussion {
    std::string name;                                          // "pull request 12 of octo/app"
    std::string list_url;                                      // GET: a page of comments, oldest first; POST: a new one
    std::string comment_url;                                   // of one comment: with its id behind it
    const char* update_method;                                 // PATCH or PUT
    std::vector<std::pair<std::string, std::string>> headers;  // of each request, with the token
    std::string token;                                         // appears in no message
    std::string commit;                                        // that the job has checked out; "" if not known
    std::string run_url;                                       // the job's page; "" if not known
    std::string token_hint;                                    // what the token has to be allowed
};

struct System {
    std::string_view name;  // "github"
    bool (*runs_here)(const Environment&);
    // Nothing: the job is not one of a pull request. Throws Error{usage}: a variable is missing or malformed. Reads the event's file.
    std::optional<Discussion> (*find)(const Environment&);
};
std::span<const System> systems();

std::optional<Discussion> find_github_discussion(const Environment& environment);
std::optional<Discussion> find_gitlab_discussion(const Environment& environment);

// The variable without blanks around it, or Error{usage} that names it, with the hint.
std::string set_variable(const Environment& environment, const char* name, const std::string& hint);
// The same of one that CI systems set; accepted: what it may consist of besides letters and digits.
std::string required_variable(const Environment& environment, const char* name, std::string_view accepted);
// An API's address without a slash at its end. Throws Error{usage}.
std::string api_address(const Environment& environment, const char* name, const std::string& fallback);

}  // namespace leakline::review
