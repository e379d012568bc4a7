// The rules: each looks at the program as a whole and returns what it found. One file each in rules/, one row each in the
// table of rules.cpp.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "audit/internal/program.hpp"
#include "model/audit.hpp"

namespace leakline::audit {

struct RuleRow {
    std::string_view summary;
    std::vector<AuditFinding> (*find)(const Program& program);
};

std::vector<AuditFinding> find_growing_containers(const Program& program);
std::vector<AuditFinding> find_growing_structures(const Program& program);
std::vector<AuditFinding> find_growing_arrays(const Program& program);
std::vector<AuditFinding> find_skipped_removals(const Program& program);
std::vector<AuditFinding> find_unbounded_memos(const Program& program);
std::vector<AuditFinding> find_open_handles(const Program& program);

std::span<const RuleRow> rules();

// The container that grows at a place, or is declared there, with all that adds and removes: not a judgement, since a run has
// shown that it grows. Nothing where no container is known there.
std::optional<AuditFinding> explain_growth(const Program& program, const CodeLine& place);

// What several rules share.
AuditFinding::Site site_of(const Program& program, Place at, Name function, const std::string& what);

// What is to be said where the name of a function on the way says that it sets something up or ends it; else nothing.
std::optional<std::string> doubt_of_setup(const Program& program, Name function, std::uint32_t loop);

// What is added, and what takes away, for one variable.
struct Additions {
    const Variable* variable = nullptr;
    std::vector<const Operation*> additions, removals;
    std::uint8_t depth = UINT8_MAX;  // of the additions within the variable; UINT8_MAX where the rule does not tell depths apart
    bool escapes = false;
};
// The finding for it, or nothing: nothing runs repeatedly, something removes, something bounds it.
std::optional<AuditFinding> judge_additions(const Program& program, const Additions& found);
// Why a removal does not count; empty where it does.
std::string why_not_counted(const Program& program, const Operation& removal, const Variable& variable);
// Whether conditions around an addition, or around every call that leads to it, compare the container's size or a count.
bool is_guarded(const Program& program, const Operation& addition, const Additions& found);
// Whether the keys that an addition is given have few values, in every call.
bool has_few_keys(const Program& program, const Operation& addition);
// Whether every call gives a parameter (by its index) few values, through its callers' own parameters, too.
bool has_few_arguments(const Program& program, Name function, std::uint32_t parameter, int depth = 0);
// Whether a comment in the source says that it is bounded: at the declaration or at an addition.
bool is_said_bounded(const Program& program, const std::vector<Place>& places);
// A finding of what is declared there.
AuditFinding finding_of(const Program& program, AuditFinding::Rule rule, Name subject, Name type, Place declared);
// How requests reach the growth, or that no way is seen. of_what: "it", "the growth".
void note_reach(const Program& program, AuditFinding& finding, Name function, std::string_view of_what);
// A note where anything is not proven, else a warning.
AuditFinding::Level level_of(const AuditFinding& finding);

}  // namespace leakline::audit
