#include "heap/internal/running_program.hpp"

#include <fmt/format.h>
#include <link.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "agent/attach_request.hpp"
#include "agent/embedded.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/elf_file.hpp"
#include "heap/internal/agent_files.hpp"
#include "heap/internal/sandbox_check.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"
#include "system/tracing.hpp"

namespace leakline::heap {

namespace {

constexpr const char* kStartItInstead = "start it under leakline instead: leakline record --tracker agent -o run.leak -- CMD ARG...";

// Docker's default seccomp profile forbids kcmp without CAP_SYS_PTRACE, and some kernels lack it.
constexpr const char* kMayShare =
    "may have the memory of the process that started it, which waits (kcmp, which would tell, is not allowed)";

LoadedObject::ReadMemory memory_of(int pid) {
    return [pid](std::uint64_t address, void* to, std::size_t size) { return read_memory(pid, address, to, size); };
}

std::string thread_status(int pid, int thread) { return read_small_file(fmt::format("/proc/{}/task/{}/status", pid, thread)).value_or(""); }

// One look at a process, with what its refusals say.
class Check {
  public:
    explicit Check(int pid) : pid_(pid), where_(fmt::format("process {}", pid)), folder_(fmt::format("/proc/{}", pid)) {}

    RunningProgram run() {
        check_state();
        memory_ = ProgramMemory(pid_);  // its own: check_state() has refused that of a parent
        check_program();
        mappings_ = parse_mappings(read_small_file(folder_ + "/maps").value_or(""));
        check_loader();
        auto libc = check_libc();
        check_recorders();
        auto sandboxes = check_sandboxes();
        if (!memory_.is_mapped(libc.address_of("dlopen"))) refuse_for_now("starts one program after another (exec)", kWhenStarted);
        return {std::move(libc), std::move(mappings_), std::move(memory_), std::move(sandboxes)};
    }

    // After a refusal: whether the reason is one that passes.
    bool passes() const { return passes_ || was_replaced(); }

  private:
    static constexpr const char* kWhenStarted = "try again when it has started";

    [[noreturn]] void refuse(std::string why, std::string hint) const {
        throw Error(ErrorKind::input, where_, std::move(why), std::move(hint));
    }
    [[noreturn]] void refuse_for_now(std::string why, std::string hint) {
        passes_ = true;
        refuse(std::move(why), std::move(hint));
    }
    // By another program: what was read of it may be of both. Its executable is mapped for as long as a program runs.
    bool was_replaced() const { return !mappings_.empty() && !memory_.is_mapped(mappings_.front().begin) && !has_ended(read_stat(pid_)); }
    std::string watch_memory() const { return fmt::format("memory over time works: leakline sample --pid {}", pid_); }

    void check_state() {
        if (agent::embedded_agent_attached().empty()) refuse("attaching is implemented for x86-64 only", watch_memory());
        const auto stat = read_stat(pid_);
        const auto status = read_small_file(folder_ + "/status");
        if (!stat || !status) refuse_tracing(pid_, ESRCH);
        if (has_ended(stat) || status_value(*status, "TracerPid").value_or("0") != "0") refuse_tracing(pid_, EPERM);
        std::error_code error;
        if (std::filesystem::read_symlink(folder_ + "/exe", error).empty() && error == std::errc::no_such_file_or_directory)
            refuse("is a thread of the kernel", "give a program's process");
        const auto shares = shares_with_parent(pid_, stat->parent);
        if (!shares) refuse_for_now(kMayShare, "wait until it runs a program of its own, or allow leakline to trace (CAP_SYS_PTRACE)");
        if (*shares)
            refuse_for_now("has the memory of the process that started it",
                           "give that process, or wait until it runs a program of its own");
        if (pid_ == ::getpid()) refuse("is leakline itself", "give the process to record");
        if (stat->state == 'T') refuse("is stopped (SIGSTOP, Ctrl-Z)", fmt::format("let it go on: kill -CONT {}", pid_));
        // The last number is that in the innermost namespace.
        const std::string_view numbers = status_value(*status, "NSpid").value_or("");
        inner_pid_ = static_cast<int>(parse_number(numbers.substr(numbers.find_last_of(" \t") + 1)).value_or(static_cast<unsigned>(pid_)));
    }

    void check_program() {
        const std::string link = folder_ + "/exe";
        if (::access(link.c_str(), R_OK) != 0) refuse_tracing(pid_, EACCES);
        const ElfFile elf = read_elf(link);
        if (!elf.this_machine) refuse("is a 32-bit program, or one for another CPU architecture: the agent is for x86-64", watch_memory());
        dynamic_ = !elf.interpreter.empty();
        const agent::OwnAllocator own = read_own_allocator(link);
        const bool usable = own.state == agent::OwnAllocator::State::usable;
        if (!usable && (own.is_malloc || elf.defines_malloc))
            refuse(fmt::format("has its own malloc (an allocator that is linked into it), which cannot be recorded: {}",
                               own.is_malloc ? own.why : "it has no function free"),
                   fmt::format("{}; {}", kRecordableAllocator, watch_memory()));
    }

    // Last: to read what a sandbox forbids, the process must be stopped.
    std::map<int, unsigned> check_sandboxes() const {
        std::map<int, unsigned> filters;
        for (const int thread : thread_ids(pid_)) {
            const std::string status = thread_status(pid_, thread);
            filters[thread] = count_filters(status);
            if (status_value(status, "x86_Thread_features").value_or("").find("shstk") != std::string_view::npos)
                refuse("runs with a shadow stack, which forbids calls from outside", kStartItInstead);
        }
        if (std::all_of(filters.begin(), filters.end(), [](const auto& thread) { return thread.second == 0; })) return filters;
        if (const auto reason = sandbox_that_forbids_agent(pid_)) refuse(*reason, kStartItInstead);
        return filters;
    }

    bool has_library(std::string_view beginning) const {
        return std::any_of(mappings_.begin(), mappings_.end(),
                           [&](const Mapping& mapping) { return mapped_name(mapping).starts_with(beginning); });
    }
    LoadedObject::ReadMemory memory() const {
        return [this](std::uint64_t address, void* to, std::size_t size) { return memory_.read(address, to, size); };
    }

    // At a program's start, the loader maps its libraries one after the other, each from its first segment to its data, and then relocates
    // them: before that, no function of theirs can be called. It says so to debuggers (r_debug, <link.h>).
    void check_loader() {
        if (mappings_.empty()) {
            const auto stat = read_stat(pid_);
            if (!has_ended(stat)) refuse_for_now("is just starting: it has no memory yet", kWhenStarted);
            refuse_tracing(pid_, stat ? EACCES : ESRCH);
        }
        if (!dynamic_ || has_library("libc-2.") || has_library("ld-musl") || has_library("libc.musl")) return;
        const bool has_libc = std::any_of(mappings_.begin(), mappings_.end(),
                                          [](const Mapping& mapping) { return mapping.writable && mapped_name(mapping) == "libc.so.6"; });
        const auto loader = LoadedObject::find(memory(), mappings_, "ld-linux-x86-64.so.2");
        const std::uint64_t place = loader ? loader->address_of("_r_debug") : 0;
        r_debug state{};
        const bool done =
            place != 0 && memory_.read(place, &state, sizeof state) && state.r_map != nullptr && state.r_state == r_debug::RT_CONSISTENT;
        if (!done && (place != 0 || !has_libc))
            refuse_for_now("is just starting, or loads a library: its loader (ld.so) is at work", kWhenStarted);
        if (!has_libc) refuse_for_now("does not use the C library (libc.so.6), which the agent needs", watch_memory());
    }

    LoadedObject check_libc() const {
        auto libc = LoadedObject::find(memory(), mappings_, "libc.so.6");
        if (!libc && has_library("libc-2.")) refuse("uses a glibc older than 2.35", kStartItInstead);
        if (!libc && (has_library("ld-musl") || has_library("libc.musl"))) refuse("uses musl, and the agent needs glibc", watch_memory());
        if (!libc && has_library("libc.so.6")) refuse_tracing(pid_, EACCES);
        if (!libc) refuse("is linked statically, so the agent cannot be loaded", "link it dynamically; " + watch_memory());
        if (libc->address_of("_dl_find_object") == 0 || libc->address_of("dlopen") == 0)
            refuse("uses a glibc older than 2.35", kStartItInstead);
        return *std::move(libc);
    }

    void check_recorders() const {
        const std::string in_memory = fmt::format("memfd:{}", kMemoryLibrary);
        for (const Mapping& mapping : mappings_) {
            const std::string_view name = mapped_name(mapping);
            if (name.starts_with("libheaptrack_")) refuse("is already recorded by heaptrack", "end that recording first");
            if (name == in_memory || (name == "agent.so" && mapping.path.find("/leakline-") != std::string::npos))
                refuse("is already recorded: leakline has started it", "end that recording first");
            if (name.starts_with("memfd:" + std::string(agent::kAttachedName)) && name != "memfd:" + attached_name())
                refuse("has the agent of another version of leakline, which was attached before",
                       "use that version, or restart the process");
        }
        // One that is just leaving has a moment more.
        const auto library = LoadedObject::find(memory(), mappings_, "memfd:" + attached_name());
        constexpr int kTries = 50;
        for (int tries = 0; library && is_recorded(*library); ++tries) {
            if (tries == kTries)
                refuse("is already recorded: a leakline is attached to it",
                       "end that one first; if it was killed, the agent leaves the process within 6 s");
            sleep_for({}, std::chrono::milliseconds(10));
        }
    }
    bool is_recorded(const LoadedObject& library) const {
        std::int32_t recorded = 0;
        return memory_.read(library.address_of(agent::kAttachVariable), &recorded, sizeof recorded) && recorded == inner_pid_;
    }

    int pid_;
    std::string where_, folder_;
    int inner_pid_ = 0;
    bool dynamic_ = false;  // it has a loader
    bool passes_ = false;
    ProgramMemory memory_;
    std::vector<Mapping> mappings_;
};

}  // namespace

std::optional<bool> share_memory(int a, int b) {
    const long order = ::syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0);
    if (order < 0 && errno != ESRCH) return std::nullopt;
    return order == 0;
}

std::optional<bool> shares_with_parent(int pid, int parent) {
    if (const auto known = share_memory(pid, parent)) return known;
    const std::vector<int> threads = thread_ids(parent);
    const bool waits = std::any_of(threads.begin(), threads.end(), [&](int thread) {
        const auto text = read_small_file(fmt::format("/proc/{}/task/{}/stat", parent, thread));
        const auto stat = text ? parse_stat(*text) : std::nullopt;
        return stat && stat->state == 'D';
    });
    return waits ? std::nullopt : std::optional(false);
}

std::string attached_name() {
    static const std::string name = [] {
        std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
        for (const char c : agent::embedded_agent_attached()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
        return fmt::format("{}{:016x}", agent::kAttachedName, hash);
    }();
    return name;
}

std::optional<LoadedObject> find_attached(int pid, const std::vector<Mapping>& mappings) {
    return LoadedObject::find(memory_of(pid), mappings, "memfd:" + attached_name());
}

RunningProgram check_running(int pid, const std::stop_token& stop, Nanoseconds patience) {
    const Nanoseconds deadline = system_clock().monotonic() + patience;
    constexpr Nanoseconds kLongestPause = std::chrono::milliseconds(50);
    for (Nanoseconds pause = std::chrono::milliseconds(1);; pause = std::min(2 * pause, kLongestPause)) {
        Check check(pid);
        try {
            return check.run();
        } catch (const Error&) {
            if (!check.passes() || system_clock().monotonic() >= deadline || !sleep_for(stop, pause)) throw;
        }
    }
}

bool is_unchanged(int pid, int thread, const RunningProgram& program) {
    const auto known = program.sandboxes.find(thread);
    const unsigned before = known != program.sandboxes.end() ? known->second : 0;
    return program.memory.is_mapped(program.libc.address_of("dlopen")) && count_filters(thread_status(pid, thread)) == before;
}

}  // namespace leakline::heap
