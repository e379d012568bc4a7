#include "diagnose/internal/tree_log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/statistics.hpp"
#include "analysis/trend/trend.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::diagnose {

namespace {

constexpr std::size_t kMaxPoints = 512;    // of one process's series
constexpr std::size_t kMaxProcesses = 32;  // in the report
constexpr std::size_t kMaxEnded = 4096;    // growths kept for their median
constexpr double kRateGap_s = 0.2;         // between readings of CPU time that give its rate: the kernel counts in 10 ms

void append_thinned(Series& series, std::size_t& stride, std::size_t& skipped, double at, double value, double requests) {
    if (++skipped < stride || (!series.seconds.empty() && at <= series.seconds.back())) return;
    skipped = 0;
    series.seconds.push_back(at);
    series.value.push_back(value);
    series.requests.push_back(requests);
    if (series.size() < kMaxPoints) return;
    for (std::vector<double>* column : {&series.seconds, &series.value, &series.requests}) {
        for (std::size_t i = 0; i * 2 < column->size(); ++i) (*column)[i] = (*column)[i * 2];
        column->resize((column->size() + 1) / 2);
    }
    stride *= 2;
}

}  // namespace

// A program that replaced another by exec has no agent at first, and an agent may leave before its process ends.
void TreeLog::note_agent(Process& process, const memory::ProcessReading& reading, double at) const {
    if (process.attached) process.attached_s += at - process.end_s;
    if (!reading.zombie) process.attached = recorded_pids_ && recorded_pids_->contains(reading.pid);
}

// CPU time is divided by time where an agent came or left between two readings.
void TreeLog::note_cpu(Process& process, const memory::ProcessReading& reading, double at) {
    const double used = reading.cpu_s - process.cpu_last, gap = at - process.cpu_s;
    if (gap > 0) {
        process.cpu_attached += used * process.attached_s / gap;
        if (gap >= kRateGap_s || process.cpu_rate == 0) process.cpu_rate = used / gap;
    }
    process.attached_s = 0;
    process.cpu_s = at;
    process.cpu_last = reading.cpu_s;
}

// Returns what it adds to the level.
double TreeLog::note(Process& process, const memory::ProcessReading& reading, double at, double requests, bool detailed) const {
    const auto now = static_cast<double>(reading.private_bytes);
    const bool settling = !process.initial && at - process.begin_s < kSettle_s;
    process.end_s = at;
    if (reading.zombie) {  // it holds nothing, as if it had ended
        process.id.zombie = true;
        return 0;
    }
    process.last = now;
    process.shared_last = static_cast<double>(reading.shared_memory);
    if (settling) {
        process.first = now;
        process.shared_first = process.shared_last;
    }
    if (detailed) {
        process.id.name = reading.name;
        note_cpu(process, reading, at);
        process.waited_last = reading.waited_cpu_s;
    }
    if (!settling) {
        Series& series = process.series;
        append_thinned(series, process.stride, process.skipped, at, now + process.shared_last, requests);
    }
    return process.private_growth();
}

void TreeLog::check_descriptors(Process& process, const memory::ProcessReading& reading, double at) {
    if (!reading.descriptors || exhaustion_) return;
    if (!process.descriptors) process.descriptors.emplace(reading.pid);
    if (!process.descriptors->nearly_used_up(*reading.descriptors)) return;
    exhaustion_ = Exhausted{{*reading.descriptors, progress_.completed, at},
                            process.descriptors->first(),
                            process.descriptors->limit(),
                            fmt::format("RLIMIT_NOFILE of {} (pid {})", printable(reading.name), reading.pid)};
    exhausted_ = true;
}

void TreeLog::end(Process& process, double at) {
    process.ended = true;
    ++ended_count_;
    ended_cpu_s_ += process.cpu_last - process.cpu_first;
    ended_attached_cpu_s_ += process.cpu_attached;
    if (process.attached) unseen_cpu_s_ += process.cpu_rate * (at - process.cpu_s);
    if (process.end_s - process.begin_s < kSettle_s || process.id.zombie) return;
    if (ended_growth_.size() < kMaxEnded) ended_growth_.push_back(process.growth());
    ended_.push_back(std::move(process));
    if (ended_.size() <= kMaxProcesses) return;
    const auto least =
        std::min_element(ended_.begin(), ended_.end(), [](const Process& a, const Process& b) { return a.growth() < b.growth(); });
    ended_.erase(least);
}

void TreeLog::add(const std::vector<memory::ProcessReading>& readings, bool detailed, Bytes shared, Bytes in_files) {
    if (readings.empty()) return;
    const std::lock_guard lock(mutex_);
    const double at = to_seconds(clock_.monotonic() - origin_);
    if (!rss_.seconds.empty() && at <= rss_.seconds.back()) return;
    const auto requests = static_cast<double>(progress_.completed);
    const bool begins = rss_.seconds.empty();
    double level = 0;
    const memory::ProcessReading& root = readings.front();
    file_backed_ = root.file_backed();
    if (begins) first_file_backed_ = file_backed_;
    reads_files_ = reads_files_ || file_backed_ > first_file_backed_ + kMuchOfFiles;
    in_files_ = in_files;
    if (begins) first_in_files_ = in_files;
    fills_files_ = fills_files_ || in_files > first_in_files_ + kMuchInFiles;
    Bytes held = file_backed_ + shared + in_files;
    std::uint64_t running = 0;
    for (const memory::ProcessReading& reading : readings) {
        const Key key{reading.pid, reading.start_ticks};
        auto known = alive_.find(key);
        if (known == alive_.end()) {
            Process process;
            process.id = {reading.pid, reading.start_ticks, reading.name, reading.zombie};
            process.root = reading.root;
            process.initial = begins;
            process.attached = recorded_pids_ && recorded_pids_->contains(reading.pid);
            process.begin_s = at;
            process.end_s = process.cpu_s = begins ? at : rss_.seconds.back();
            process.first = static_cast<double>(reading.private_bytes);
            process.shared_first = static_cast<double>(reading.shared_memory);
            // What a process has used before the traffic is not of the traffic; one that begins later began with nothing.
            if (begins) {
                process.cpu_first = process.cpu_last = reading.cpu_s;
                process.waited_first = process.waited_last = reading.waited_cpu_s;
                initial_level_ += process.first;
            }
            seen_ += reading.zombie ? 0 : 1;
            known = alive_.emplace(key, std::move(process)).first;
        }
        note_agent(known->second, reading, at);
        level += note(known->second, reading, at, requests, detailed);
        if (detailed) check_descriptors(known->second, reading, at);
        held += reading.private_bytes;
        running += reading.zombie ? 0 : 1;
    }
    if (alive_.size() > readings.size()) {
        for (auto process = alive_.begin(); process != alive_.end();) {
            if (process->second.end_s == at) {
                ++process;
                continue;
            }
            end(process->second, at);
            process = alive_.erase(process);
        }
    }
    most_ = std::max(most_, running);
    several_ = several_ || running > 1;
    rss_.seconds.push_back(at);
    rss_.value.push_back(static_cast<double>(root.resident));
    rss_.requests.push_back(requests);
    level_.push_back(initial_level_ + level + static_cast<double>(shared + in_files));
    latest_ = held;
    highest_ = std::max<Bytes>(highest_, held);
}

Series TreeLog::copy() const {
    const std::lock_guard lock(mutex_);
    Series series = rss_;
    series.name = name_;
    if (counts_level()) series.value = level_;
    return series;
}

std::string TreeLog::metric() const { return counts_files() ? "rss" : "anonymous"; }

bool TreeLog::counts_files() const {
    const std::lock_guard lock(mutex_);
    return !counts_level();
}

Bytes TreeLog::file_growth() const {
    const std::lock_guard lock(mutex_);
    return reads_files_ ? file_backed_ - std::min<Bytes>(first_file_backed_, file_backed_) : 0;
}

Bytes TreeLog::growth_in_files() const {
    const std::lock_guard lock(mutex_);
    return in_files_ > first_in_files_ + kMuchInFiles ? in_files_ - first_in_files_ : 0;
}

std::vector<memory::ProcessId> TreeLog::processes() const {
    const std::lock_guard lock(mutex_);
    std::vector<memory::ProcessId> ids;
    for (const auto& [key, process] : alive_) {
        ids.push_back(process.id);
        if (process.root) std::swap(ids.front(), ids.back());
    }
    return ids;
}

std::optional<TreeLog::Exhausted> TreeLog::exhaustion() const {
    const std::lock_guard lock(mutex_);
    return exhaustion_;
}

ProcessTree TreeLog::tree() const {
    const std::lock_guard lock(mutex_);
    ProcessTree tree;
    tree.seen = seen_;
    tree.ended = ended_count_;
    tree.most = most_;
    if (!ended_growth_.empty()) tree.ended_growth_bytes = analysis::median(ended_growth_);
    std::vector<const Process*> processes;
    double waited_s = 0;
    for (const auto& [key, process] : alive_) {
        const double cpu = process.cpu_last - process.cpu_first;
        const double recorded = recorded_cpu(process);
        tree.recorded_cpu_s += recorded;
        tree.unrecorded_cpu_s += cpu - recorded;
        waited_s += process.waited_last - process.waited_first;
        if (!is_recorded(process) && !process.id.zombie) tree.unrecorded_growth_bytes += process.growth();
        if (!process.id.zombie) processes.push_back(&process);
    }
    // Those that ended are in their parents' figures where these waited for them, and we may have missed their last moments.
    const double unseen = std::max(waited_s - ended_cpu_s_, 0.0), attached = ended_attached_cpu_s_ + std::min(unseen, unseen_cpu_s_);
    tree.recorded_cpu_s += attached;
    tree.unrecorded_cpu_s += ended_cpu_s_ + unseen - attached;
    for (const Process& process : ended_) processes.push_back(&process);
    std::stable_sort(processes.begin(), processes.end(), [](const Process* a, const Process* b) { return a->growth() > b->growth(); });
    if (processes.size() > kMaxProcesses) processes.resize(kMaxProcesses);
    for (const Process* process : processes) {
        ProcessGrowth growth;
        growth.pid = process->id.pid;
        growth.name = printable(process->id.name);
        growth.recorded = is_recorded(*process);
        growth.ended = process->ended;
        growth.begin_s = process->begin_s;
        growth.end_s = process->end_s;
        growth.first_bytes = process->first + process->shared_first;
        growth.last_bytes = process->last + process->shared_last;
        growth.cpu_s = process->cpu_last - process->cpu_first;
        const TrendVerdict trend = analysis::judge_trend(process->series);
        growth.verdict = trend.verdict;
        growth.bytes_per_request = trend.bytes_per_request;
        tree.processes.push_back(std::move(growth));
    }
    return tree;
}

}  // namespace leakline::diagnose
