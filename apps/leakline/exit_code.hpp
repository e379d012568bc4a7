// The contract with scripts and CI systems.
#pragma once

namespace leakline::cli {

enum ExitCode : int {
    kNoLeak = 0,  // no leak above the budget
    kLeak = 1,    // a leak, or a gate failed
    kUsage = 2,   // usage or input error
    kInconclusive = 3,
    kInvalid = 4,        // the target died, most requests failed, memory was unreadable
    kInterrupted = 128,  // run() adds SIGINT or SIGTERM
};

}  // namespace leakline::cli
