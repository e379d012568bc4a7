// Runs a command under heaptrack's tracker or leakline's agent, or attaches the agent to a running process, and aggregates its output
// while it runs.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/heap.hpp"
#include "model/holders.hpp"
#include "system/child_process.hpp"

namespace leakline::heap {

enum class RecordWith {
    heaptrack,  // heaptrack's tracker: every block of one process, exactly
    agent,      // leakline's agent: a sample of the blocks of all processes that the command starts
};

enum class Children {
    sum,   // the lines of all processes are summed
    each,  // and separately: the stacks of each process begin with a frame of its name
};

// What records a program unless an option chooses: the agent, if this machine can run it.
RecordWith default_tracker();

inline constexpr Bytes kSampleInterval = Bytes{64} << 10;

// Of a process that is attached to: those that it has started, and those that it starts later.
enum class Descendants { ignored, recorded };

struct RecordOptions {
    std::optional<RecordWith> with;  // nothing: default_tracker(), or heaptrack where keep_raw asks for its stream
    // Of the agent: mean bytes between samples; 1: every block; nothing: as many samples as cost about 1 % of the CPU time (every block
    // of a program that allocates few). In Python and in an attached process nothing means kSampleInterval.
    std::optional<Bytes> sample_interval;
    Children children = Children::sum;  // of the agent
    Command command;
    int attach_to = 0;                                    // records this process, with the agent, instead of a command
    Descendants descendants = Descendants::ignored;       // of attach_to; warnings name those that cannot be recorded
    std::string output;                                   // the recording file; empty: none
    std::string keep_raw;                                 // copy of the raw stream, zstd-compressed; empty: none
    Nanoseconds mark_interval = std::chrono::seconds(1);  // doubled whenever there would be more than max_marks
    std::size_t max_marks = 600;
    // The command starts other programs, one of which is to be recorded: the first that runs this executable (as /proc/PID/exe
    // has it); empty: the first that is no wrapper. A wrapper is followed without being asked for.
    std::optional<std::string> follow;
    std::stop_token stop;  // ends the waiting for marks (mark(), settle()); the command is the caller's to end
};

// CPU time that the agent took in the recorded processes, in seconds, as estimated from the number of calls and samples.
double agent_cpu_s(const HeapProfile& profile);

// One recording. Use from one thread. The recorded service must never end because of the recorder: the stream is received
// by a separate process (collector.hpp), which outlives this one if necessary, and the service ignores SIGPIPE (as
// under systemd) in case that process ends as well.
class Recorder {
  public:
    // Checks the command (throws NotRecordable with advice for a static, setuid or script target), the tracker
    // (Error{system} if heaptrack is missing) and the output, then starts it. A process to attach to is checked before anything is
    // done to it: Error{input} or Error{system} with advice. What it allocates from then on is recorded; what it has is not.
    static Recorder start(RecordOptions options);
    ~Recorder();  // ends the command if it still runs; the agent leaves a process that it was attached to
    Recorder(Recorder&&) noexcept;
    Recorder& operator=(Recorder&&) noexcept;

    Child& child();  // not of a process that was attached to
    // The recorded process: the child, or a descendant if programs are followed; 0: not started yet, or, of one that was attached to, no
    // longer recorded.
    int pid();
    // The child runs, or the process that was attached to is still recorded.
    bool running();
    // Of processes that were attached to: those that the agent is in now (the first: attach_to, as long as it runs). Safe from any thread.
    std::vector<int> attached_to() const;
    // Descendants that started after the attach and could not be attached to so far. Safe from any thread.
    std::size_t not_attached_to() const;
    // How long the thread that the agent was attached by was stopped; of several processes, the longest.
    Nanoseconds stopped() const;
    RecordWith tracker() const;  // what records it
    // Warnings before it runs: no debug info, its own malloc, ...
    const std::vector<std::string>& warnings() const;

    // Records the heap as it is now. The tracker keeps up to 4 KiB of text in the process before it writes (seconds of
    // a quiet service), but it puts the time in every ~10 ms: the mark is set at the first such tick from now on, when
    // that part of the stream arrives. So it has everything that happened before the call, and nothing of what happens
    // after it returns; it takes 50 ms, or more while ticks come slowly. A mark whose tick never arrives (the service was killed) is set at the end.
    void mark(HeapMark::Kind kind, const std::string& label = {}, std::optional<std::uint64_t> requests = {});
    // Call it regularly while the program runs (it checks at most once per second): detects children that do the
    // program's work, about which the recording then warns.
    void look_for_children();
    // The memory of the agent in each process that counts as the process's shared memory, by pid. Safe from any thread.
    std::map<int, Bytes> own_memory() const;
    // Asks for the Python variables that hold the live blocks, of which those since that time (of the monotonic clock) are growth. Each process is
    // searched in a copy of it, which it makes at one of its next allocations: it must have requests meanwhile. False if there is no Python
    // process. May be called again after the answers.
    bool search_python_holders(Nanoseconds since);
    // The answers. patience: until the last process makes its copy; the searches in copies may take longer.
    PythonHolders python_holders(Nanoseconds patience);
    // Puts what was found into the recording (HeapProfile::holders). Once, before finish().
    void keep(const PythonHolders& found);
    // Of the process that was attached to: both, as a report; nothing if it runs no Python that the agent knows. Throws as find_python_holders does.
    std::optional<HolderReport> python_holder_report(Nanoseconds since);
    // Bytes that the program's malloc has allocated and keeps free, as the caller has just read them: for the marks that
    // are requested or due from now on.
    void allocator(Bytes in_use, Bytes retained);
    // With the agent: what was recorded until the last mark, with names and lines, of which the new ones are looked up now. Few marks: the
    // first, the last, and some of the minute before it. Valid until the next call.
    const HeapProfile& so_far();
    // Waits until every mark has been set in the stream; false if that takes longer than the timeout. Useful
    // before the service is killed; a service that exits by itself writes all it has.
    bool settle(Nanoseconds timeout);

    // After the command has ended (or to give up waiting for it): reads what is left, has an attached agent leave, finds functions and lines,
    // writes the recording file, and returns what it holds. Throws Error{system} with advice where nothing was
    // recorded (the tracker never started in the process that did the work).
    HeapProfile finish();

  private:
    struct State;
    explicit Recorder(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace leakline::heap
