// --tracker, --sample-interval and --children: how the heap is recorded, for the commands that record.
#pragma once

#include <CLI/CLI.hpp>

#include "heap/recorder.hpp"

namespace leakline::cli {

// The variables hold the defaults, and must live as long as app.
void add_tracker_options(CLI::App& app, heap::RecordWith& tracker, Bytes& sample_interval, heap::Children& children);

}  // namespace leakline::cli
