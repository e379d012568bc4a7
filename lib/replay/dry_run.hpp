// Determines what a replay would send, without sending it. One pass over the logs, in constant memory.
#pragma once

#include "model/dry_run.hpp"
#include "replay/replay.hpp"

namespace leakline::replay {

// Throws as run() does, for the logs.
DryRun dry_run(const ReplayOptions& options);

}  // namespace leakline::replay
