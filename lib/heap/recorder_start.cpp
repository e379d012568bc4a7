#include "heap/internal/recorder_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/segment.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/internal/allocator_library.hpp"
#include "heap/preflight.hpp"
#include "system/clock.hpp"
#include "system/descendants.hpp"
#include "system/executables.hpp"
#include "system/proc_file.hpp"

namespace leakline::heap {

namespace {

constexpr int kPipeSize = 1 << 20;

#if defined(__aarch64__)
constexpr const char* kByFrameRecords =
    "on AArch64 callers are found by frame pointers: behind code that was built with -fomit-frame-pointer they are missing";
#endif

constexpr const char* kNoInterpreter = "heaptrack_interpret is missing: no names and no lines";

// For agent::kAgentVariable. A sample costs as much as a few blocks of work: one in a hundred of them is about 1 % of the CPU time.
std::string sampling_of(const RecordOptions& options) {
    constexpr int kFirstInterval = 2, kBlocks = 100;
    return options.sample_interval ? fmt::format("{}", *options.sample_interval) : fmt::format("{}/{}", kFirstInterval, kBlocks);
}

}  // namespace

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

void Recorder::State::attach_descendants(Bytes interval, AttachBeats& beats) {
    for (const int pid : descendants_of(options.attach_to)) {
        try {
            attached.push_back({pid, attach_agent(pid, interval, options.stop)});
            beats.add(*attached.back().attached.segment);
        } catch (const Error& reason) {
            if (options.stop.stop_requested()) throw;
            const auto stat = read_stat(pid);
            if (!stat) continue;
            refused.push_back({pid, stat->stack_start});  // of the program that was refused, which may have begun meanwhile (exec)
            warnings.push_back(
                fmt::format("process {} ({}) is not recorded: it {}", pid, printable(file_name(executable_of(pid))), reason.message()));
        }
    }
}

void Recorder::State::attach() {
    interpreter = find_interpreter();
    if (interpreter.empty()) warnings.emplace_back(kNoInterpreter);
    open_output();
    const Bytes interval = options.sample_interval.value_or(kSampleInterval);
    std::optional<AttachBeats> beats(std::in_place);
    attached.push_back({options.attach_to, attach_agent(options.attach_to, interval, options.stop)});
    program = executable_of(options.attach_to);  // not before: it may have called exec just then
    beats->add(*attached.back().attached.segment);
    if (options.descendants == Descendants::recorded) attach_descendants(interval, *beats);
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
    list.emplace();
    for (const AttachedProcess& process : attached) {
        const AttachedSegment& segment = *process.attached.segment;
        list->add({process.pid, segment.file(), segment.memory()});
        collect.attached.push_back({process.pid, segment.file()});
    }
    collect.list = &*list;
    collect.refused = refused;
    collect.executable = program;
    fork_collector(collect);
}

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
    if (!with_agent) std::move(preflight.tracker_warnings.begin(), preflight.tracker_warnings.end(), std::back_inserter(state->warnings));
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

}  // namespace leakline::heap
