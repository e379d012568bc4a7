// What belongs to the process: descriptors, signals, and the guard that cleans up after SIGKILL. The rest is run.cpp's.
#include <optional>

#include "run.hpp"
#include "standard_descriptors.hpp"
#include "system/end_signals.hpp"
#include "system/guard.hpp"

int main(int argc, char** argv) {
    using namespace leakline;
    hold_standard_descriptors();
    EndSignals signals;
    std::optional<Guard> guard;
    const cli::Interruption interruption{signals.token(), [&] { return signals.received(); }};
    return cli::run({argv + (argc > 0 ? 1 : 0), argv + argc}, interruption, [&](const cli::CommandRow& command) {
        guard.emplace(argv);
        if (command.on_signal != cli::OnSignal::ends_at_once) signals.request_stop_first();
    });
}
