#include "system/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/redact.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/guard.hpp"
#include "system/stop.hpp"

extern char** environ;

namespace leakline {

namespace {

std::string quoted_for_shell(const std::string& word) {
    const auto plain = [](char c) { return is_letter(c) || is_digit(c) || std::strchr("_-./:=,@%+", c) != nullptr; };
    if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

// Our environment with command's additions in front, in the form that execve takes. The strings live in storage.
std::vector<char*> environment_block(const Command& command, std::vector<std::string>& storage) {
    for (const auto& [name, value] : command.environment) storage.push_back(name + "=" + value);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::string_view name = text.substr(0, text.find('='));
        const bool replaced =
            std::any_of(command.environment.begin(), command.environment.end(), [&](const auto& pair) { return pair.first == name; });
        if (!replaced) storage.emplace_back(text);
    }
    std::vector<char*> block;
    for (std::string& entry : storage) block.push_back(entry.data());
    block.push_back(nullptr);
    return block;
}

// The message that the child sends through the pipe if it cannot execute the new program.
struct StartFailure {
    enum class Step : int { exec, directory, output, hook } step;
    int error_number;
};

[[noreturn]] void fail_in_child(int pipe, StartFailure::Step step) {
    const StartFailure failure{step, errno};
    [[maybe_unused]] const ssize_t ignored = ::write(pipe, &failure, sizeof failure);
    ::_exit(126);
}

[[noreturn]] void throw_start_failure(const Command& command, const std::string& path, const StartFailure& failure) {
    const int reason = failure.error_number;
    switch (failure.step) {
        case StartFailure::Step::directory:
            throw os_error(ErrorKind::input, command.directory, "cannot change to the working directory", reason);
        case StartFailure::Step::output: throw os_error(ErrorKind::input, command.output_file, "cannot write the program's output", reason);
        case StartFailure::Step::hook: throw os_error(ErrorKind::system, path, "cannot prepare the process", reason);
        case StartFailure::Step::exec: break;
    }
    std::string hint;
    if (reason == ENOEXEC) hint = "not a program for this machine, or a script without a #! line";
    if (reason == ENOENT) hint = "its interpreter (the #! line, or the ELF loader) does not exist";
    throw os_error(ErrorKind::input, path, "cannot run", reason, hint);
}

}  // namespace

std::string Command::text() const {
    std::string out;
    for (const std::string& word : redact_secrets(arguments)) out += (out.empty() ? "" : " ") + quoted_for_shell(word);
    return out;
}

std::string ExitStatus::text() const {
    if (signal == 0) return fmt::format("exit code {}", code);
    const char* name = ::sigdescr_np(signal);
    std::string description = name != nullptr ? name : "unknown";
    description[0] = to_lower(description[0]);
    return fmt::format("signal {} ({})", signal, description);
}

namespace {

// The groups of all children that run, so that a second Ctrl-C, or SIGKILL, which end us at once, leave none behind.
// Lock-free, since a signal's handler reads it, and shared with the guard.
// Each with the process that started it: a forked helper of ours (the recorder's collector) has children of its own.
struct alignas(8) Group {  // or clang calls libatomic
    std::int32_t group = 0, owner = 0;
};
using Groups = std::array<std::atomic<Group>, 64>;
static_assert(std::atomic<Group>::is_always_lock_free);

Groups& running_groups() {
    static Groups& groups = shared_with_guard<Groups>();
    return groups;
}

constexpr std::int32_t kNoOwner = 0;  // of helpers, which are never killed

void remember_group(pid_t group, std::int32_t owner) {
    for (auto& slot : running_groups())
        if (Group none; slot.compare_exchange_strong(none, {group, owner})) return;
}

void forget_group(pid_t group, std::int32_t owner) {
    for (auto& slot : running_groups())
        if (Group expected{group, owner}; slot.compare_exchange_strong(expected, {})) return;
}

}  // namespace

void kill_running_groups(int owner) {
    for (auto& slot : running_groups())
        if (const Group entry = slot.load(); entry.group > 0 && entry.owner == owner) ::kill(-entry.group, SIGKILL);
}

void add_helper(int pid) { remember_group(pid, kNoOwner); }
void remove_helper(int pid) { forget_group(pid, kNoOwner); }

bool is_running_child(int pid) {
    const Groups& groups = running_groups();
    return std::any_of(groups.begin(), groups.end(), [pid](const auto& slot) { return slot.load().group == pid; });
}

Child Child::start(const Command& command) {
    if (command.arguments.empty()) throw Error(ErrorKind::usage, "", "no command to run", "leakline ... -- CMD ARG...");
    const std::string path = require_executable(command.arguments[0]);

    std::vector<std::string> words = command.arguments, environment_storage;
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<char*> environment = environment_block(command, environment_storage);

    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) throw os_error(ErrorKind::system, path, "cannot create a pipe", errno);
    const bool detach_input = ::isatty(STDIN_FILENO) != 0;  // a background group that reads the terminal is stopped
    // Signals wait until the child has its default handlers back: ours must never run in it.
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::setpgid(0, 0);
        for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGCHLD, SIGALRM}) ::signal(number, SIG_DFL);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        if (detach_input && null >= 0) ::dup2(null, STDIN_FILENO);
        if (!command.output_file.empty()) {
            const int file = ::open(command.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
            if (file < 0) fail_in_child(pipe[1], StartFailure::Step::output);
            ::dup2(file, STDOUT_FILENO);
            ::dup2(file, STDERR_FILENO);
        } else if (command.standard_output == Command::Stream::null && null >= 0) {
            ::dup2(null, STDOUT_FILENO);
            ::dup2(null, STDERR_FILENO);
        }
        if (!command.directory.empty() && ::chdir(command.directory.c_str()) != 0) fail_in_child(pipe[1], StartFailure::Step::directory);
        if (command.before_exec && !command.before_exec()) fail_in_child(pipe[1], StartFailure::Step::hook);
        ::execve(path.c_str(), arguments.data(), environment.data());
        fail_in_child(pipe[1], StartFailure::Step::exec);
    }
    const int fork_error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::close(pipe[1]);
    if (pid < 0) {
        ::close(pipe[0]);
        throw os_error(ErrorKind::system, path, "cannot start a process", fork_error);
    }
    ::setpgid(pid, pid);  // in both processes, so that neither depends on the other's timing
    StartFailure failure{};
    ssize_t got = 0;
    do got = ::read(pipe[0], &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    ::close(pipe[0]);
    if (got == static_cast<ssize_t>(sizeof failure)) {
        ::waitpid(pid, nullptr, 0);
        throw_start_failure(command, path, failure);
    }
    remember_group(pid, ::getpid());
    return Child(pid);
}

void Child::release() {
    forget_group(pid_, ::getpid());
    pid_ = -1;
}

Child::Child(Child&& other) noexcept : pid_(other.pid_), status_(other.status_) { other.pid_ = -1; }

Child& Child::operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(status_, other.status_);
    return *this;
}

Child::~Child() {
    if (pid_ <= 0) return;
    if (!status_) terminate(std::chrono::seconds(2));
    forget_group(pid_, ::getpid());
    ::kill(-pid_, SIGKILL);  // what the program itself had started and left behind
}

void Child::reap(int flags) {
    if (pid_ <= 0 || status_) return;
    int raw = 0;
    pid_t result = 0;
    do result = ::waitpid(pid_, &raw, flags);
    while (result < 0 && errno == EINTR);
    if (result == 0) return;
    ExitStatus status;
    if (result > 0 && WIFSIGNALED(raw)) status.signal = WTERMSIG(raw);
    if (result > 0 && WIFEXITED(raw)) status.code = WEXITSTATUS(raw);
    status_ = status;
}

bool Child::running() {
    reap(WNOHANG);
    return pid_ > 0 && !status_;
}

std::optional<ExitStatus> Child::wait_for(Nanoseconds timeout, const std::stop_token& stop) {
    Clock& clock = system_clock();
    const Nanoseconds deadline = clock.monotonic() + timeout;
    const StopDescriptor wake(stop);
    const int descriptor = running() ? static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)) : -1;
    while (running() && !stop.stop_requested()) {
        const Nanoseconds left = deadline - clock.monotonic();
        if (left <= Nanoseconds(0)) break;
        if (descriptor >= 0) {
            pollfd waits[2] = {{descriptor, POLLIN, 0}, {wake.get(), POLLIN, 0}};
            const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
            ::poll(waits, 2, static_cast<int>(std::min<std::int64_t>(milliseconds, 60'000)));
        } else {
            clock.sleep_until(std::min(deadline, clock.monotonic() + std::chrono::milliseconds(5)));
        }
    }
    if (descriptor >= 0) ::close(descriptor);
    return status_;
}

ExitStatus Child::wait() {
    reap(0);
    return status_.value_or(ExitStatus{});
}

void Child::signal(int number) {
    if (pid_ > 0 && !status_) ::kill(pid_, number);
}

ExitStatus Child::terminate(Nanoseconds grace) {
    if (running()) {
        ::kill(-pid_, SIGTERM);
        Clock& clock = system_clock();
        const Nanoseconds deadline = clock.monotonic() + grace;
        while (running() && clock.monotonic() < deadline) clock.sleep_until(clock.monotonic() + std::chrono::milliseconds(2));
        if (running()) ::kill(-pid_, SIGKILL);
    }
    return wait();
}

}  // namespace leakline
