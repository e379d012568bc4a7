#include "replay/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "http/url.hpp"
#include "replay/log.hpp"
#include "replay/path_table.hpp"
#include "replay/request_host.hpp"
#include "replay/schedule.hpp"
#include "replay/selected_log.hpp"
#include "replay/wire.hpp"
#include "system/interruption.hpp"

namespace leakline::replay {

namespace {

// Counts over time whose end is not known: when there are too many steps, pairs of them are joined.
class RateOverTime {
  public:
    static constexpr std::size_t kSteps = 60;

    void add(Nanoseconds at) {
        if (counts_.empty()) origin_ = at;
        while (at < origin_) {  // an out-of-order beginning
            counts_.insert(counts_.begin(), 0);
            origin_ -= step_;
            if (counts_.size() > kSteps) join();
        }
        for (;;) {
            const auto index = static_cast<std::uint64_t>((at - origin_) / step_);
            if (index < kSteps) {
                if (index >= counts_.size()) counts_.resize(index + 1);
                ++counts_[index];
                return;
            }
            join();
        }
    }
    Nanoseconds step() const { return step_; }
    const std::vector<std::uint64_t>& counts() const { return counts_; }

  private:
    void join() {
        for (std::size_t i = 0; i < counts_.size(); i += 2) counts_[i / 2] = counts_[i] + (i + 1 < counts_.size() ? counts_[i + 1] : 0);
        counts_.resize((counts_.size() + 1) / 2);
        step_ *= 2;
    }

    Nanoseconds origin_{}, step_ = std::chrono::milliseconds(1);
    std::vector<std::uint64_t> counts_;
};

std::string average(std::uint64_t requests, Nanoseconds span) {
    // Intervals, as the replay has them.
    return span.count() <= 0 ? "" : ", " + format_per_second(static_cast<double>(requests - 1) / to_seconds(span)) + " on average";
}

// How long it would take; "" where that is what the log's own time says.
std::string pace_text(const DryRun& result) {
    if (!result.round || (result.rounds == 1 && !result.duration && result.first && *result.round == *result.last - *result.first))
        return {};
    std::string out = fmt::format("  {} at this pace{}", format_duration(*result.round), average(result.requests, *result.round));
    if (result.rounds == 0) out += ", repeatedly";
    if (result.rounds > 1) out += fmt::format(", {} rounds", result.rounds);
    if (result.duration) out += fmt::format(", for at most {}", format_duration(*result.duration));
    return out + "\n";
}

// A chart of at most kLines, where there are enough requests to fill one.
std::string rate_text(const DryRun& result) {
    constexpr std::size_t kLines = 20, kRequestsOfALine = 4, kWidth = 50;
    const std::size_t most = std::min<std::size_t>(kLines, result.requests / kRequestsOfALine);
    if (most < 2 || result.rate.size() < 2) return {};
    const std::size_t joined = (result.rate.size() + most - 1) / most;
    const Nanoseconds step = result.step * static_cast<std::int64_t>(joined);
    std::vector<std::uint64_t> counts((result.rate.size() + joined - 1) / joined);
    for (std::size_t i = 0; i < result.rate.size(); ++i) counts[i / joined] += result.rate[i];
    const std::uint64_t peak = *std::max_element(counts.begin(), counts.end());
    std::string out = fmt::format("\nRate over the log's time, {} a line\n", format_duration(step));
    for (const std::uint64_t count : counts)
        out += fmt::format("  {:>14}  {}\n", format_per_second(static_cast<double>(count) / to_seconds(step)),
                           std::string(static_cast<std::size_t>(kWidth * count / peak), '#'));
    return out;
}

// The hosts that the log names, where there are several or one is left out.
std::string hosts_text(const DryRun& result) {
    constexpr std::size_t kShown = 20;
    if (result.hosts.size() < 2 && (result.hosts.empty() || result.hosts[0].left_out == 0)) return {};
    std::string out = "\nBy host\n";
    for (std::size_t i = 0; i < result.hosts.size() && i < kShown; ++i) {
        const DryRun::Host& host = result.hosts[i];
        const char* const sent = host.left_out == 0 ? "" : host.left_out == host.requests ? "  (left out)" : "  (left out in part)";
        out += fmt::format("  {:>12}  {}{}\n", format_count(host.requests), printable(host.name), sent);
    }
    if (result.hosts.size() > kShown) out += fmt::format("  {:>12}  more hosts\n", format_count(result.hosts.size() - kShown));
    return out;
}

}  // namespace

DryRun dry_run(const ReplayOptions& options) {
    check(options);
    LogOptions reading = log_options(options);
    reading.stopped = [] { return interruption::received() != 0; };
    const ShapeOptions shape_options = choose_hosts(options);
    Log log(options.logs, reading);
    Shape shape(shape_options);
    HostCounts hosts;
    PathTable paths;
    RateOverTime rate;
    Schedule schedule(options.pace, options.max_gap);
    DryRun result;
    result.rounds = options.rounds;
    result.duration = options.duration;
    result.formats = log.formats();
    const std::string host = options.target.empty() ? "localhost" : http::parse_url(options.target).authority();
    std::vector<std::uint64_t> counts(PathTable::kLimit + 1);
    Record record;
    std::string bytes;
    while (log.next(record)) {
        constexpr std::uint64_t kAskedEvery = 1024;
        if (result.read % kAskedEvery == 0 && interruption::received() != 0) break;
        ++result.read;
        if (const std::string_view named = host_of(record); !named.empty()) hosts.add(named);
        if (!shape.apply(record)) {
            ++result.filtered;
            continue;
        }
        bytes.clear();
        if (!append_wire(bytes, record, shape.host(record, host))) {
            --result.read;
            log.reject(why_not_sent(record));
            continue;
        }
        ++result.requests;
        result.bytes += bytes.size();
        result.largest = std::max<Bytes>(result.largest, bytes.size());
        if (!record.connection.empty()) ++result.sessions;
        ++counts[paths.intern(record.method, path_of_target(record.target))];
        const bool has_due = options.pace.kind == Pace::Kind::rate || (options.pace.kind == Pace::Kind::recorded && record.has_time);
        if (has_due) result.round = schedule.due(record.at);
        if (!record.has_time) continue;
        result.first = result.first ? std::min(*result.first, record.at) : record.at;
        result.last = result.last ? std::max(*result.last, record.at) : record.at;
        rate.add(record.at);
    }
    result.bad = log.bad();
    result.read += result.bad;
    if (interruption::received() != 0) result.warnings.push_back("interrupted: this is a part of the log");
    for (std::size_t i = 0; i < paths.names().size(); ++i) result.paths[paths.names()[i]] = counts[i];
    for (const auto& [name, count] : hosts.ranking()) result.hosts.push_back({name, count, 0});
    for (const auto& [name, count] : shape.other_hosts().ranking())
        for (DryRun::Host& known : result.hosts)
            if (known.name == name) known.left_out = count;
    result.step = rate.step();
    result.rate = rate.counts();
    for (std::string& line : log.damage().lines()) result.warnings.push_back(std::move(line));
    for (const std::string& warning : log.warnings()) result.warnings.push_back(warning);
    for (std::string& warning : shape.warnings("would be left out")) result.warnings.push_back(std::move(warning));
    return result;
}

std::string dry_run_text(const DryRun& result) {
    std::string out =
        fmt::format("would send {} requests ({}, the largest {}), from {}\n", format_count(result.requests),
                    format_bytes(static_cast<double>(result.bytes)), format_bytes(static_cast<double>(result.largest)), result.formats);
    out += fmt::format("  read {} = {} to send + {} filtered + {} bad\n", format_count(result.read), format_count(result.requests),
                       format_count(result.filtered), format_count(result.bad));
    if (result.sessions > 0) out += fmt::format("  {} of them keep to their session's connection\n", format_count(result.sessions));
    if (result.first) {
        const Nanoseconds span = *result.last - *result.first;
        out += fmt::format("  span {}{}\n", format_duration(span), average(result.requests, span));
    } else if (result.requests > 0) {
        out += "  no time stamps: --pace must be a rate or max\n";
    }
    out += pace_text(result);
    std::vector<std::pair<std::uint64_t, std::string>> ranking;
    for (const auto& [path, count] : result.paths) ranking.emplace_back(count, path);
    std::sort(ranking.begin(), ranking.end(),
              [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    out += "\nBy request\n";
    for (const auto& [count, path] : ranking) out += fmt::format("  {:>12}  {}\n", format_count(count), printable(path));
    out += hosts_text(result);
    out += rate_text(result);
    if (!result.warnings.empty()) out += "\nWarnings\n";
    for (const std::string& warning : result.warnings) out += "  " + warning + "\n";
    return out;
}

std::string dry_run_json(const DryRun& result) {
    nlohmann::ordered_json out;
    out["schema"] = 1;
    out["read"] = result.read;
    out["bad"] = result.bad;
    out["filtered"] = result.filtered;
    out["requests"] = result.requests;
    out["bytes"] = result.bytes;
    out["largest_bytes"] = result.largest;
    if (result.first) {
        const double span = to_seconds(*result.last - *result.first);
        out["first_ns"] = result.first->count();
        out["last_ns"] = result.last->count();
        out["span_s"] = span;
        if (span > 0) out["rate"] = static_cast<double>(result.requests - 1) / span;  // intervals, as the replay has them
    }
    out["rounds"] = result.rounds;
    out["round_s"] = result.round ? nlohmann::ordered_json(to_seconds(*result.round)) : nlohmann::ordered_json();
    out["formats"] = result.formats;
    out["paths"] = nlohmann::ordered_json::object();
    for (const auto& [path, count] : result.paths) out["paths"][path] = count;
    out["hosts"] = nlohmann::ordered_json::object();
    for (const DryRun::Host& host : result.hosts) out["hosts"][host.name] = {{"requests", host.requests}, {"left_out", host.left_out}};
    out["steps"] = {{"seconds", to_seconds(result.step)}, {"requests", result.rate}};
    out["warnings"] = result.warnings;
    return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace leakline::replay
