// What an audit of source code found: containers that only grow, handles that are not given back. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/lines.hpp"

namespace leakline {

// What a diagnosis measured at the line of a finding.
struct MeasuredGrowth {
    std::string file;  // of the diagnosis
    CodeLine at;
    std::optional<double> bytes_per_request;
    std::int64_t growth_bytes = 0;
};

struct AuditFinding {
    enum class Level {
        error,    // a run has shown that it grows under traffic
        warning,  // a handler or a service's loop reaches the growth, and nothing removes
        note,     // one of the two is not proven
    };
    enum class Rule {
        unbounded_growth,     // grows, and nothing removes
        removal_never_runs,   // what removes is never called
        removal_skipped,      // an early return or an exception comes before the removal
        unbounded_memo,       // a cache of results without a bound
        handle_not_released,  // opened, and not closed on every path
    };
    struct Site {
        CodeLine at;         // with the function
        std::string what;    // "push_back", "[] ="
        std::string source;  // text of the line
    };
    struct Removal {
        Site site;
        std::string why;  // it does not count: "Store::clear is never called"
    };

    Rule rule = Rule::unbounded_growth;
    Level level = Level::note;
    std::string subject;   // what grows: "Store::entries_"
    std::string type;      // as declared
    CodeLine declared;     // function: where it is a local variable's
    std::string source;    // text of the declaration's line
    std::string lifetime;  // why it lives as long as the process
    std::vector<Site> growth;
    std::vector<Removal> removals;    // seen, and why they do not count
    std::vector<std::string> reach;   // from the handler or loop to the growth: "on_request (server.cpp:80)"
    std::vector<std::string> doubts;  // of a note: what is not proven
    std::optional<MeasuredGrowth> measured;
    std::string accepted;  // why it does not fail the run: "in the baseline", a suppression's reason; else empty
};
constexpr std::string_view level_name(AuditFinding::Level level) {
    switch (level) {
        case AuditFinding::Level::error: return "error";
        case AuditFinding::Level::warning: return "warning";
        case AuditFinding::Level::note: break;
    }
    return "note";
}
constexpr std::string_view rule_name(AuditFinding::Rule rule) {
    switch (rule) {
        case AuditFinding::Rule::unbounded_growth: return "unbounded-growth";
        case AuditFinding::Rule::removal_never_runs: return "removal-never-runs";
        case AuditFinding::Rule::removal_skipped: return "removal-skipped";
        case AuditFinding::Rule::unbounded_memo: return "unbounded-memo";
        case AuditFinding::Rule::handle_not_released: break;
    }
    return "handle-not-released";
}
// One line: "Store::entries_ grows by push_back at store.cpp:31 and nothing removes from it".
std::string finding_message(const AuditFinding& finding);
// Of what a run has shown to grow: "entries_ grows by push_back at store.cpp:31; erase at store.cpp:50: forget is never called".
std::string cause_message(const AuditFinding& finding);

struct Audit {
    struct FailedUnit {
        std::string file;
        std::vector<std::string> reasons;  // the first messages
        bool partly = false;               // what could be read of it is in the findings
        bool guessed = false;              // all could be read, but what some headers declare was guessed: they are missing
    };
    std::vector<AuditFinding> findings;  // errors first, then warnings, then notes; by file and line within a level
    std::uint64_t units = 0, cached = 0, lines = 0;
    std::uint64_t containers = 0;  // looked at: what can hold an object that grows
    std::vector<FailedUnit> failed;
    // The container that grows at a place that was asked for, whatever removes from it: a removal that counts for the rules did not
    // run there, or not often enough. Not in reports of an audit.
    std::optional<AuditFinding> explained;
    std::vector<std::string> warnings;

    // Findings of a level that the baseline and suppressions do not accept.
    std::size_t open(AuditFinding::Level level) const;
};

}  // namespace leakline
