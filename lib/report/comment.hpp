// The comment on a pull request or merge request: a diagnosis, what it is compared with, and charts in the form that GitHub and GitLab
// draw (Mermaid; both drop SVG and pictures that are within the text). Pure.
#pragma once

#include <string>

#include "report/report.hpp"

namespace leakline::report {

struct CommentContent {
    const Diagnosis& diagnosis;
    const Comparison* comparison = nullptr;  // with the target branch
    const History* history = nullptr;        // of earlier runs, this one last
    std::string commit = {};                 // that was measured; empty: not said
    std::string run_url = {};                // where the other reports are; empty: not said
};

// Markdown of at most 60 kB (GitHub takes 65,536 characters); what does not fit is left out from the end, and counted.
std::string comment_markdown(const CommentContent& content, const RenderOptions& options);

}  // namespace leakline::report
