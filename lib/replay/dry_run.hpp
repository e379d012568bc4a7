// What a replay would send, without sending it. Constant memory: a pass over the logs.
#pragma once

#include "model/dry_run.hpp"
#include "replay/replay.hpp"

namespace leakline::replay {

// Throws as run() does, for the logs.
DryRun dry_run(const ReplayOptions& options);

}  // namespace leakline::replay
