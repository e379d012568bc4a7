#include "diagnose/internal/run_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/quantities.hpp"
#include "memory/cgroup.hpp"
#include "memory/process_tree.hpp"
#include "system/child_process.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"

namespace leakline::diagnose {

void RunContext::stage(const std::string& name, double share) const {
    first_rss_ = 0;
    if (observer_.stage) observer_.stage(name, share);
}

void RunContext::detail(const std::string& text) const {
    if (observer_.detail) observer_.detail(text);
}

void RunContext::progress(double fraction, const std::string& text) const {
    if (observer_.progress) observer_.progress(fraction, text);
}

void RunContext::show_round(int round, int rounds, double round_fraction, std::uint64_t completed, Bytes rss) const {
    // What it has shown so far comes first: on a narrow terminal, the last details are left out.
    std::string text = fmt::format("round {} of {}", round, rounds);
    if (rss > 0) {
        if (first_rss_ == 0 && round > 1) first_rss_ = rss;
        text += fmt::format(", RSS {}", format_bytes(static_cast<double>(rss)));
        if (first_rss_ > 0) text += fmt::format(" ({})", format_signed_bytes(static_cast<double>(rss) - static_cast<double>(first_rss_)));
    }
    text += fmt::format(", {} requests", format_count(completed));
    if (const std::lock_guard lock(mutex_); !why_longer_.empty()) text += "; extended because " + why_longer_;
    progress((round - 1 + std::min(round_fraction, 1.0)) / rounds, text);
}

void RunContext::longer(const std::string& what, const std::string& why) {
    if (observer_.note) observer_.note(what + ": " + why);
    const std::lock_guard lock(mutex_);
    why_longer_ = why;
}

void RunContext::no_longer(const std::string& what, double seconds, const std::string& why) {
    not_longer.push_back(fmt::format("not extended: {} would take about {}, more than is left of --max-time {}; undecided because {}", what,
                                     format_duration(std::chrono::seconds(std::llround(seconds))), format_duration(options.max_time), why));
}

heap::RecordOptions recording_options(const RunContext& context, const Launch& launch) {
    heap::RecordOptions options;
    options.command = launch.command;
    options.with = context.tracker;
    options.sample_interval = context.allocation_interval;
    options.children = context.options.children;
    options.output = context.options.recording;
    options.follow = context.follow;
    options.stop = context.stop();
    return options;
}

Child RunContext::start(const Launch& launch) {
    Child child = Child::start(launch.command);
    result.target = wait_until_ready(child, launch, options.target, options.stop());
    return child;
}

void RunContext::warn_if_behind_schedule(const ReplayStats& stats, const replay::Pace& pace) {
    const Nanoseconds lag(static_cast<std::int64_t>(stats.send_lag.p99 * 1e3));
    if (pace.kind == replay::Pace::Kind::max || lag <= replay::ReplayOptions{}.max_lag) return;
    result.warnings.push_back(fmt::format(
        "requests were sent late (p99 {}): growth per request is correct, but growth per hour refers to a lower request rate than requested",
        format_duration(lag)));
}

void RunContext::service_exited(const std::string& how, const Launch& launch, const char* run, std::size_t whole_rounds) {
    result.failures.push_back(
        fmt::format("the service exited during the {}, in round {}{}{}", run, whole_rounds + 1, how.empty() ? "" : ": ", how));
    // A line of its own in every form of report, none of which has room for several in one reason.
    if (const std::vector<std::string> lines = last_lines(launch); !lines.empty())
        result.failures.push_back(fmt::format("its last output: {}", fmt::join(lines, " | ")));
}

namespace {

// Of a running service with its descendants; 0 of one that is not started yet.
Bytes resident_now(int pid) {
    if (pid == 0) return 0;
    memory::ProcessTree tree(pid, {});
    const std::vector<memory::ProcessReading>& readings = tree.read(Depth::detailed);
    if (readings.empty()) return 0;
    // As TreeLog::latest: a page counts once, files' pages as the first process has them.
    Bytes sum = readings.front().file_backed() + tree.shared_memory() + tree.files_in_memory();
    for (const memory::ProcessReading& reading : readings) sum += reading.private_bytes;
    return sum;
}

// The ceiling is --max-memory, else what a running service has and a share of what is free; nullopt if the kernel does not say what is.
std::optional<analysis::MemoryRoom> memory_room(const Options& options) {
    const int pid = options.target.pid;
    std::optional<Bytes> available = available_memory();
    // A service that we start has our cgroup.
    if (const auto room = memory::cgroup_room(pid != 0 ? pid : ::getpid()))
        available = std::min(available.value_or(room->free), room->free);
    if (!available && !options.max_memory) return std::nullopt;
    const Bytes resident = available ? resident_now(pid) : 0;
    analysis::MemoryRoom room;
    room.ceiling = options.max_memory.value_or(resident + static_cast<Bytes>(kMemoryShare * static_cast<double>(available.value_or(0))));
    room.machine = available ? std::max(room.ceiling, resident + *available) : std::numeric_limits<Bytes>::max();
    return room;
}

}  // namespace

RunContext::RunContext(const Options& what, const Observer& observer, Diagnosis& into)
    : options(what),
      result(into),
      tracker(what.tracker.value_or(heap::RecordWith::heaptrack)),
      allocation_interval(what.allocation_interval),
      extension(what.max_time),
      room(memory_room(what)),
      observer_(observer) {}

std::optional<Bytes> own_memory_limit(int pid) {
    constexpr double kMost = 0.8;
    const auto room = memory::cgroup_room(pid);
    if (!room || static_cast<double>(resident_now(pid) + room->free) < kMost * static_cast<double>(room->limit)) return std::nullopt;
    return room->limit;
}

bool pass_idle_time(const RunContext& context, const std::function<void()>& begins) {
    constexpr Nanoseconds kIdleTime = std::chrono::seconds(1), kAfterConnections = std::chrono::milliseconds(100);
    context.stage("measuring growth without requests");
    if (!sleep_for(context.stop(), kAfterConnections)) return false;
    begins();
    return sleep_for(context.stop(), kIdleTime);
}

}  // namespace leakline::diagnose
