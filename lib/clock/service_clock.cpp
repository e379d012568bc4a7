#include "clock/service_clock.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/strings.hpp"
#include "clock/internal/embedded.hpp"
#include "heap/elf_file.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/memory_library.hpp"
#include "system/proc_file.hpp"

namespace leakline::clock {

namespace {

constexpr const char* kHint =
    "link it dynamically with glibc; or run diagnose and let the service scale its own clock ({time_scale} in the command), or leave its "
    "clock alone (--clock real)";

std::string settings_text(const ClockOptions& options) {
    const Clock& clock = system_clock();
    const Nanoseconds origin = clock.monotonic();
    const double within =
        std::clamp(options.scale, 1.0 / static_cast<double>(Settings::kLargestSlowdown), static_cast<double>(Settings::kLargestScale));
    const auto scale = static_cast<std::uint64_t>(std::ceil(within * static_cast<double>(Settings::kOne)));
    return fmt::format("{}:{}:{}:{}", scale, options.shortest_wait.count(), origin.count(),
                       options.wall_start.value_or(clock.wall()).count());
}

std::string value_in(const Command& command, const char* name) {
    for (const auto& [variable, value] : command.environment)
        if (variable == name) return value;
    return std::string(environment_variable(name));
}

}  // namespace

std::string why_not_scalable(const std::string& executable) {
    const heap::ElfFile elf = heap::read_elf(executable);
    if (!elf.is_elf || !elf.this_machine) return {};  // a script: its interpreter is examined once it runs
    if (elf.runtime == Runtime::go) return "is a Go program, which reads the clock without the C library";
    if (elf.interpreter.empty()) return "is linked statically, so no library can be loaded into it";
    if (elf.interpreter.find("ld-musl") != std::string::npos) return "is linked with musl, and the library of the clock needs glibc";
    return {};
}

ServiceClock::ServiceClock(const ClockOptions& options, const std::vector<std::string>& arguments) : options_(options) {
    const std::string program = require_executable(arguments.at(0));
    if (const std::string why = why_not_scalable(program); !why.empty())
        throw Error(ErrorKind::input, program, fmt::format("its clock cannot be set: it {}", why), kHint);
    library_ = open_memory_library(embedded_clock(), kLibraryName);
    if (library_.get() < 0)
        throw Error(ErrorKind::system, program,
                    embedded_clock().empty()
                        ? "its clock cannot be set: there is no library for this CPU architecture"
                        : "its clock cannot be set: files in memory cannot be executed here (vm.memfd_noexec, SELinux)",
                    kHint);
}

void ServiceClock::put_on(Command& command) const {
    const std::string before = value_in(command, "LD_PRELOAD");
    const std::string library = fmt::format("/proc/{}/fd/{}", ::getpid(), library_.get());
    std::erase_if(command.environment, [](const auto& variable) { return variable.first == "LD_PRELOAD" || variable.first == kVariable; });
    command.environment.emplace_back("LD_PRELOAD", library + (before.empty() ? "" : ":" + before));
    command.environment.emplace_back(kVariable, settings_text(options_));
}

void require_scaled_clock(int pid) {
    const auto maps = read_small_file(fmt::format("/proc/{}/maps", pid));
    if (!maps || maps->empty() || maps->find(kLibraryName) != std::string::npos) return;
    const std::string executable = executable_of(pid);
    if (executable.empty()) return;
    std::string why = why_not_scalable(executable);
    if (why.empty())
        why =
            "did not load the library of the clock (it may be setuid, drop LD_PRELOAD from the environment, change its user, or run in "
            "another container)";
    throw Error(ErrorKind::input, executable, fmt::format("the clock of process {} cannot be set: it {}", pid, why), kHint);
}

}  // namespace leakline::clock
