// Findings that a CI system shows at lines of code: one per leaking line, one per finding of an audit, or one without a line if
// memory grows and no line is known. Shared by SARIF, GitLab Code Quality and GitHub's workflow commands.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/report.hpp"

namespace leakline::report {

struct Finding {
    enum class Kind { leaking_line, growing_memory, inconclusive, invalid, leaking_resource, audited };
    Kind kind = Kind::leaking_line;
    std::string message;                    // one line
    const LineGrowth* line = nullptr;       // of a leaking line: belongs to the document
    const AuditFinding* audited = nullptr;  // of an audit, likewise
    const ResourceLine* opened = nullptr;   // of a leaking resource, if its line is known, likewise
    std::optional<std::string> path;        // of the file: within the repository if known, else from the debug info
    bool in_repository = false;
    // 16 hex digits from file, function and the line's text, but not its number or measurements: a
    // line that moved is the same finding. Unique within a document.
    std::string fingerprint;
};

// An inconclusive or invalid run has only the finding of its verdict. Otherwise: the finding of the verdict first, then lines by growth; at most 5,000 (GitHub takes 25,000 results).
std::vector<Finding> findings_of(const Document& document, const RenderOptions& options);
std::string_view rule_name(Finding::Kind kind);      // "leaking-line", ...; not of an audit's
std::string_view rule_name(const Finding& finding);  // of every kind
std::uint32_t line_of(const Finding& finding);       // 1 where it has none

// FNV-1a, 64 bits, as 16 hex digits (Fowler, Noll, Vo). For names, not against an adversary.
std::string hash_text(std::string_view text);
// The identity of a line of code: file name, function and the line's text without surrounding spaces.
std::string line_key(const std::string& path, const std::string& function, const std::string& source);

}  // namespace leakline::report
