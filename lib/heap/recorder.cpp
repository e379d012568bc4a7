#include "heap/recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/internal/recorder_state.hpp"
#include "heap/profile_reader.hpp"
#include "heap/python_holders.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/proc_file.hpp"

namespace leakline::heap {

namespace {

// How well the tracker's clock is known from outside (see MarkClock), and how long a tick may be in coming:
// nominally 10 ms, 14-26 ms at the 99th percentile, more where the machine is busy.
constexpr Nanoseconds kClockMargin = std::chrono::milliseconds(20);
constexpr Nanoseconds kShortestGap = std::chrono::milliseconds(30), kLongestGap = std::chrono::milliseconds(300);

// Code that runs within the program must be ruled out as the cause of its crash.
bool is_crash(int signal) { return signal == SIGSEGV || signal == SIGBUS; }
constexpr const char* kWithoutUnwinder =
    "to rule out that leakline's unwinder is the cause, record it again with LEAKLINE_UNWINDER=libunwind in the environment";

}  // namespace

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

Child& Recorder::child() { return *state_->child; }

bool Recorder::running() { return state_->child ? state_->child->running() : pid() != 0; }

std::vector<int> Recorder::attached_to() const {
    std::vector<int> pids;
    if (state_->list)
        for (const AttachedList::Process& process : state_->list->read()) pids.push_back(process.pid);
    return pids;
}

std::size_t Recorder::not_attached_to() const { return state_->list ? state_->list->unrecorded() : 0; }

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
    if (state_->list)
        for (const AttachedList::Process& process : state_->list->read()) memory[process.pid] = process.memory;
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
    if (state_->list)
        for (const AttachedList::Process& process : state_->list->read()) {
            const std::string path = fmt::format("/proc/{}/fd/{}", state_->collector, process.segment);
            searched.emplace_back(Descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC)), process.pid);
        }
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
    const int recorded = pid();
    if (recorded == 0) return;  // not known yet: it may be a helper that ends within a second
    state_->next_look = now + kGap;
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
    std::erase_if(profile.warnings, [&](const std::string& text) {  // known from the program's file, and seen again in its process
        return std::find(state.warnings.begin(), state.warnings.end(), text) != state.warnings.end();
    });
    profile.warnings.insert(profile.warnings.begin(), state.warnings.begin(), state.warnings.end());
    return profile;
}

}  // namespace leakline::heap
