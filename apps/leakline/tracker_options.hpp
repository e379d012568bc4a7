// --tracker, --sample-interval and --children: how the heap is recorded, for the commands that record.
#pragma once

#include <optional>

#include "cli11_names.hpp"
#include "heap/recorder.hpp"

namespace leakline::cli {

// The variables hold the defaults, and must live as long as app. tracker: nothing unless it is given.
void add_tracker_options(CLI::App& app, std::optional<heap::RecordWith>& tracker, std::optional<Bytes>& sample_interval,
                         heap::Children& children);

// --sample-interval alone, for commands that always use the agent.
CLI::Option* add_sample_interval(CLI::App& app, std::optional<Bytes>& sample_interval);

}  // namespace leakline::cli
