// leakline record: runs a program under heaptrack's tracker or leakline's agent, or attaches the agent to a process, and saves the recording.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <memory>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "choice.hpp"
#include "clock_options.hpp"
#include "commands.hpp"
#include "details.hpp"
#include "diagnose/process_copies.hpp"
#include "exit_code.hpp"
#include "heap/recorder.hpp"
#include "heap/tracker.hpp"
#include "memory/glibc_heap.hpp"
#include "messages.hpp"
#include "process_option.hpp"
#include "quantity_options.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/guard.hpp"
#include "system/stop.hpp"
#include "tracker_options.hpp"

namespace leakline::cli {

namespace {

struct Options {
    std::vector<std::string> command;
    int pid = 0;
    std::optional<Nanoseconds> duration;  // of recording a process
    std::string output = "run.leak", keep_raw;
    Nanoseconds interval = std::chrono::seconds(1), grace = std::chrono::seconds(10);
    std::size_t max_marks = 600;
    ClockChoice clock;
    std::optional<heap::RecordWith> tracker;
    std::optional<Bytes> sample_interval;
    heap::Children children = heap::Children::sum;
};

// After this time a program has loaded its libraries.
constexpr Nanoseconds kLoading = std::chrono::milliseconds(500);

// The signal that we got reaches the program; SIGTERM follows where it does not end, then SIGKILL.
ExitStatus end_program(Child& child, int signal, Nanoseconds grace, Messages& messages) {
    messages.note(fmt::format("stopping the program (waiting up to {}; press Ctrl-C again to stop at once)", format_duration(grace)));
    if (signal == SIGINT) {
        child.signal(SIGINT);
        if (const auto ended = child.wait_for(grace)) return *ended;
    }
    return child.terminate(grace);
}

// What malloc keeps free is part of the accounting: it is read during the recording, never so often that it takes more than a
// twentieth of a processor.
class AllocatorReader {
  public:
    explicit AllocatorReader(heap::Recorder& recorder) : recorder_(recorder) {}

    // Returns how long to wait before the next time.
    Nanoseconds read() {
        Clock& clock = system_clock();
        const Nanoseconds before = clock.monotonic();
        if (const int pid = recorder_.pid(); pid != pid_ && pid > 0) {
            heap_.emplace(pid);  // behind a wrapper it is not there from the beginning
            pid_ = pid;
        }
        if (const auto figures = heap_ ? heap_->read() : std::nullopt) recorder_.allocator(figures->used, figures->retained);
        return std::max<Nanoseconds>(kGap, 20 * (clock.monotonic() - before));
    }

  private:
    static constexpr Nanoseconds kGap = std::chrono::milliseconds(100);

    heap::Recorder& recorder_;
    std::optional<memory::GlibcHeap> heap_;
    int pid_ = 0;
};

// Nothing where the program keeps the machine's clock.
std::optional<clock::ServiceClock> set_clock(const Options& chosen, Command& command) {
    const auto options = chosen.clock.options_without_log();
    if (!options || !options->changes_time()) return std::nullopt;
    std::optional<clock::ServiceClock> set(std::in_place, *options, command.arguments);
    set->put_on(command);
    return set;
}

heap::RecordOptions record_options(const Options& chosen, const std::stop_token& stop) {
    heap::RecordOptions options;
    options.output = chosen.output;
    options.mark_interval = chosen.interval;
    options.max_marks = chosen.max_marks;
    options.sample_interval = chosen.sample_interval;
    options.stop = stop;
    return options;
}

// how: how the recording ended.
void report(const heap::Recorder& recorder, const HeapProfile& profile, const std::string& output, const std::string& how,
            Messages& messages) {
    messages.end_progress();
    detail_recording(messages, output, profile);
    for (std::size_t i = recorder.warnings().size(); i < profile.warnings.size(); ++i) messages.warn(profile.warnings[i]);
    for (const std::string& line : profile.damage.lines()) messages.warn(line);
    messages.note(fmt::format("{}: {}{} events in {}, {} marks, peak {} ({}); {}", output, profile.sampling ? "about " : "",
                              format_count(profile.events), format_duration(profile.duration), profile.marks.size(),
                              format_bytes(static_cast<double>(profile.peak_bytes)), completeness_name(profile.completeness), how));
}

// Which of Python's variables hold what was recorded, in copies of the processes. That there is no answer fails no recording.
void keep_holders(heap::Recorder& recorder, Messages& messages) {
    constexpr Nanoseconds kPatience = std::chrono::seconds(2);
    std::vector<int> pids;
    for (const auto& [pid, own] : recorder.own_memory()) pids.push_back(pid);
    std::string reason = diagnose::reason_against_copies(pids);
    if (reason.empty()) {
        if (!recorder.search_python_holders(Nanoseconds::zero())) return;  // no Python
        messages.progress("record", "searching what holds the memory");
        const PythonHolders found = recorder.python_holders(kPatience);
        recorder.keep(found);
        reason = found.reason;
    }
    if (!reason.empty()) messages.detail("what holds the memory is not known: " + reason);
}

int record_command(const Options& chosen, Messages& messages, const Interruption& interruption) {
    heap::RecordOptions options = record_options(chosen, interruption.stop);
    options.command.arguments = chosen.command;
    options.keep_raw = chosen.keep_raw;
    options.with = chosen.tracker;
    options.children = chosen.children;

    const std::optional<clock::ServiceClock> clock = set_clock(chosen, options.command);
    const std::string program = options.command.text();
    leave_programs_running();  // and the collecting process finishes the recording
    heap::Recorder recorder = heap::Recorder::start(std::move(options));
    for (const std::string& warning : recorder.warnings()) messages.warn(warning);
    Child& child = recorder.child();
    const bool with_agent = recorder.tracker() == heap::RecordWith::agent;
    messages.detail(
        fmt::format("{} runs as pid {}, under {}", program, child.pid(), with_agent ? "leakline's agent" : heap::find_tracker().library));
    ExitStatus status;
    AllocatorReader allocator(recorder);
    const Nanoseconds loaded_by = system_clock().monotonic() + kLoading;
    bool clock_known = !clock;
    for (;;) {
        const Nanoseconds wait = allocator.read();
        recorder.look_for_children();
        if (const int pid = recorder.pid(); !clock_known && pid > 0 && system_clock().monotonic() >= loaded_by) {
            clock::require_scaled_clock(pid);
            clock_known = true;
        }
        if (interruption.requested()) {
            if (with_agent) keep_holders(recorder, messages);
            status = end_program(child, interruption.signal(), chosen.grace, messages);
            break;
        }
        if (const auto ended = child.wait_for(wait, interruption.stop)) {
            status = *ended;
            break;
        }
    }
    report(recorder, recorder.finish(), chosen.output, "the program ended with " + status.text(), messages);
    return status.shell_code();
}

// Until the time is over, a signal comes, or the process ends.
int record_process(const Options& chosen, Messages& messages, const Interruption& interruption) {
    heap::RecordOptions options = record_options(chosen, interruption.stop);
    options.attach_to = chosen.pid;
    options.descendants = heap::Descendants::recorded;
    options.children = chosen.children;
    heap::Recorder recorder = heap::Recorder::start(std::move(options));
    for (const std::string& warning : recorder.warnings()) messages.warn(warning);
    const std::vector<int> pids = recorder.attached_to();  // without those that have ended meanwhile
    const auto children = static_cast<std::size_t>(std::count_if(pids.begin(), pids.end(), [&](int pid) { return pid != chosen.pid; }));
    messages.note(fmt::format(
        "attached to process {}{} (one of its threads stood still for {}); {}", chosen.pid,
        children > 0 ? fmt::format(" and {} that it started", counted(children, "process")) : "", format_duration(recorder.stopped()),
        chosen.duration ? fmt::format("recording for {}", format_duration(*chosen.duration)) : std::string("recording until Ctrl-C")));
    AllocatorReader allocator(recorder);
    const Nanoseconds start = system_clock().monotonic();
    const char* how = "the process goes on without the agent";
    for (;;) {
        const Nanoseconds wait = allocator.read(), gone = system_clock().monotonic() - start;
        if (recorder.pid() == 0) {
            how = "the process has ended, or the agent has left it";
            break;
        }
        if (interruption.requested() || (chosen.duration && gone >= *chosen.duration)) break;
        messages.progress("record", fmt::format("process {}, {}", chosen.pid, format_duration(gone)),
                          chosen.duration ? std::optional(to_seconds(gone) / to_seconds(*chosen.duration)) : std::nullopt);
        sleep_for(interruption.stop, chosen.duration ? std::min(wait, *chosen.duration - gone) : wait);
    }
    if (recorder.running()) keep_holders(recorder, messages);
    report(recorder, recorder.finish(), chosen.output, how, messages);
    return kNoLeak;
}

int record(const Options& chosen, Messages& messages, const Interruption& interruption) {
    messages.open();
    const auto refuse = [](std::string option, std::string why) {
        throw Error(ErrorKind::usage, std::move(option), std::move(why), "leakline record --help");
    };
    constexpr const char* kForms = "leakline record --pid 1234, or leakline record -o run.leak -- CMD ARG...";
    if (chosen.pid == 0 && chosen.command.empty()) throw Error(ErrorKind::usage, "leakline record", "nothing to record", kForms);
    if (chosen.pid == 0) {
        if (chosen.duration) refuse("--for", "requires --pid: a program is recorded until it ends");
        return record_command(chosen, messages, interruption);
    }
    if (!chosen.command.empty()) throw Error(ErrorKind::usage, "leakline record", "both a process and a program to start", kForms);
    if (chosen.tracker == heap::RecordWith::heaptrack) refuse("--tracker", "heaptrack cannot be combined with --pid");
    if (!chosen.keep_raw.empty()) refuse("--keep-raw", "cannot be combined with --pid: only heaptrack's tracker writes a raw stream");
    if (const auto clock = chosen.clock.options_without_log(); clock && clock->changes_time())
        refuse("--time-scale", "cannot be combined with --pid: the process has its clock already");
    return record_process(chosen, messages, interruption);
}

}  // namespace

Run declare_record(CLI::App& app) {
    auto options = std::make_shared<Options>();
    auto messages = std::make_shared<Messages>(app);
    app.add_option("-o,--output", options->output, "Recording to write")->capture_default_str()->type_name("FILE");
    add_tracker_options(app, options->tracker, options->sample_interval, options->children);
    add_process_option(app, options->pid,
                       "Attach to this process and its children, without a restart, and record what they allocate from now on");
    add_duration(app, "--for", options->duration, "With --pid: end after this time, such as 10m (default: at Ctrl-C)");
    app.add_option("--keep-raw", options->keep_raw, "Also write the raw stream, zstd-compressed, for heaptrack's tools")->type_name("FILE");
    add_duration(app, "--interval", options->interval, "Time between measurements; doubles when --max-marks is reached");
    app.add_option("--max-marks", options->max_marks, "Maximum number of measurements, 2 to 100000")
        ->type_name("N")
        ->check(between(2, 100000))
        ->capture_default_str();
    add_duration(app, "--grace", options->grace, "Time from SIGTERM to SIGKILL");
    add_time_scale(app, options->clock);
    add_clock_options(app, options->clock);
    app.add_option("command", options->command, "Program to run and its arguments, after --")->type_name("CMD ARG...");
    return [=](const Interruption& interruption) { return record(*options, *messages, interruption); };
}

}  // namespace leakline::cli
