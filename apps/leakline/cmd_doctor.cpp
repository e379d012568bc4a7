// leakline doctor: checks prerequisites and prints how to fix them.
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "audit/audit.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "heap/tracker.hpp"
#include "memory/limit.hpp"
#include "output.hpp"
#include "reference_service.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"
#include "version.hpp"

namespace leakline::cli {

namespace {

using State = Prerequisite::State;

Prerequisite this_program() {
    const std::string version = version_text();
    return {State::good,
            fmt::format("{}: {} {}", version.substr(0, version.find('\n')), is_installed() ? "installed in" : "built in", own_directory()),
            ""};
}

Prerequisite heap_tracker() {
    std::string trackers = heap::agent_available() ? "leakline's agent" : "";
    try {
        trackers += (trackers.empty() ? "" : ", ") + heap::find_tracker().library;
    } catch (const Error& error) {
        if (trackers.empty()) return {State::missing, "heap tracker: " + error.message(), error.hint()};
    }
    if (const std::string interpreter = heap::find_interpreter(); !interpreter.empty())
        return {State::good, fmt::format("heap tracker: {}; names by {}", trackers, interpreter), ""};
    return {State::limited, "heap tracker: heaptrack_interpret not found, so recordings have no function names or line numbers",
            "apt-get install --no-install-recommends heaptrack"};
}

Prerequisite process_memory() {
    const bool rollup = read_small_file("/proc/self/smaps_rollup").has_value();
    if (rollup) return {State::good, "process memory: /proc/PID/statm and smaps_rollup are readable", ""};
    if (read_small_file("/proc/self/statm"))
        return {State::limited, "process memory: no smaps_rollup, so RSS only (no PSS, USS, anonymous, swap)",
                "use Linux 4.14 or later with CONFIG_PROC_PAGE_MONITOR"};
    return {State::missing, "process memory: /proc is not mounted", "mount -t proc proc /proc"};
}

// Whether the memory of other users' processes can be read.
Prerequisite other_processes() {
    if (::geteuid() == 0 || read_small_file("/proc/1/smaps_rollup")) return {State::good, "processes of other users: readable", ""};
    return {State::limited, "processes of other users: only their RSS is readable", "run as root or as the user of the service"};
}

// How to make the cgroup folder writable.
std::string fix_for_cgroup() {
    struct statvfs mount {};
    if (::statvfs("/sys/fs/cgroup", &mount) != 0) return "mount a cgroup hierarchy with the memory controller";
    if ((mount.f_flag & ST_RDONLY) != 0)
        return "/sys/fs/cgroup is mounted read-only (a container): start it with docker run --privileged --cgroupns=private";
    if (::geteuid() != 0) return "run as root, or under systemd-run --user --scope -p Delegate=yes leakline ...";
    return "give this container its own memory cgroup: docker run --privileged --cgroupns=private";
}

// Tried as diagnose does it: that a folder is writable does not mean that a process may be moved into it.
Prerequisite memory_cgroup() {
    const memory::MemoryLimit limit = memory::MemoryLimit::create(Bytes{64} << 20);
    if (limit.means() == memory::MemoryLimit::Means::data_segment)
        return {State::limited, "memory limits: " + limit.warning(), fix_for_cgroup()};
    const bool second = limit.means() == memory::MemoryLimit::Means::cgroup_v2;
    return {State::good, fmt::format("memory limits: cgroup {}, writable", second ? "v2" : "v1"), ""};
}

Prerequisite reference_service() {
    if (const auto path = find_reference_service()) return {State::good, "reference service: " + *path, ""};
    return {State::limited, "reference service: trackd is not where leakline was built or installed, so diagnose needs a command",
            "cmake --build build/release, or install leakline again"};
}

Prerequisite source_audit() {
    const audit::Readers readers = audit::available_readers();
    if (!readers.clang.empty() && !readers.python.empty())
        return {State::good, fmt::format("source audit: C and C++ by {}, Python by {}", readers.clang, readers.python), ""};
    const std::string& missing = readers.clang.empty() ? readers.clang_missing : readers.python_missing;
    return {State::limited, "source audit: " + missing, readers.clang.empty() ? readers.clang_fix : readers.python_fix};
}

Prerequisite temporary_space() {
    try {
        const TemporaryDirectory directory;
        OutputFile file(directory.path() + "/probe");
        file.write("x");
        file.commit();
        return {State::good, "temporary files: " + directory.path().substr(0, directory.path().rfind('/')), ""};
    } catch (const Error& error) {
        return {State::missing, fmt::format("temporary files: {}", error.message()), "set TMPDIR to a writable directory"};
    }
}

// Where the checks looked, for unexpected results.
void print_environment(Messages& messages) {
    utsname system{};
    if (::uname(&system) == 0) messages.detail(fmt::format("{} {} on {}", system.sysname, system.release, system.machine));
    for (const char* name : {"LEAKLINE_HEAPTRACK_DIR", "LEAKLINE_UNWINDER", "PATH", "TMPDIR"}) {
        const std::string_view value = environment_variable(name);
        messages.detail(value.empty() ? fmt::format("{} is not set", name) : fmt::format("{}={}", name, printable(value)));
    }
    messages.detail(fmt::format("as user {}", ::geteuid()));
}

}  // namespace

Run declare_doctor(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kPrerequisitesForm);
    return [output](const Interruption&) -> int {
        output->open();
        output->options().brief = output->verbosity() == Messages::Verbosity::quiet;
        print_environment(*output);
        const Prerequisites found = {{this_program(), heap_tracker(), process_memory(), other_processes(), memory_cgroup(),
                                      reference_service(), source_audit(), temporary_space()}};
        output->write(found);
        return found.met() ? kNoLeak : kInvalid;
    };
}

}  // namespace leakline::cli
