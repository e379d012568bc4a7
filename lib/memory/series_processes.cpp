#include "memory/internal/series_processes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <utility>

#include "base/quantities.hpp"
#include "memory/internal/series_labels.hpp"
#include "system/byte_source.hpp"

namespace leakline::memory {

namespace {

// Fewer give no verdict (the trend needs as many).
constexpr std::uint64_t kFewSamples = 20;

// A gap in the samples that is large compared with both their usual distance and the whole.
std::optional<std::string> largest_gap(const Series& series) {
    constexpr double kOfUsual = 20, kOfDuration = .02;
    if (series.size() < 3) return std::nullopt;
    double largest = 0, at = 0;
    for (std::size_t i = 1; i < series.size(); ++i) {
        const double gap = series.seconds[i] - series.seconds[i - 1];
        if (gap > largest) {
            largest = gap;
            at = series.seconds[i - 1];
        }
    }
    const double usual = series.duration() / static_cast<double>(series.size());
    if (largest < kOfUsual * usual || largest < kOfDuration * series.duration()) return std::nullopt;
    const auto words = [](double s) {
        s = std::min(s, 9e9);  // the range of nanoseconds
        return format_duration(std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(s)));
    };
    return fmt::format("{}: no samples for {}, starting at {}", series.name, words(largest), words(at));
}

}  // namespace

struct SeriesCollector::Part {
    double first, last;
    Process* process;
    bool is_short() const { return process->builder.taken() < kFewSamples; }
};

SeriesCollector::Process& SeriesCollector::process_named(std::string_view series, std::string_view process) {
    if (current_ != nullptr && current_->series == series && current_->name == process) return *current_;
    constexpr char kBeforeProcess = '\x1e';
    key_.assign(series);
    key_ += kBeforeProcess;
    key_ += process;
    const auto found = processes_.find(key_);
    if (found != processes_.end()) return *(current_ = &found->second);
    if (processes_.size() >= kMaxProcesses) {
        throw Error(ErrorKind::input, name_, fmt::format("more than {} processes", format_count(kMaxProcesses)),
                    "split the file, or leave its pid column out");
    }
    // Many processes share the memory limit of one.
    constexpr std::size_t kFewProcesses = 4, kMinPoints = 4096;
    const std::size_t points =
        processes_.size() < kFewProcesses ? options_.max_points : std::max(kMinPoints, options_.max_points / processes_.size());
    Process made;
    made.series = series;
    made.name = process;
    made.builder = SeriesBuilder(points);
    return *(current_ = &processes_.emplace(key_, std::move(made)).first->second);
}

void SeriesCollector::add(std::string_view series, std::string_view process, const RawSample& sample, std::uint64_t line) {
    add(process_named(series, process), sample, line);
}

void SeriesCollector::add(Process& process, RawSample sample, std::uint64_t line) {
    constexpr std::uint64_t kStopCheckInterval = std::uint64_t{1} << 16;
    if (++seen_ % kStopCheckInterval == 0 && options_.stop.stop_requested()) throw Error(ErrorKind::system, place(line), "interrupted");
    sample.seconds += process.ahead;
    const bool first = process.builder.taken() == 0;
    switch (process.builder.add(sample)) {
        case SeriesBuilder::Outcome::taken:
            ++file_.samples;
            if (first) process.first_seconds = sample.seconds;
            process.last_bytes = sample.bytes;
            if (!process.late.empty()) drop_late(process);
            process.not_set_back = false;
            break;
        case SeriesBuilder::Outcome::not_a_number: skipped(line, "not a number"); break;
        case SeriesBuilder::Outcome::negative: skipped(line, "memory is negative"); break;
        case SeriesBuilder::Outcome::duplicate_time:
            ++process.duplicates;
            skipped(line, "same time as the previous sample");
            break;
        case SeriesBuilder::Outcome::backwards: defer_late_sample(process, sample, line); break;
    }
}

// One sample that is out of order is skipped. Several that continue from an earlier time mean that the clock was set back,
// and so was the rest of the file.
void SeriesCollector::defer_late_sample(Process& process, const RawSample& sample, std::uint64_t line) {
    constexpr std::size_t kShown = 5;
    if (!process.late.empty() && sample.seconds <= process.late.back().sample.seconds) drop_late(process);
    process.late.push_back({sample, line, process.builder.last_seconds() - sample.seconds});
    if (process.late.size() < kShown) return;
    process.not_set_back = process.not_set_back || !clock_was_set_back(process);
    if (process.not_set_back) drop_late(process);
}

bool SeriesCollector::clock_was_set_back(Process& process) {
    constexpr int kOften = 4;
    constexpr double kNear = .05;
    const RawSample first = process.late.front().sample;
    const double last = process.builder.last_seconds(), size = std::max(process.last_bytes, kMiB);
    // Samples of another process begin at the start again, or at another level.
    if (first.seconds <= process.first_seconds || std::fabs(first.bytes - process.last_bytes) > kNear * size ||
        process.times_set_back >= kOften || process.builder.taken() < kFewSamples) {
        return false;
    }
    const double usual = (last - process.first_seconds) / static_cast<double>(process.builder.taken() - 1);
    const double shift = last + usual - first.seconds;
    ++process.times_set_back;
    file_.notes.push_back(fmt::format("{}: the clock goes back by {}; later samples are taken to continue from there",
                                      place(process.late.front().line),
                                      format_duration(std::chrono::milliseconds(std::llround(1000 * (last - first.seconds))))));
    process.ahead += shift;
    for (Waiting& waiting : std::exchange(process.late, {})) {
        waiting.sample.seconds += shift - process.ahead;  // add() puts what was set back on top
        add(process, waiting.sample, waiting.line);
    }
    return true;
}

void SeriesCollector::drop_late(Process& process) {
    for (const Waiting& waiting : process.late) {
        ++backwards_;
        skipped(waiting.line, fmt::format("time goes back by {:.3g} s", waiting.back));
    }
    process.late.clear();
}

void SeriesCollector::skipped(std::uint64_t line, std::string message) {
    // The text is built only for those that are kept.
    if (file_.damage.first().size() < Diagnostics::kKept) {
        file_.damage.add(place(line), std::move(message));
    } else {
        file_.damage.add({}, {});
    }
}

void SeriesCollector::ended(StreamEnd end, std::uint64_t line) {
    if (end == StreamEnd::truncated) file_.damage.add(place(line), "the compressed file is truncated here");
    if (end == StreamEnd::damaged) file_.damage.add(place(line), "the compressed file is damaged from here on");
}

Series SeriesCollector::restarted_service(std::vector<std::pair<double, Series>> processes) const {
    Series whole;
    whole.name = name_;
    const double origin = processes.front().first;
    std::int64_t identity = 0;
    const bool counted = std::all_of(processes.begin(), processes.end(), [](const auto& p) { return !p.second.requests.empty(); });
    for (auto& [start, part] : processes) {
        ++identity;
        for (std::size_t i = 0; i < part.size(); ++i) {
            const double seconds = part.seconds[i] + (start - origin);
            // A new process in the same tick as the last sample of the old one.
            if (!whole.seconds.empty() && seconds <= whole.seconds.back()) continue;
            whole.seconds.push_back(seconds);
            whole.value.push_back(part.value[i]);
            if (counted) whole.requests.push_back(part.requests[i]);
            whole.process.push_back(identity);
        }
    }
    return whole;
}

// Two samples of one process at the same time mean a coarse clock, or two processes in one series.
void SeriesCollector::refuse_mixed() const {
    constexpr double kMax = .1;
    constexpr std::uint64_t kChance = 2;
    std::uint64_t duplicates = 0, all = 0;
    bool named = false, mixed = false;
    for (const auto& [key, process] : processes_) {
        const std::uint64_t of_process = process.builder.taken() + process.duplicates;
        mixed =
            mixed || (process.duplicates >= kChance && static_cast<double>(process.duplicates) > kMax * static_cast<double>(of_process));
        named = named || !process.series.empty() || !process.name.empty();
        duplicates += process.duplicates;
        all += of_process;
    }
    if (!mixed) return;
    throw Error(ErrorKind::input, name_,
                fmt::format("{} of {} rows have the same time as the previous row{}", format_count(duplicates), format_count(all),
                            named ? ", although they have the same name" : ", and no column identifies the process"),
                named ? "add a column with the pid, or write times with fractions of a second"
                      : "add a column called name or pid, or write a file for each process; if it is one process, write times "
                        "with fractions of a second");
}

// Three processes in one column, a second apart, have alternating levels: each value is close to the
// one three rows before and far from its neighbors.
void SeriesCollector::refuse_alternating(const Series& series) const {
    constexpr std::size_t kMaxInterleaved = 16, kMaxRows = 4096, kMinTurns = 10;
    constexpr double kNear = .1, kFarOfLevel = .05;
    if (!options_.metric.empty() || !series.requests.empty()) return;
    const std::size_t size = std::min(series.size(), kMaxRows);
    const auto middle = [](std::vector<double> values) {
        std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
        return values[values.size() / 2];
    };
    const auto step = [&](std::size_t lag) {
        std::vector<double> steps;
        for (std::size_t i = lag; i < size; ++i) steps.push_back(std::fabs(series.value[i] - series.value[i - lag]));
        return middle(std::move(steps));
    };
    if (size < 2 * kMinTurns) return;
    const double to_next = step(1);
    if (to_next < kFarOfLevel * middle({series.value.begin(), series.value.begin() + static_cast<std::ptrdiff_t>(size)})) return;
    for (std::size_t turn = 2; turn <= kMaxInterleaved && turn * kMinTurns <= size; ++turn) {
        if (step(turn) > kNear * to_next) continue;
        throw Error(
            ErrorKind::input, name_,
            fmt::format("memory alternates between {0} levels, as if one column held {0} processes, and no column identifies the process",
                        turn),
            "add a column called name or pid; if it is one process, name its column with --metric");
    }
}

std::vector<SeriesCollector::Part> SeriesCollector::parts() {
    std::vector<Part> parts;
    for (auto& [key, process] : processes_) {
        if (process.builder.taken() == 0) continue;
        if (process.builder.group() > 1) {
            file_.notes.push_back(fmt::format("{}: {} samples, of which one in {} was kept, selected at random", name_,
                                              format_count(process.builder.taken()), process.builder.group()));
        }
        parts.push_back({process.builder.first_seconds(), process.builder.last_seconds(), &process});
    }
    std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.first < b.first; });
    return parts;
}

// Beside processes that were sampled for long, short ones (`ps aux` lists each cron job) have no trend.
void SeriesCollector::leave_out_short(std::vector<Part>& parts) {
    if (std::all_of(parts.begin(), parts.end(), [](const Part& part) { return part.is_short(); })) return;
    std::map<std::string, std::uint64_t> most;  // samples of the longest process of a series
    for (const Part& part : parts) {
        std::uint64_t& longest = most[part.process->series];
        longest = std::max(longest, part.process->builder.taken());
    }
    std::set<std::string> names;
    std::size_t left_out = 0;
    std::erase_if(parts, [&](const Part& part) {
        const bool out = most[part.process->series] < kFewSamples;
        if (!out) return false;
        ++left_out;
        names.insert(part.process->series.empty() ? part.process->name : part.process->series);
        return true;
    });
    if (left_out == 0) return;
    const std::string one = shown_label(*names.begin());
    file_.notes.push_back(fmt::format("{}: {} with fewer than {} samples left out: {}{}", name_,
                                      left_out == 1 ? "1 process" : fmt::format("{} processes", left_out), kFewSamples, one,
                                      names.size() > 1 ? ", ..." : ""));
}

// The processes of one series, oldest first. alone: the file holds no other series.
void SeriesCollector::put_series(const std::string& label, std::vector<Part> parts, bool alone) {
    const auto named = [&](const std::string& what) { return what.empty() ? name_ : name_ + ":" + what; };
    const auto overlap = [&] {
        for (std::size_t i = 1; i < parts.size(); ++i)
            if (parts[i].first < parts[i - 1].last) return true;
        return false;
    };
    bool side_by_side = overlap();
    if (side_by_side && !std::all_of(parts.begin(), parts.end(), [](const Part& part) { return part.is_short(); })) {
        const std::size_t out = std::erase_if(parts, [](const Part& part) { return part.is_short(); });
        if (out > 0)
            file_.notes.push_back(fmt::format("{}: {} with fewer than {} samples left out", named(label),
                                              out == 1 ? "1 process" : fmt::format("{} processes", out), kFewSamples));
        side_by_side = overlap();
    }
    const std::string name = named(alone ? "" : label);
    if (parts.size() == 1) {
        file_.series.push_back(parts[0].process->builder.take(name));
    } else if (side_by_side) {
        for (const Part& part : parts)
            file_.series.push_back(
                part.process->builder.take(named(part.process->name + (label.empty() || part.process->name.empty() ? "" : " ") + label)));
    } else {
        std::vector<std::pair<double, Series>> processes;
        for (const Part& part : parts) processes.emplace_back(part.first, part.process->builder.take(name));
        Series whole = restarted_service(std::move(processes));
        whole.name = name;
        file_.series.push_back(std::move(whole));
    }
}

SeriesFile SeriesCollector::finish(std::string format) {
    constexpr double kMaxBackwards = .1;
    file_.format = std::move(format);
    for (auto& [key, process] : processes_) drop_late(process);
    if (file_.samples == 0) {
        const std::string why = file_.damage.empty() ? "no samples after the header" : "no usable sample";
        const std::string first =
            file_.damage.empty() ? "" : fmt::format("{}: {}", file_.damage.first()[0].location, file_.damage.first()[0].message);
        throw Error(ErrorKind::input, name_, why, first);
    }
    refuse_mixed();
    if (static_cast<double>(backwards_) > kMaxBackwards * static_cast<double>(backwards_ + file_.samples)) {
        throw Error(
            ErrorKind::input, name_,
            fmt::format("time goes backwards in {} of {} samples", format_count(backwards_), format_count(backwards_ + file_.samples)),
            "sort the file by its time column, or write one file per process");
    }
    std::vector<Part> all = parts();
    leave_out_short(all);
    std::map<std::string, std::vector<Part>> series;
    for (const Part& part : all) series[part.process->series].push_back(part);
    std::vector<std::string> keys;
    for (const auto& [key, of_series] : series) keys.push_back(key);
    const std::vector<std::string> labels = shortest_labels(keys);
    for (std::size_t i = 0; i < keys.size(); ++i) put_series(labels[i], std::move(series[keys[i]]), keys.size() == 1);
    const bool unnamed = keys.size() == 1 && keys[0].empty();
    for (const Series& one : file_.series) {
        if (unnamed && one.process.empty()) refuse_alternating(one);
        if (const auto gap = largest_gap(one)) file_.notes.push_back(*gap);
    }
    return std::move(file_);
}

}  // namespace leakline::memory
