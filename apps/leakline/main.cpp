// What belongs to the process: descriptors, signals, and the guard that cleans up after SIGKILL. The rest is run.cpp's.
#include <optional>

#include "run.hpp"
#include "standard_descriptors.hpp"
#include "system/guard.hpp"
#include "system/interruption.hpp"

int main(int argc, char** argv) {
    using namespace leakline;
    hold_standard_descriptors();
    interruption::install(interruption::Response::at_once);
    std::optional<Guard> guard;
    return cli::run({argv + (argc > 0 ? 1 : 0), argv + argc}, [&] {
        interruption::install();
        guard.emplace(argv);
    });
}
