#include "heap/recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>

#include "agent/segment.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/internal/agent_files.hpp"
#include "heap/internal/allocator_library.hpp"
#include "heap/internal/attach.hpp"
#include "heap/internal/collector.hpp"
#include "heap/internal/control_message.hpp"
#include "heap/internal/forked_children.hpp"
#include "heap/internal/passed_over.hpp"
#include "heap/internal/python_search.hpp"
#include "heap/internal/recording_follower.hpp"
#include "heap/internal/unwinder.hpp"
#include "heap/preflight.hpp"
#include "heap/profile_reader.hpp"
#include "heap/python_holders.hpp"
#include "heap/tracker.hpp"
#include "system/clock.hpp"
#include "system/descriptor.hpp"
#include "system/executables.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"
#include "unwind/follow_block.hpp"

namespace leakline::heap {

namespace {

constexpr int kPipeSize = 1 << 20;
// How well the tracker's clock is known from outside (see MarkClock), and how long a tick may be in coming:
// nominally 10 ms, 14-26 ms at the 99th percentile, more where the machine is busy.
constexpr Nanoseconds kClockMargin = std::chrono::milliseconds(20);
constexpr Nanoseconds kShortestGap = std::chrono::milliseconds(30), kLongestGap = std::chrono::milliseconds(300);

// Code that runs within the program must be ruled out as the cause of its crash.
bool is_crash(int signal) { return signal == SIGSEGV || signal == SIGBUS; }
constexpr const char* kWithoutUnwinder =
    "to rule out that leakline's unwinder is the cause, record it again with LEAKLINE_UNWINDER=libunwind in the environment";

#if defined(__aarch64__)
constexpr const char* kByFrameRecords =
    "on AArch64 callers are found by frame pointers: behind code that was built with -fomit-frame-pointer they are missing";
#endif

constexpr const char* kNoInterpreter = "heaptrack_interpret is missing: no names and no lines";

// A file that is opened early and filled later: it keeps its content until the first data arrives.
class DeferredFile {
  public:
    DeferredFile() = default;
    explicit DeferredFile(const std::string& path) : path_(path) {
        struct stat status {};
        existed_ = ::stat(path.c_str(), &status) == 0;
        descriptor_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
        if (descriptor_.get() < 0) throw os_error(ErrorKind::input, path, "cannot write the recording", errno);
    }
    // Files that are read again after writing. A pipe would wait for ever.
    void require_file() const {
        struct stat status {};
        if (path_ != "-" && ::fstat(get(), &status) == 0 && !S_ISFIFO(status.st_mode) && ::isatty(get()) == 0) return;
        if (path_ == "-" && !existed_) ::unlink(path_.c_str());
        throw Error(ErrorKind::usage, path_, "the recording cannot go to a pipe or a terminal: it is read again at the end",
                    "write it to a file, and give that to leakline lines");
    }
    int get() const { return descriptor_.get(); }
    bool is_same_as(const DeferredFile& other) const {
        struct stat one {
        }, two{};
        return ::fstat(get(), &one) == 0 && ::fstat(other.get(), &two) == 0 && S_ISREG(one.st_mode) && one.st_dev == two.st_dev &&
               one.st_ino == two.st_ino;
    }
    // Removes the empty file if there was none before.
    void discard() {
        struct stat status {};
        if (!path_.empty() && !existed_ && ::fstat(descriptor_.get(), &status) == 0 && status.st_size == 0) ::unlink(path_.c_str());
    }

  private:
    std::string path_;
    bool existed_ = false;
    Descriptor descriptor_;
};

// Keeps agents going while others are attached, which may take seconds: each leaves its process 5 s after the last beat.
class AttachBeats {
  public:
    void add(AttachedSegment& segment) {
        const std::lock_guard lock(mutex_);
        segments_.push_back(&segment);
    }

  private:
    void run(const std::stop_token& stop) {
        do {
            const std::lock_guard lock(mutex_);
            for (AttachedSegment* segment : segments_) segment->beat();
        } while (sleep_for(stop, std::chrono::milliseconds(500)));
    }

    std::mutex mutex_;
    std::vector<AttachedSegment*> segments_;  // guarded by mutex_; of the caller, who must not use them meanwhile
    std::jthread thread_{[this](const std::stop_token& stop) { run(stop); }};
};

// For agent::kAgentVariable. A sample costs as much as a few blocks of work: one in a hundred of them is about 1 % of the CPU time.
std::string sampling_of(const RecordOptions& options) {
    constexpr int kFirstInterval = 2, kBlocks = 100;
    return options.sample_interval ? fmt::format("{}", *options.sample_interval) : fmt::format("{}/{}", kFirstInterval, kBlocks);
}

}  // namespace

struct Recorder::State {
    RecordOptions options;
    std::string program;
    std::vector<std::string> warnings;
    DeferredFile output, raw_output;
    Descriptor memory, control, holders;
    pid_t collector = -1;
    std::optional<AgentFiles> agent;
    std::vector<HolderSearch> searched;  // in processes that were asked for their holders
    struct AttachedProcess {
        int pid = 0;
        Attached attached;
    };
    std::vector<AttachedProcess> attached;  // the first: options.attach_to
    std::optional<RecordingFollower> follower;
    std::optional<Child> child;
    std::optional<ForkedChildren> children;
    int children_of = 0;  // the recorded process: behind a wrapper another one may take its place
    PassedOver passed_over;
    Nanoseconds next_look{};
    bool own_unwinder = false;                // ours is loaded into the program
    Descriptor follow_library, follow_block;  // where programs behind a wrapper are followed
    unwind::FollowBlock* followed = nullptr;  // follow_block, mapped
    std::string interpreter;                  // heaptrack's, which names addresses

    ~State() {
        if (collector <= 0)  // no collector that would do it
            for (const AttachedProcess& process : attached) process.attached.segment->ask_to_leave();
        child.reset();
        control.close();
        reap_collector();
        output.discard();
        raw_output.discard();
        if (followed != nullptr) ::munmap(followed, sizeof *followed);
    }
    // It ends after the service has ended and the control socket is closed.
    // Of the program that is followed, what can be known before it runs.
    void follow(const std::string& executable, Preflight& preflight, bool with_agent);
    void fill_block(const std::string& preload, const std::string& stream);
    void reap_collector() {
        if (collector <= 0) return;
        while (::waitpid(collector, nullptr, 0) < 0 && errno == EINTR) {
        }
        remove_helper(collector);
        collector = -1;
    }
    Descriptor open_control() {
        int sockets[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
            throw os_error(ErrorKind::system, "record", "cannot create a socket pair", errno);
        control = Descriptor(sockets[0]);
        return Descriptor(sockets[1]);
    }
    int recording() const { return options.output.empty() ? memory.get() : output.get(); }

    bool send(const control::Message& message) {
        return ::send(control.get(), &message, sizeof message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof message);
    }
    // Nothing if the collector has ended.
    template <class Request>
    std::optional<typename Request::Answer> ask(const Request& request) {
        if (!send(request)) return std::nullopt;
        typename Request::Answer answer;
        ssize_t count;
        do count = ::recv(control.get(), &answer, sizeof answer, 0);
        while (count < 0 && errno == EINTR);
        return count == static_cast<ssize_t>(sizeof answer) ? std::optional(answer) : std::nullopt;
    }
    // The path of the collector's descriptor that the service opens.
    struct Paths {
        std::string stream, guard, unwinder, follow, block;  // those that there are
    };
    Paths start_collector(const Tracker& tracker, Operators operators);
    void start_with_tracker(const std::string& allocator, const std::string& preloaded, Command& command);
    void start_with_agent(const std::string& allocator, const std::string& preloaded, Command& command);
    void open_output();
    void attach();
    CollectorOptions collector_options(int other_end) const;
    void fork_collector(const CollectorOptions& collect);
    [[noreturn]] void explain_nothing(control::Outcome outcome, const std::string& text) const;
};

void Recorder::State::follow(const std::string& executable, Preflight& preflight, bool with_agent) {
    follow_library = with_agent ? Descriptor() : open_follow();
    if (!with_agent && follow_library.get() < 0)
        throw NotRecordable(ErrorKind::input, program, "it starts another program, which cannot be followed on this machine",
                            "give the program itself: leakline ... -- PROGRAM ARG...");
    if (!executable.empty()) {
        const std::string wrapper = preflight.path;
        preflight = check_program({executable});
        preflight.path = wrapper;
    }
    if (with_agent) return;  // it is loaded into every process
    follow_block = Descriptor(::memfd_create("leakline-follow-block", MFD_CLOEXEC));
    if (follow_block.get() < 0) throw os_error(ErrorKind::system, "record", "cannot create a file in memory", errno);
}

void Recorder::State::fill_block(const std::string& preload, const std::string& stream) {
    unwind::FollowBlock block;
    const auto copy = [](auto& to, const std::string& from) {
        if (from.size() >= sizeof to) throw Error(ErrorKind::input, "record", "a path is too long: " + from);
        std::memcpy(to, from.c_str(), from.size() + 1);
    };
    copy(block.program, *options.follow);
    copy(block.preload, preload);
    copy(block.stream, stream);
    if (::write(follow_block.get(), &block, sizeof block) != static_cast<ssize_t>(sizeof block))
        throw os_error(ErrorKind::system, "record", "cannot write to a file in memory", errno);
    void* const at = ::mmap(nullptr, sizeof block, PROT_READ | PROT_WRITE, MAP_SHARED, follow_block.get(), 0);
    if (at != MAP_FAILED) followed = static_cast<unwind::FollowBlock*>(at);
}

CollectorOptions Recorder::State::collector_options(int other_end) const {
    CollectorOptions collect;
    collect.record = options;
    collect.control = other_end;
    collect.follow = options.follow.has_value();
    collect.output = recording();
    collect.raw_output = raw_output.get();
    collect.started_wall = system_clock().wall().count();
    collect.interpreter = interpreter;
    collect.holders = holders.get();
    std::error_code ignored;
    collect.executable = std::filesystem::canonical(program, ignored).string();
    return collect;
}

void Recorder::State::fork_collector(const CollectorOptions& collect) {
    collector = ::fork();
    if (collector == 0) {
        if (collect.segments.empty() && collect.attached.empty()) run_collector(collect);
        run_agent_collector(collect);
    }
    if (collector < 0) throw os_error(ErrorKind::system, "record", "cannot start a process", errno);
    add_helper(collector);
}

Recorder::State::Paths Recorder::State::start_collector(const Tracker& tracker, Operators operators) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) throw os_error(ErrorKind::system, "record", "cannot create a pipe", errno);
    const Descriptor read_end(pipe[0]), write_end(pipe[1]);
    ::fcntl(read_end.get(), F_SETPIPE_SZ, kPipeSize);  // best effort: a larger pipe for bursts
    const Descriptor other_end = open_control();
    const Descriptor guard = open_stream_guard(), unwinder = open_unwinder(operators);

    CollectorOptions collect = collector_options(other_end.get());
    collect.stream = read_end.get();
    collect.write_end = write_end.get();
    collect.libraries = {guard.get(), unwinder.get(), follow_library.get(), follow_block.get()};
    interpreter = collect.interpreter = tracker.interpreter;
    fork_collector(collect);
    const auto path = [&](const Descriptor& file) {
        return file.get() >= 0 ? fmt::format("/proc/{}/fd/{}", collector, file.get()) : std::string();
    };
    return {path(write_end), path(guard), path(unwinder), path(follow_library), path(follow_block)};
}

void Recorder::State::start_with_tracker(const std::string& allocator, const std::string& preloaded, Command& command) {
    const Tracker tracker = find_tracker();
    const Paths paths = start_collector(tracker, allocator.empty() ? Operators::none : Operators::malloc);
    own_unwinder = !paths.unwinder.empty();
    if (!allocator.empty() && !own_unwinder)
        warnings.push_back(fmt::format("{} has its own operator new: allocations of C++ are not recorded", allocator));
    // Ours before the tracker, so that it finds their functions first.
    std::string preload;
    for (const std::string_view library :
         {std::string_view(paths.guard), std::string_view(paths.unwinder), std::string_view(tracker.library), std::string_view(preloaded)})
        if (!library.empty()) preload.append(preload.empty() ? "" : ":").append(library);
    if (options.follow) {
        fill_block(preload, paths.stream);
        command.environment.emplace_back("LD_PRELOAD", paths.follow + (preloaded.empty() ? "" : ":" + preloaded));
        command.environment.emplace_back(unwind::kFollowVariable, paths.block);
    } else {
        command.environment.emplace_back("LD_PRELOAD", preload);
        command.environment.emplace_back("DUMP_HEAPTRACK_OUTPUT", paths.stream);
    }
}

void Recorder::State::start_with_agent(const std::string& allocator, const std::string& preloaded, Command& command) {
    agent = AgentFiles::make(allocator.empty() ? Operators::none : Operators::malloc);
    const Descriptor other_end = open_control();
    CollectorOptions collect = collector_options(other_end.get());
    collect.libraries[0] = agent->memory();
    collect.segments = agent->directory();
    fork_collector(collect);
    agent->leave_to_collector();
    command.environment.emplace_back("LD_PRELOAD", agent->library(collector) + (preloaded.empty() ? "" : ":" + preloaded));
    command.environment.emplace_back(agent::kAgentVariable, fmt::format("{}:{}", sampling_of(options), agent->directory()));
}

void Recorder::State::open_output() {
    holders = Descriptor(::memfd_create("leakline-holders", MFD_CLOEXEC));
    if (!options.output.empty()) {
        output = DeferredFile(options.output);
        output.require_file();
    } else
        memory = Descriptor(::memfd_create("leakline-recording", MFD_CLOEXEC));
}

void Recorder::State::attach() {
    interpreter = find_interpreter();
    if (interpreter.empty()) warnings.emplace_back(kNoInterpreter);
    program = executable_of(options.attach_to);
    open_output();
    const Bytes interval = options.sample_interval.value_or(kSampleInterval);
    std::optional<AttachBeats> beats(std::in_place);
    attached.push_back({options.attach_to, attach_agent(options.attach_to, interval, options.stop)});
    beats->add(*attached.back().attached.segment);
    for (const int pid : options.attach_also) {
        try {
            attached.push_back({pid, attach_agent(pid, interval, options.stop)});
            beats->add(*attached.back().attached.segment);
        } catch (const Error& reason) {
            if (options.stop.stop_requested()) throw;
            if (!read_stat(pid)) continue;
            warnings.push_back(
                fmt::format("process {} ({}) is not recorded: it {}", pid, printable(file_name(executable_of(pid))), reason.message()));
        }
    }
    for (const AttachedProcess& process : attached) {
        const std::string allocator = operators_of_running(process.pid);
        if (allocator.empty()) continue;
        warnings.push_back(fmt::format(
            "process {}: {} defines operator new itself, which an attached agent does not see: only allocations by malloc are recorded; "
            "leakline record --tracker agent -- CMD records both",
            process.pid, file_name(allocator)));
    }
    beats.reset();  // its thread must not be in the process that is forked
    const Descriptor other_end = open_control();
    CollectorOptions collect = collector_options(other_end.get());
    for (const AttachedProcess& process : attached) collect.attached.push_back({process.pid, process.attached.segment->file()});
    collect.executable = program;
    fork_collector(collect);
}

double agent_cpu_s(const HeapProfile& profile) {
    // Of the prototype, rounded up (scripts/bench.sh agent measures them): of a pair of malloc and free, of a sample, and of a recorded block where all are.
    constexpr double kPair_s = 3e-9, kSample_s = 6e-7, kBlock_s = 2.5e-7;
    const double pairs = static_cast<double>(profile.events) / 2;
    return profile.sampling ? pairs * kPair_s + static_cast<double>(profile.sampling->samples) * kSample_s : pairs * kBlock_s;
}

Recorder::Recorder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Recorder::~Recorder() = default;
Recorder::Recorder(Recorder&&) noexcept = default;
Recorder& Recorder::operator=(Recorder&&) noexcept = default;

RecordWith default_tracker() { return agent_available() ? RecordWith::agent : RecordWith::heaptrack; }

Recorder Recorder::start(RecordOptions options) {
    auto state = std::make_unique<State>();
    if (options.sample_interval && (*options.sample_interval == 0 || *options.sample_interval > agent::SamplingState::kLargestInterval))
        throw Error(ErrorKind::usage, "--sample-interval", "must be between 1 byte and 512 GiB");
    if (options.attach_to > 0) {
        options.with = RecordWith::agent;
        state->options = std::move(options);
        state->attach();
        return Recorder(std::move(state));
    }
    if (options.command.arguments.empty()) throw Error(ErrorKind::usage, "", "no command to run", "leakline ... -- CMD ARG...");
    Preflight preflight;
    if (options.follow)
        preflight.path = require_executable(options.command.arguments[0]);
    else
        preflight = check_program(options.command.arguments);
    if (!options.with) options.with = options.keep_raw.empty() ? default_tracker() : RecordWith::heaptrack;
    const bool with_agent = options.with == RecordWith::agent;
    if (preflight.python && !options.sample_interval) options.sample_interval = kSampleInterval;
    if (with_agent && !options.keep_raw.empty())
        throw Error(ErrorKind::usage, options.keep_raw, "only heaptrack's tracker writes a raw stream", "record with --tracker heaptrack");
    if (!with_agent && options.children == Children::each)
        throw Error(ErrorKind::usage, "--children each", "heaptrack's tracker records one process only", "add --tracker agent");
    state->interpreter = with_agent ? find_interpreter() : find_tracker().interpreter;
    if (preflight.wrapper && !options.follow) options.follow.emplace();
    state->program = preflight.path;
    if (options.follow) state->follow(*options.follow, preflight, with_agent);
    state->warnings = std::move(preflight.warnings);
    if (state->interpreter.empty()) state->warnings.emplace_back(kNoInterpreter);
#if defined(__aarch64__)
    if (with_agent) state->warnings.emplace_back(kByFrameRecords);
#endif
    state->options = std::move(options);
    state->open_output();
    if (!state->options.keep_raw.empty()) state->raw_output = DeferredFile(state->options.keep_raw);
    if (state->raw_output.is_same_as(state->output))
        throw Error(ErrorKind::usage, state->options.keep_raw, "is given for both the recording and the raw stream",
                    "give each a file of its own");

    const std::string recorded = state->options.follow ? *state->options.follow : preflight.path;
    const std::string allocator = recorded.empty() ? std::string() : operators_of_allocator(recorded, state->options.command);
    Command command = state->options.command;
    std::string preloaded(environment_variable("LD_PRELOAD"));
    for (const auto& [name, value] : command.environment)
        if (name == "LD_PRELOAD") preloaded = value;
    std::erase_if(command.environment, [](const auto& variable) { return variable.first == "LD_PRELOAD"; });
    if (with_agent)
        state->start_with_agent(allocator, preloaded, command);
    else
        state->start_with_tracker(allocator, preloaded, command);
    // The service says itself which process it is. When we are killed before we have said so, the collecting process would take the
    // service for one that never started, and end.
    command.before_exec = [also = command.before_exec, socket = state->control.get()] {
        ::signal(SIGPIPE, SIG_IGN);
        const control::Message forked = control::Forked{::getpid()};
        ::send(socket, &forked, sizeof forked, MSG_NOSIGNAL);
        return !also || also();
    };
    state->child = Child::start(command);
    if (!state->ask(control::Started{state->child->pid()}))
        throw Error(ErrorKind::system, "record", "the collecting process ended at once", "is there enough free memory?");
    return Recorder(std::move(state));
}

Child& Recorder::child() { return *state_->child; }

bool Recorder::running() { return state_->child ? state_->child->running() : pid() != 0; }

std::vector<int> Recorder::attached_to() const {
    std::vector<int> pids;
    for (const auto& process : state_->attached) pids.push_back(process.pid);
    return pids;
}

Nanoseconds Recorder::stopped() const {
    Nanoseconds longest{};
    for (const auto& process : state_->attached) longest = std::max(longest, process.attached.stopped);
    return longest;
}

RecordWith Recorder::tracker() const { return *state_->options.with; }

int Recorder::pid() {
    const auto answer = state_->ask(control::WhichProcess{});
    return answer ? answer->recorded : 0;
}

const std::vector<std::string>& Recorder::warnings() const { return state_->warnings; }

void Recorder::mark(HeapMark::Kind kind, const std::string& label, std::optional<std::uint64_t> requests) {
    Clock& clock = system_clock();
    const Nanoseconds now = clock.monotonic();
    if (state_->followed != nullptr) state_->followed->settled = true;
    const auto answer = state_->ask(control::Mark{kind, requests, now + kClockMargin, control::Text(label)});
    if (!answer || answer->set) return;  // finish() reports a collector that has ended
    const Nanoseconds gap = answer->tick_gap * 3 / 2;
    const Nanoseconds until = now + kClockMargin + std::clamp(gap, kShortestGap, kLongestGap);
    sleep_until(state_->options.stop, until);
}

void Recorder::allocator(Bytes in_use, Bytes retained) { state_->send(control::Allocator{in_use, retained}); }

std::map<int, Bytes> Recorder::own_memory() const {
    if (state_->agent) return segment_memory(state_->agent->directory());
    std::map<int, Bytes> memory;
    for (const auto& process : state_->attached) memory[process.pid] = process.attached.segment->memory();
    return memory;
}

bool Recorder::search_python_holders(Nanoseconds since) {
    std::vector<HolderSearch>& searched = state_->searched;
    searched.clear();
    if (state_->agent)
        for (const SegmentName& name : list_segments(state_->agent->directory())) {
            const std::string path = state_->agent->directory() + "/" + name.file;
            searched.emplace_back(Descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)), name.pid);
        }
    for (const auto& process : state_->attached)
        searched.emplace_back(Descriptor(::fcntl(process.attached.segment->file(), F_DUPFD_CLOEXEC, 0)), process.pid);
    std::erase_if(searched, [&](HolderSearch& search) { return !search.ask(since); });
    return !searched.empty();
}

PythonHolders Recorder::python_holders(Nanoseconds patience) {
    PythonHolders found;
    const Nanoseconds end = system_clock().monotonic() + patience;
    for (HolderSearch& search : state_->searched) search.read(std::max(end - system_clock().monotonic(), Nanoseconds::zero()), found);
    state_->searched.clear();
    return found;
}

void Recorder::keep(const PythonHolders& found) { write_all(state_->holders.get(), answer_of(found)); }

std::optional<HolderReport> Recorder::python_holder_report(Nanoseconds since) {
    const auto& process = state_->attached.at(0);
    HolderSearch search(Descriptor(::fcntl(process.attached.segment->file(), F_DUPFD_CLOEXEC, 0)), process.pid);
    return search.is_of_python() ? std::optional(search.report(since)) : std::nullopt;
}

void Recorder::look_for_children() {
    constexpr Nanoseconds kGap = std::chrono::seconds(1);
    const Nanoseconds now = system_clock().monotonic();
    if (state_->agent || !state_->attached.empty() || now < state_->next_look) return;  // the agent records them, an attached agent none
    state_->next_look = now + kGap;
    const int recorded = pid();
    if (recorded == 0) return;
    if (!state_->children || state_->children_of != recorded) state_->children.emplace(recorded);
    state_->children_of = recorded;
    state_->children->look();
    if (state_->followed != nullptr) state_->passed_over.look(*state_->followed, recorded);
}

const HeapProfile& Recorder::so_far() {
    if (!state_->follower) state_->follower.emplace(state_->recording(), state_->interpreter);
    return state_->follower->read();
}

bool Recorder::settle(Nanoseconds timeout) {
    Clock& clock = system_clock();
    const Nanoseconds deadline = clock.monotonic() + timeout;
    for (;;) {
        const auto answer = state_->ask(control::MarksLeft{});
        if (!answer) return false;
        if (answer->marks == 0) return true;
        const Nanoseconds now = clock.monotonic();
        if (now >= deadline || !sleep_until(state_->options.stop, std::min(deadline, now + std::chrono::milliseconds(20)))) return false;
    }
}

void Recorder::State::explain_nothing(control::Outcome outcome, const std::string& text) const {
    using enum control::Outcome;
    switch (outcome) {
        case replaced:
            if (std::error_code ignored; std::filesystem::canonical(program, ignored) == text)
                throw Error(ErrorKind::system, program, "restarted itself (exec), and the tracker stops recording there",
                            "prevent that (often by an option, or an environment variable that it sets itself)");
            throw Error(ErrorKind::system, program,
                        fmt::format("replaced itself with {} (exec), and the tracker records only the first program", text),
                        fmt::format("record that program itself: leakline ... -- {} ARG...", text));
        case daemon:
            throw Error(ErrorKind::system, program,
                        "went into the background (it ended at once and left a child), and the tracker does not follow forks",
                        "keep it in the foreground (often an option such as --foreground or -f)");
        case stream_closed:
            throw Error(
                ErrorKind::system, program,
                fmt::format("closed the descriptor that heaptrack's tracker writes to, {} after its first report, and went on without it",
                            text),
                "prevent it from closing descriptors that it did not open (often part of going into the background)");
        case failed: throw Error(ErrorKind::system, program, "the tracker's stream cannot be read: " + text);
        case write_failed:
            throw Error(ErrorKind::system, options.output.empty() ? "record" : options.output,
                        "the recording could not be written: " + text, "free some space, or write elsewhere with -o");
        case raw_write_failed:
            throw Error(ErrorKind::system, options.keep_raw, "the raw stream could not be written: " + text,
                        "free some space, or write elsewhere with --keep-raw; the recording itself is complete");
        default: break;
    }
    if (!attached.empty())
        throw Error(ErrorKind::system, fmt::format("process {}", options.attach_to), "nothing was recorded: it ended at once");
    const auto status = child ? child->status() : std::nullopt;
    if (options.follow)
        throw NotRecordable(ErrorKind::system, program,
                            options.follow->empty() ? "none of the programs that it started could be recorded"
                                                    : fmt::format("{}, which it started, could not be recorded", *options.follow),
                            "give the program itself: leakline ... -- PROGRAM ARG...");
    if (status && status->signal != 0)
        throw Error(
            ErrorKind::system, program,
            fmt::format("nothing was recorded: it was ended by {} before the tracker had written its first 4 KiB", status->text()),
            is_crash(status->signal) && own_unwinder ? kWithoutUnwinder : "let it run longer, or stop it with a signal that it handles");
    throw Error(ErrorKind::system, program,
                fmt::format("nothing was recorded: {}{}", agent ? "the agent was not loaded" : "heaptrack's tracker sent nothing",
                            status ? fmt::format(" ({})", status->text()) : std::string()),
                "it may unset LD_PRELOAD, have its own malloc, or run in another container; if the program fails "
                "immediately, run it without leakline first");
}

HeapProfile Recorder::finish() {
    State& state = *state_;
    for (const std::string& text : {state.children ? state.children->warning() : std::string(), state.passed_over.warning()})
        if (!text.empty()) state.send(control::Warning{control::Text(text)});
    const auto status = state.child ? state.child->status() : std::nullopt;
    const auto answer = state.ask(control::Finish{status && status->signal != 0});
    if (answer && answer->outcome != control::Outcome::recorded) state.explain_nothing(answer->outcome, answer->text.bytes);
    HeapProfile profile = read_profile(fmt::format("/proc/self/fd/{}", state.recording()));
    if (status && is_crash(status->signal) && state.own_unwinder)
        profile.warnings.push_back(fmt::format("it was ended by {}; {}", status->text(), kWithoutUnwinder));
    if (!answer) profile.warnings.emplace_back("the collecting process was killed: the recording ends there");
    profile.warnings.insert(profile.warnings.begin(), state.warnings.begin(), state.warnings.end());
    return profile;
}

}  // namespace leakline::heap
