// The contract with scripts and CI systems.
#pragma once

namespace leakline::cli {

enum ExitCode : int {
    kNoLeak = 0,  // no leak above the budget
    kLeak = 1,    // a leak, or a gate failed
    kUsage = 2,   // usage or input error
    kInconclusive = 3,
    kInvalid = 4,        // the service exited, most requests failed, or memory could not be read
    kInterrupted = 128,  // run() adds SIGINT or SIGTERM
};

// As the manual lists them.
struct ExitCodeMeaning {
    const char* code;
    const char* meaning;
};
inline constexpr ExitCodeMeaning kExitCodeMeanings[] = {
    {"0", "No leak above the budget; the command did its work"},
    {"1", "Leak, or a failed gate; --leak-exit-code changes it"},
    {"2", "Usage or input error"},
    {"3", "Inconclusive; --inconclusive warn or pass makes it 0"},
    {"4", "Invalid: the service exited, most requests failed, or memory could not be read; system error"},
    {"130, 143", "Interrupted by SIGINT or SIGTERM, after a partial report"},
};

}  // namespace leakline::cli
