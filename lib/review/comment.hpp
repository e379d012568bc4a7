// Keeps one comment of ours in a discussion: finds the one that an earlier job wrote, by a hidden mark at its begin, and writes it anew;
// or writes the first one.
//
// Thread-safety: any thread; calls for the same discussion at the same time may write two comments.
#pragma once

#include <functional>
#include <string>

#include "review/discussion.hpp"
#include "system/clock.hpp"

namespace leakline::review {

struct PostOptions {
    std::string gate = "leakline";  // comments of different names are different: a job for each of two services
    Clock& clock = system_clock();  // to wait before another attempt
    std::function<void(const std::string&)> note = [](const std::string&) {};  // why it waits
};

struct Posted {
    bool created = false;  // else updated
    std::string id;
};

// body: Markdown. Server errors, lost connections and rate limits are waited for, six attempts in all and five minutes each at most;
// after a failure the list is read again, so that a comment whose answer was lost is not written twice. Throws Error{system}: refused,
// or still failing. The token goes to the host of the API alone: a redirection or a next page elsewhere is refused.
Posted post_comment(const Discussion& discussion, const std::string& body, const PostOptions& options);

}  // namespace leakline::review
