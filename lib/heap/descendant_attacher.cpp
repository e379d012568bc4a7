#include "heap/internal/descendant_attacher.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/internal/attach.hpp"
#include "heap/internal/running_program.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"

namespace leakline::heap {

namespace {

// Between looks, and how many times as long as a look took: services of hundreds of processes are looked at less often.
constexpr Nanoseconds kLookGap = std::chrono::milliseconds(20);
constexpr int kLookRest = 19;
// Until a thread of one process waits: others wait meanwhile.
constexpr Nanoseconds kThreadPatience = std::chrono::milliseconds(200);
constexpr Nanoseconds kShortestPause = std::chrono::milliseconds(250), kLongestPause = std::chrono::seconds(16);

bool has_agents_library(int pid) {
    return find_attached(pid, parse_mappings(read_small_file(fmt::format("/proc/{}/maps", pid)).value_or(""))).has_value();
}

}  // namespace

// A process that has used next to no processor time has done no work.
void DescendantAttacher::Unrecorded::add(int pid, const Process& process) {
    constexpr std::uint64_t kWork = 2;
    if (process.attached || process.refused || process.start_ticks == 0) return;
    const std::uint64_t used = process.ticks - std::min(process.ticks, process.ticks_before);
    if (used < kWork && (process.ended || process.reason.empty())) return;
    ++count;
    ticks += used;
    if (count > 1 && used <= most_ticks) return;
    most_ticks = used;
    most = fmt::format("process {} ({}) {}", pid, printable(process.name),
                       !process.reason.empty() ? process.reason : "ended before it could be attached to");
}

DescendantAttacher::DescendantAttacher(int root, const std::vector<int>& attached, const std::vector<Refused>& refused, Bytes interval)
    : root_(root), interval_(interval), tracker_(root, {}) {
    for (const int pid : attached) processes_[pid].attached = true;
    for (const Refused& process : refused) {
        Process& known = processes_[process.pid];
        known.refused = true;
        known.stack_start = process.stack_start;
        known.pause = kLongestPause;
        known.next_try = system_clock().monotonic() + kLongestPause;
    }
    processes_.erase(root);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

DescendantAttacher::~DescendantAttacher() { stop(); }

void DescendantAttacher::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

std::vector<DescendantAttacher::Found> DescendantAttacher::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(found_, {});
}

void DescendantAttacher::run(const std::stop_token& stop) {
    Nanoseconds took{};
    while (sleep_for(stop, std::max<Nanoseconds>(kLookGap, kLookRest * took))) {
        const Nanoseconds begin = system_clock().monotonic();
        try {
            look();
            took = system_clock().monotonic() - begin;
            attach_all(begin, stop);
        } catch (const std::exception&) {  // no memory left: the next look may find some
        }
    }
}

void DescendantAttacher::attach_all(Nanoseconds now, const std::stop_token& stop) {
    std::size_t without = 0;
    for (auto& [pid, process] : processes_) {
        if (process.attached || process.ended) continue;
        if (now >= std::max(process.since + kSettle, process.next_try) && !stop.stop_requested()) attach(pid, process, stop);
        without += !process.attached && !process.refused && !process.reason.empty() ? 1 : 0;
    }
    unrecorded_ = without;
}

void DescendantAttacher::look() {
    for (const int pid : tracker_.discover(Depth::detailed))
        if (pid != root_) processes_.try_emplace(pid);
    for (auto at = processes_.begin(); at != processes_.end();) {
        auto& [pid, process] = *at;
        const bool there = look_at(pid, process);
        if (!there) tracker_.forget(pid);
        at = there ? std::next(at) : processes_.erase(at);
    }
}

bool DescendantAttacher::look_at(int pid, Process& process) {
    const auto stat = read_stat(pid);
    const bool other = stat && process.start_ticks != 0 && stat->start_ticks != process.start_ticks;
    if ((other || has_ended(stat)) && !process.ended) {
        process.ended = true;
        ended_.add(pid, process);
        tracker_.retire(pid);
    }
    if (!stat || other) return false;
    if (process.ended) return true;  // a zombie
    const bool replaced = process.stack_start != 0 && stat->stack_start != 0 && stat->stack_start != process.stack_start;
    if (process.start_ticks == 0 || replaced) {
        if (replaced) process = {};
        process.start_ticks = stat->start_ticks;
        process.stack_start = stat->stack_start;
        process.since = system_clock().monotonic();
        process.ticks_before = replaced ? stat->cpu_ticks : 0;
    }
    process.ticks = stat->cpu_ticks;
    process.name = stat->comm;
    return true;
}

// An agent in memory that another process has as well would be that process's too.
std::optional<bool> DescendantAttacher::shares_memory(int pid) const {
    const auto shares = [&](int other) { return share_memory(pid, other).value_or(false); };
    const bool any = shares(root_) || std::any_of(processes_.begin(), processes_.end(), [&](const auto& other) {
                         return other.first != pid && !other.second.ended && shares(other.first);
                     });
    if (any) return true;
    const auto stat = read_stat(pid);
    return stat ? shares_with_parent(pid, stat->parent) : false;
}

void DescendantAttacher::attach(int pid, Process& process, const std::stop_token& stop) {
    std::string reason = "has the memory of the process that started it";
    if (shares_memory(pid) != true) {
        try {
            Attached attached = attach_agent(pid, interval_, stop, kThreadPatience);
            const std::lock_guard lock(mutex_);
            found_.push_back({pid, std::move(attached.segment)});
            process.attached = true;
            return;
        } catch (const Error& error) {
            reason = error.message();
        } catch (const std::exception& error) {  // no memory left
            reason = fmt::format("could not be attached to: {}", error.what());
        }
    }
    if (has_ended(read_stat(pid))) return;  // the next look notes that
    process.reason = std::move(reason);
    process.pause = std::clamp(2 * process.pause, kShortestPause, kLongestPause);
    process.next_try = system_clock().monotonic() + process.pause;
}

std::size_t DescendantAttacher::restore_others() {
    constexpr Nanoseconds kPatience = std::chrono::seconds(3), kLeave = std::chrono::seconds(1);
    look();
    const Nanoseconds deadline = system_clock().monotonic() + kPatience;
    std::size_t left = 0;
    for (const auto& [pid, process] : processes_) {
        if (process.attached || process.ended) continue;
        try {
            if (!has_agents_library(pid) || shares_memory(pid) == true) continue;
            if (system_clock().monotonic() < deadline && attach_agent(pid, interval_, {}, kThreadPatience).segment->detach(kLeave))
                continue;
        } catch (const std::exception&) {
        }
        left += has_ended(read_stat(pid)) ? 0 : 1;
    }
    return left;
}

std::string DescendantAttacher::warning() const {
    Unrecorded sum = ended_;
    for (const auto& [pid, process] : processes_)
        if (!process.ended) sum.add(pid, process);
    if (sum.count == 0) return {};
    const double seconds = static_cast<double>(sum.ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    return fmt::format("{} that started after the attach {} not recorded, and used {:.2g} s of CPU time: {}{}",
                       sum.count == 1 ? "a process" : fmt::format("{} processes", sum.count), sum.count == 1 ? "was" : "were", seconds,
                       sum.count == 1 ? "" : "among them, ", sum.most);
}

}  // namespace leakline::heap
