#include "tracker_options.hpp"

#include <CLI/CLI.hpp>

#include "choice.hpp"
#include "quantity_options.hpp"

namespace leakline::cli {

CLI::Option* add_sample_interval(CLI::App& app, std::optional<Bytes>& sample_interval) {
    return add_size(app, "--sample-interval", sample_interval, "Mean bytes allocated between samples of the agent; 1 records every block");
}

void add_tracker_options(CLI::App& app, std::optional<heap::RecordWith>& tracker, std::optional<Bytes>& sample_interval,
                         heap::Children& children) {
    app.add_option(
           "--tracker", tracker,
           "Heap recorder: agent (samples in all processes, also Python functions) or heaptrack (every block of one process, at several "
           "times the cost)")
        ->transform(choice_of<heap::RecordWith>({{"heaptrack", heap::RecordWith::heaptrack}, {"agent", heap::RecordWith::agent}}))
        ->type_name("NAME")
        ->default_str("agent");
    add_sample_interval(app, sample_interval)->default_str("chosen to take about 1 % of the CPU time; 64KiB in Python and with --pid");
    app.add_option("--children", children,
                   "Sum the lines of all recorded processes (sum), or also report each process separately (each; see lines --by process)")
        ->transform(choice_of<heap::Children>({{"sum", heap::Children::sum}, {"each", heap::Children::each}}))
        ->type_name("sum|each")
        ->default_str("sum");
}

}  // namespace leakline::cli
