#include "replay/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "http/url.hpp"
#include "replay/log.hpp"
#include "replay/path_table.hpp"
#include "replay/wire.hpp"

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
        for (std::size_t i = 0; i < counts_.size(); i += 2)
            counts_[i / 2] = counts_[i] + (i + 1 < counts_.size() ? counts_[i + 1] : 0);
        counts_.resize((counts_.size() + 1) / 2);
        step_ *= 2;
    }

    Nanoseconds origin_{}, step_ = std::chrono::milliseconds(1);
    std::vector<std::uint64_t> counts_;
};

}  // namespace

DryRun dry_run(const ReplayOptions& options) {
    LogOptions log_options;
    log_options.format = options.log_format;
    log_options.max_bad_lines = options.max_bad_lines;
    log_options.map = options.log_map;
    Log log(options.logs, log_options);
    Shape shape(options.shape);
    PathTable paths;
    RateOverTime rate;
    DryRun result;
    result.formats = log.formats();
    const std::string host = options.target.empty() ? "localhost" : http::parse_url(options.target).authority();
    std::vector<std::uint64_t> counts(PathTable::kLimit + 1);
    Record record;
    std::string bytes;
    while (log.next(record)) {
        ++result.read;
        if (!shape.apply(record)) {
            ++result.filtered;
            continue;
        }
        bytes.clear();
        if (!append_wire(bytes, record, shape.host(record, host))) {
            --result.read;
            log.reject(kCannotBeSent);
            continue;
        }
        ++result.requests;
        result.bytes += bytes.size();
        result.largest = std::max<Bytes>(result.largest, bytes.size());
        if (!record.connection.empty()) ++result.sessions;
        ++counts[paths.intern(record.method, path_of_target(record.target))];
        if (!record.has_time) continue;
        result.first = result.first ? std::min(*result.first, record.at) : record.at;
        result.last = result.last ? std::max(*result.last, record.at) : record.at;
        rate.add(record.at);
    }
    result.bad = log.bad();
    result.read += result.bad;
    for (std::size_t i = 0; i < paths.names().size(); ++i) result.paths[paths.names()[i]] = counts[i];
    result.step = rate.step();
    result.rate = rate.counts();
    result.warnings = log.damage().lines();
    for (const std::string& warning : log.warnings()) result.warnings.push_back(warning);
    if (shape.without_body() > 0)
        result.warnings.push_back(format_count(shape.without_body()) +
                                  " requests had a body that the log does not have, and would be left out "
                                  "(--allow-empty-body sends them without)");
    return result;
}

std::string dry_run_text(const DryRun& result) {
    std::string out = fmt::format("would send {} requests ({}, the largest {}), from {}\n", format_count(result.requests),
                                  format_bytes(static_cast<double>(result.bytes)),
                                  format_bytes(static_cast<double>(result.largest)), result.formats);
    out += fmt::format("  read {} = {} to send + {} filtered + {} bad\n", format_count(result.read),
                       format_count(result.requests), format_count(result.filtered), format_count(result.bad));
    if (result.sessions > 0)
        out += fmt::format("  {} of them keep to their session's connection\n", format_count(result.sessions));
    if (result.first) {
        const Nanoseconds span = *result.last - *result.first;
        out += fmt::format("  span {}", format_duration(span));
        if (span.count() > 0) out += ", " + format_per_second(static_cast<double>(result.requests - 1) / to_seconds(span)) + " on average";
        out += "\n";
    } else {
        out += "  no time stamps: a rate or max pace only\n";
    }
    std::vector<std::pair<std::uint64_t, std::string>> ranking;
    for (const auto& [path, count] : result.paths) ranking.emplace_back(count, path);
    std::sort(ranking.begin(), ranking.end(),
              [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    out += "\nBy request\n";
    for (const auto& [count, path] : ranking) out += fmt::format("  {:>12}  {}\n", format_count(count), printable(path));
    if (result.rate.size() > 1) {
        const std::uint64_t peak = *std::max_element(result.rate.begin(), result.rate.end());
        out += fmt::format("\nRate over time, {} a line\n", format_duration(result.step));
        for (const std::uint64_t count : result.rate)
            out += fmt::format("  {:>14}  {}\n", format_per_second(static_cast<double>(count) / to_seconds(result.step)),
                               std::string(static_cast<std::size_t>(50 * count / peak), '#'));
    }
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
    out["formats"] = result.formats;
    out["paths"] = nlohmann::ordered_json::object();
    for (const auto& [path, count] : result.paths) out["paths"][path] = count;
    out["steps"] = {{"seconds", to_seconds(result.step)}, {"requests", result.rate}};
    out["warnings"] = result.warnings;
    return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace leakline::replay
