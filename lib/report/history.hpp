// Many diagnoses of one service over its commits: what each line grew by, run after run, and which line grows a little
// more every time while no single step is large enough to be noticed. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/diagnosis.hpp"

namespace leakline::report {

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
    bool worsened() const;  // some line is new, jumped or boils: what a gate fails on
};
std::string_view change_name(History::Change change);  // "slow growth", ...
bool worse(History::Change change);                    // new, jumped or slow growth

// Runs are put in order by when they started; those that do not say so stand last, as they were given. The pairs are file
// names and what the files hold. Lines are told apart as in a baseline; the limits are its too (see report/baseline.hpp): a change
// counts where even the lower bound of the newest growth is beyond it. A run that leaks without a leaking line counts as
// growth of a line of its own, which has no file.
History make_history(std::vector<std::pair<std::string, Diagnosis>> diagnoses);

// "slow growth", "worse" (a line is new or jumped) or "no worse".
std::string_view history_verdict(const History& history);

// One sentence: the slow growth by its place and both figures, or how many lines changed.
std::string history_headline(const History& history);

}  // namespace leakline::report
