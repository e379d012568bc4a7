// Many diagnoses of one service over its commits: the growth of each line per run. Plain data, made by
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
        steady,       // as before, within the baseline's tolerance
        appeared,     // leaks in the newest conclusive run, and did not in the one before it
        jumped,       // more than in the run before it by over kTolerance
        slow_growth,  // no such jump, but above its minimum since the last one by more than kSlowGrowth
        gone,         // leaked before, and not in the newest run
    };
    struct Run {
        std::string file, started;  // started: ISO 8601, "" if not in the file
        Verdict verdict = Verdict::inconclusive;
        std::optional<Interval> bytes_per_request;  // of memory as a whole
    };
    struct Line {
        CodeLine at;         // its place when it was last seen
        std::string source;  // its text
        // One per run: growth in bytes per request; 0 if a conclusive run does not show the line leak, nothing if the
        // run is inconclusive or has no requests.
        std::vector<std::optional<Interval>> growth;
        Change change = Change::steady;
        std::optional<double> least;  // its minimum before the newest conclusive run, since its last step
    };
    std::vector<Run> runs;    // oldest first
    std::vector<Line> lines;  // lines that leak in any run; slow growth first, then by growth in the newest run
    std::vector<std::string> warnings;

    bool has_slow_growth() const;
    bool worsened() const;  // a line is new, has jumped or grows slowly: the gate fails
};
std::string_view change_name(History::Change change);  // "slow growth", ...
bool worse(History::Change change);                    // new, jumped or slow growth

}  // namespace leakline
