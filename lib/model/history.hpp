// Many diagnoses of one service over its commits: what each line grew by, run after run. Plain data, made by
// analysis/history.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/diagnosis.hpp"

namespace leakline {

struct History {
    enum class Change {
        steady,     // as much as before, within what the baseline tolerates
        appeared,   // leaks in the newest run that tells, and did not in the one before it
        jumped,     // more than in the run before it by over kTolerance
        slow_boil,  // no such jump, but more than it ever was since the last one by over kSlowBoil
        gone,       // leaked before, and not in the newest run
    };
    struct Run {
        std::string file, started;  // started: ISO 8601, "" where the file does not say
        Verdict verdict = Verdict::inconclusive;
        std::optional<Interval> bytes_per_request;  // of memory as a whole
    };
    struct Line {
        CodeLine at;         // where it stood when it was last seen
        std::string source;  // its text
        // One a run: growth in bytes per request; 0 where a run that decides does not see the line leak, nothing where the
        // run does not decide or knows no requests.
        std::vector<std::optional<Interval>> growth;
        Change change = Change::steady;
        std::optional<double> least;  // the least that it leaked by before the newest run that tells, since its last step
    };
    std::vector<Run> runs;    // oldest first
    std::vector<Line> lines;  // those that leak in any run; slow growth first, then by growth in the newest run
    std::vector<std::string> warnings;

    bool has_slow_growth() const;
    bool worsened() const;  // some line is new, jumped or grows slowly: what a gate fails on
};
std::string_view change_name(History::Change change);  // "slow growth", ...
bool worse(History::Change change);                    // new, jumped or slow growth

}  // namespace leakline
