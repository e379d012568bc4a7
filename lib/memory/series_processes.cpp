#include "memory/series_processes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/text.hpp"

namespace leakline::memory {

SeriesCollector::Process& SeriesCollector::process_named(const std::string& name) {
    const auto found = processes_.find(name);
    if (found != processes_.end()) return found->second;
    if (processes_.size() >= kMaxProcesses) {
        throw Error(ErrorKind::input, name_, fmt::format("more than {} processes", format_count(kMaxProcesses)),
                    "split the file, or leave its pid column out");
    }
    // Many processes share the memory that one may use alone.
    constexpr std::size_t kFewProcesses = 4, kLeastPoints = 4096;
    const std::size_t points = processes_.size() < kFewProcesses
                                   ? options_.max_points
                                   : std::max(kLeastPoints, options_.max_points / processes_.size());
    return processes_.emplace(name, Process{SeriesBuilder(points), 0}).first->second;
}

void SeriesCollector::add(const std::string& process, const RawSample& sample, std::uint64_t line) {
    add(process_named(process), sample, line);
}

void SeriesCollector::add(double process, const RawSample& sample, std::uint64_t line) {
    if (current_ == nullptr || current_->identity != process) {
        current_ = &process_named(fmt::format("{}", process));
        current_->identity = process;
    }
    add(*current_, sample, line);
}

void SeriesCollector::add(const RawSample& sample, std::uint64_t line) {
    if (current_ == nullptr) current_ = &process_named("");
    add(*current_, sample, line);
}

void SeriesCollector::add(Process& process, const RawSample& sample, std::uint64_t line) {
    constexpr std::uint64_t kBetweenQuestions = std::uint64_t{1} << 16;
    if (++seen_ % kBetweenQuestions == 0 && options_.stop && options_.stop())
        throw Error(ErrorKind::system, place(line), "interrupted");
    switch (process.builder.add(sample)) {
        case SeriesBuilder::Outcome::taken: ++file_.samples; break;
        case SeriesBuilder::Outcome::not_a_number: skipped(line, "not a number"); break;
        case SeriesBuilder::Outcome::negative: skipped(line, "memory is negative"); break;
        case SeriesBuilder::Outcome::duplicate_time: skipped(line, "same time as the sample before"); break;
        case SeriesBuilder::Outcome::backwards:
            ++backwards_;
            skipped(line, fmt::format("time goes back by {:.3g} s", process.builder.last_seconds() - sample.seconds));
            break;
    }
}

void SeriesCollector::skipped(std::uint64_t line, std::string message) {
    // The text is only made for those that are kept.
    if (file_.damage.first().size() < Diagnostics::kKept) {
        file_.damage.add(place(line), std::move(message));
    } else {
        file_.damage.add({}, {});
    }
}

void SeriesCollector::ended(StreamEnd end, std::uint64_t line) {
    if (end == StreamEnd::truncated) file_.damage.add(place(line), "the compressed file is cut off here");
    if (end == StreamEnd::damaged) file_.damage.add(place(line), "the compressed file is damaged from here on");
}

namespace {

// A hole in the samples that is large beside both their usual distance and the whole.
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
        s = std::min(s, 9e9);  // what nanoseconds can hold
        return format_duration(std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(s)));
    };
    return fmt::format("{}: no samples for {} from {} on", series.name, words(largest), words(at));
}

}  // namespace

Series SeriesCollector::restarted_service(std::vector<std::pair<double, Series>> processes) const {
    Series whole;
    whole.name = name_;
    const double origin = processes.front().first;
    std::int64_t identity = 0;
    const bool counted = std::all_of(processes.begin(), processes.end(),
                                     [](const auto& p) { return !p.second.requests.empty(); });
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

SeriesFile SeriesCollector::finish(std::string format) {
    constexpr double kMostBackwards = .1;
    file_.format = std::move(format);
    if (file_.samples == 0) {
        const std::string why = file_.damage.empty() ? "no samples after the header" : "no good sample";
        const std::string first =
            file_.damage.empty() ? "" : fmt::format("{}: {}", file_.damage.first()[0].location, file_.damage.first()[0].message);
        throw Error(ErrorKind::input, name_, why, first);
    }
    if (static_cast<double>(backwards_) > kMostBackwards * static_cast<double>(backwards_ + file_.samples)) {
        throw Error(ErrorKind::input, name_,
                    fmt::format("time goes backwards in {} of {} samples", format_count(backwards_),
                                format_count(backwards_ + file_.samples)),
                    "sort the file by its time column, or give a file a process");
    }

    struct Part {
        double first, last;
        std::string process;
        SeriesBuilder* builder;
    };
    std::vector<Part> parts;
    for (auto& [process, entry] : processes_) {
        if (entry.builder.taken() == 0) continue;
        if (entry.builder.group() > 1) {
            file_.notes.push_back(fmt::format("{}: {} samples, of which one in {} was kept, picked at random", name_,
                                              format_count(entry.builder.taken()), entry.builder.group()));
        }
        parts.push_back({entry.builder.first_seconds(), entry.builder.last_seconds(), process, &entry.builder});
    }
    std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.first < b.first; });
    bool side_by_side = false;
    for (std::size_t i = 1; i < parts.size(); ++i) side_by_side = side_by_side || parts[i].first < parts[i - 1].last;

    if (parts.size() == 1) {
        file_.series.push_back(parts[0].builder->take(name_));
    } else if (side_by_side) {
        for (const Part& part : parts) file_.series.push_back(part.builder->take(name_ + ":" + part.process));
    } else {
        std::vector<std::pair<double, Series>> processes;
        for (const Part& part : parts) processes.emplace_back(part.first, part.builder->take(name_));
        file_.series.push_back(restarted_service(std::move(processes)));
    }
    for (const Series& series : file_.series) {
        if (const auto gap = largest_gap(series)) file_.notes.push_back(*gap);
    }
    return std::move(file_);
}

}  // namespace leakline::memory
