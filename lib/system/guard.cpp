#include "system/guard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/strings.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/internal/cleanup_registry.hpp"
#include "system/proc_file.hpp"

namespace leakline {

namespace {

std::atomic<bool>& programs_stay() {
    static std::atomic<bool>& stay = shared_with_guard<std::atomic<bool>>();
    return stay;
}

constexpr const char* kMark = "LEAKLINE_GUARD";

std::string& mark() {
    static std::string mark;  // "LEAKLINE_GUARD=4711-123456789"
    return mark;
}

struct alignas(8) Watched {  // or clang calls libatomic
    std::int32_t pid = 0;
    std::uint32_t start = 0;  // the low half of its start time, in ticks: no later process of this pid has it
};
using WatchedProcesses = std::array<std::atomic<Watched>, 256>;
static_assert(std::atomic<Watched>::is_always_lock_free);

WatchedProcesses& watched_processes() {
    static WatchedProcesses& processes = shared_with_guard<WatchedProcesses>();
    return processes;
}

struct ProcessEntry {
    int pid = 0, parent = 0;
    std::uint32_t start = 0;
    bool ended = false, guard = false;  // guard: of another leakline, which it outlives on purpose
};

std::optional<ProcessEntry> read_process(int pid) {
    const auto stat = read_stat(pid);
    if (!stat) return std::nullopt;
    ProcessEntry entry;
    entry.pid = pid;
    entry.parent = stat->parent;
    entry.start = static_cast<std::uint32_t>(stat->start_ticks);
    entry.ended = has_ended(stat);
    entry.guard = stat->comm == "leakline-guard";
    return entry;
}

std::vector<ProcessEntry> all_processes() {
    std::vector<ProcessEntry> entries;
    std::error_code failed;
    for (std::filesystem::directory_iterator folder("/proc", failed), end; !failed && folder != end; folder.increment(failed)) {
        const int pid = std::atoi(folder->path().filename().c_str());
        if (pid <= 0 || pid == ::getpid()) continue;
        if (const auto entry = read_process(pid); entry && !entry->ended && !entry->guard) entries.push_back(*entry);
    }
    return entries;
}

// Those that have left our groups; again until there is none, since one may fork while it is looked for.
void kill_guarded_processes() {
    constexpr int kMaxTurns = 100;
    std::map<int, std::uint32_t> ours;  // by pid, with the start time; those that were killed stay, for their children
    for (const auto& slot : watched_processes())
        if (const Watched watched = slot.load(); watched.pid > 0) ours[watched.pid] = watched.start;
    for (int turn = 0; turn < kMaxTurns; ++turn) {
        const std::vector<ProcessEntry> entries = all_processes();
        std::set<int> found;
        for (const ProcessEntry& entry : entries) {
            const auto known = ours.find(entry.pid);
            if ((known != ours.end() && known->second == entry.start) || has_guard_mark(entry.pid).value_or(false)) found.insert(entry.pid);
        }
        for (bool more = true; more;) {
            more = false;
            for (const ProcessEntry& entry : entries)
                if (found.contains(entry.parent)) more = found.insert(entry.pid).second || more;
        }
        for (const ProcessEntry& entry : entries) {
            if (!found.contains(entry.pid)) continue;
            ours[entry.pid] = entry.start;
            ::kill(entry.pid, SIGKILL);
        }
        if (found.empty()) return;
        ::usleep(10'000);
    }
}

// The words of a command line stand behind each other in memory, and /proc/PID/cmdline shows that memory.
void show_as_guard(char** arguments) {
    ::prctl(PR_SET_NAME, "leakline-guard");
    if (arguments == nullptr || arguments[0] == nullptr) return;
    char* end = arguments[0];
    for (char** word = arguments; *word != nullptr; ++word)
        if (*word == end) end += std::strlen(*word) + 1;
    const auto size = static_cast<std::size_t>(end - arguments[0]);
    std::memset(arguments[0], 0, size);
    std::strncpy(arguments[0], "leakline-guard", size - 1);
}

[[noreturn]] void watch(int socket, pid_t parent, char** arguments) {
    ::setsid();
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    // A reader of our output must see its end when we exit, and no file system may be kept in use.
    if (socket > 0) ::close_range(0, static_cast<unsigned>(socket) - 1, 0);
    ::close_range(static_cast<unsigned>(socket) + 1, ~0U, 0);
    [[maybe_unused]] const int ignored = ::chdir("/");
    show_as_guard(arguments);
    char byte = 0;
    ssize_t got = 0;
    do got = ::read(socket, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1) ::_exit(0);
    if (!programs_stay()) {
        kill_running_groups(parent);
        kill_guarded_processes();
    }
    cleanup_registry::remove_all(parent);
    ::_exit(0);
}

}  // namespace

std::optional<bool> has_guard_mark(int pid) {
    if (mark().empty()) return std::nullopt;
    const auto environment = read_small_file("/proc/" + std::to_string(pid) + "/environ");
    if (!environment) return std::nullopt;  // of another user
    const auto entries = split(*environment, '\0');
    if (std::find(entries.begin(), entries.end(), mark()) != entries.end()) return true;  // whole, not the start of a longer value
    // Programs that show a title (nginx, sshd) write it where their environment was.
    const auto is_variable = [](std::string_view entry) {
        const std::size_t end = entry.find('=');
        return end != 0 && end != entry.npos && entry.substr(0, end).find(' ') == entry.npos;
    };
    return std::any_of(entries.begin(), entries.end(), is_variable) ? std::optional(false) : std::nullopt;
}

Guard::Guard(char** arguments) {
    // What is shared must be there before the fork. Nothing is remembered under this pid.
    kill_running_groups(-2);
    cleanup_registry::remove_all(-2);
    programs_stay();
    watched_processes();
    mark() = std::string(kMark) + "=" + std::to_string(::getpid()) + "-" + std::to_string(system_clock().wall().count());
    ::setenv(kMark, mark().c_str() + std::strlen(kMark) + 1, 1);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
    const pid_t parent = ::getpid();
    // Forked twice: it is no child of ours, which lists of our children would show among the programs that we run.
    const pid_t between = ::fork();
    if (between == 0) {
        if (::fork() != 0) ::_exit(0);
        ::close(ends[1]);
        watch(ends[0], parent, arguments);
    }
    ::close(ends[0]);
    if (between < 0) {
        ::close(ends[1]);
        return;
    }
    while (::waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
    }
    alive_ = ends[1];
}

void leave_programs_running() { programs_stay() = true; }

void guard_process(int pid) {
    WatchedProcesses& processes = watched_processes();
    const auto entry = read_process(pid);
    if (!entry) return;
    for (const auto& slot : processes)
        if (const Watched known = slot.load(); known.pid == pid && known.start == entry->start) return;
    for (auto& slot : processes)
        if (Watched none; slot.compare_exchange_strong(none, {pid, entry->start})) return;
    for (auto& slot : processes) {  // those of processes that have ended
        Watched old = slot.load();
        const auto now = read_process(old.pid);
        if ((!now || now->start != old.start) && slot.compare_exchange_strong(old, {pid, entry->start})) return;
    }
}

Guard::~Guard() {
    if (alive_ < 0) return;
    const char done = 1;
    char end = 0;
    // Its end of the socket is closed when it has ended.
    if (::send(alive_, &done, 1, MSG_NOSIGNAL) == 1)
        while (::read(alive_, &end, 1) < 0 && errno == EINTR) {
        }
    ::close(alive_);
}

}  // namespace leakline
