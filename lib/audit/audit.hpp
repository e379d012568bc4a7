// Static checks of source code: containers that grow on the path of a request and are never cleaned, handles that are not
// given back. C and C++ are read through libclang, Python through tree-sitter; the rules are the same for all.
//
// Thread-safety: run_audit starts threads of its own and ends them before it returns; the rest is pure.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "model/audit.hpp"
#include "model/baseline.hpp"
#include "model/diagnosis.hpp"

namespace leakline::audit {

struct AuditOptions {
    std::vector<std::string> paths;  // files and folders; findings elsewhere are left out. Empty: the current folder
    std::string compile_commands;    // compile_commands.json or its folder; empty: looked for above and in build folders
    std::string cache_directory;     // facts of unchanged units are taken from here; empty: no cache
    std::size_t jobs = 0;            // threads; 0: one per processor
    // Called now and then on the calling thread: what is read, and the share that is done.
    std::function<void(const std::string& what, double done)> progress;
    std::stop_token stop;  // ends the audit between two units
    // Places where a run has shown growth, or that declare what holds it: Audit::explained names the container and its removals.
    std::vector<CodeLine> explain;
};

// Throws Error: no such path, nothing to read there, an unreadable database, libclang or the grammar missing where files of
// their languages are among the units. Units that cannot be read are in Audit::failed. Ended early: throws nothing, and
// Audit::warnings says that it is incomplete.
Audit run_audit(const AuditOptions& options);

// Where facts are kept by default: $XDG_CACHE_HOME/leakline/audit or ~/.cache/leakline/audit; empty where neither is set.
std::string default_cache_directory();

// Findings whose growth is at a line that leaks in a run become errors, and so does Audit::explained where the line that the run
// reports is at no finding. file: the diagnosis' name. Returns how many lines leak and are at no finding then.
std::size_t apply_evidence(Audit& audit, const Diagnosis& diagnosis, const std::string& file);
// Where the growth of a line may be added to a container, nearest first: at the line itself, at the declaration of the container
// that holds most of the growth, at the callers that most of it came through, at the variable that leads to the container.
std::vector<CodeLine> places_of(const Diagnosis& diagnosis, const LineGrowth& line);
// Marks what the baseline and its suppressions accept; today: ISO date, for those that expire.
void accept_known(Audit& audit, const Baseline& baseline, const std::string& today);

// The baseline that accepts the errors and warnings of audit, beside what old has of runs and its suppressions.
Baseline next_baseline(const Audit& audit, const Baseline& old);

// What this build and this machine can read, in words, and how to get what is missing: for leakline doctor.
struct Readers {
    std::string clang, python;                  // "libclang 14 (/usr/lib/...)", empty: cannot be read
    std::string clang_missing, python_missing;  // why not
    std::string clang_fix, python_fix;
};
Readers available_readers();

}  // namespace leakline::audit
