// Child processes: start, watch, signal, end.
//
// Thread-safety: one Child, one thread at a time; signal() and pid() may be called from any.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/quantities.hpp"

namespace leakline {

struct Command {
    enum class Stream { inherit, null };

    std::vector<std::string> arguments;                            // [0] is looked up in PATH
    std::vector<std::pair<std::string, std::string>> environment;  // added to the environment of this process
    std::string directory;                                         // empty: ours
    Stream standard_output = Stream::inherit;
    std::string output_file;  // not empty: standard output and error are appended there
    // Run in the child between fork and exec; only async-signal-safe calls. A false return ends the child with 126.
    std::function<bool()> before_exec;

    std::string text() const;  // the command line, quoted for a shell, with the values of common secrets taken out (redact.hpp)
};

struct ExitStatus {
    int code = 0;    // exit code where signal == 0
    int signal = 0;  // the signal that ended it
    // As a shell reports it: code, or 128 + signal.
    int shell_code() const { return signal != 0 ? 128 + signal : code; }
    std::string text() const;  // "exit code 3", "signal 9 (killed)"
};

// A running child in its own process group, so that Ctrl-C in a terminal reaches leakline and not the child.
// The destructor ends the whole group (SIGTERM, then SIGKILL after 2 s) and reaps it.
class Child {
  public:
    // Throws Error{input}: not found, not executable, or exec refused (with the reason).
    static Child start(const Command& command);
    ~Child();
    Child(Child&&) noexcept;
    Child& operator=(Child&&) noexcept;

    int pid() const { return pid_; }
    bool running();  // reaps when it has ended
    std::optional<ExitStatus> status() const { return status_; }
    // Nothing after timeout, or as soon as stop is requested.
    std::optional<ExitStatus> wait_for(Nanoseconds timeout, const std::stop_token& stop = {});
    ExitStatus wait();
    void signal(int number);
    // SIGTERM to the group, SIGKILL after grace; returns how it ended.
    ExitStatus terminate(Nanoseconds grace);
    // Releases the process: it will be neither ended nor reaped.
    void release();

  private:
    explicit Child(int pid) : pid_(pid) {}
    void reap(int flags);  // waitpid's; sets status_ where it has ended
    int pid_ = -1;
    std::optional<ExitStatus> status_;
};

// SIGKILL to the group of every child of the process `owner` that has not been released or ended: for the handler of a second
// signal, and for the guard. Async-signal-safe.
void kill_running_groups(int owner);
// Whether pid is a child that a Child has started and not yet released, or a helper. Safe from any thread.
bool is_running_child(int pid);
// A forked process of ours that ends by itself, such as the recorder's collector: it is not an orphan of a program (subreaper.hpp).
void add_helper(int pid);
void remove_helper(int pid);

}  // namespace leakline
