// Text about what a replay would send.
#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/renderers.hpp"

namespace leakline::report {

namespace {

std::string average(const DryRun& result, Nanoseconds span) {
    const auto rate = result.per_second(span);
    return rate ? ", " + format_per_second(*rate) + " on average" : "";
}

// How long it would take; "" if that is the log's own time.
std::string pace_text(const DryRun& result) {
    if (!result.round || (result.rounds == 1 && !result.duration && result.first && *result.round == *result.last - *result.first))
        return {};
    std::string out = fmt::format("  {} at this pace{}", format_duration(*result.round), average(result, *result.round));
    if (result.rounds == 0) out += ", repeatedly";
    if (result.rounds > 1) out += fmt::format(", {} rounds", result.rounds);
    if (result.duration) out += fmt::format(", for at most {}", format_duration(*result.duration));
    return out + "\n";
}

// A chart of at most kLines, if there are enough requests for one.
std::string rate_text(const DryRun& result) {
    constexpr std::size_t kLines = 20, kRequestsOfALine = 4, kWidth = 50;
    const std::size_t most = std::min<std::size_t>(kLines, result.requests / kRequestsOfALine);
    if (most < 2 || result.rate.size() < 2) return {};
    const std::size_t joined = (result.rate.size() + most - 1) / most;
    const Nanoseconds step = result.step * static_cast<std::int64_t>(joined);
    std::vector<std::uint64_t> counts((result.rate.size() + joined - 1) / joined);
    for (std::size_t i = 0; i < result.rate.size(); ++i) counts[i / joined] += result.rate[i];
    const std::uint64_t peak = *std::max_element(counts.begin(), counts.end());
    std::string out = fmt::format("\nRequest rate over time, {} per row\n", format_duration(step));
    for (const std::uint64_t count : counts)
        out += fmt::format("  {:>14}  {}\n", format_per_second(static_cast<double>(count) / to_seconds(step)),
                           std::string(static_cast<std::size_t>(kWidth * count / peak), '#'));
    return out;
}

// The hosts in the log, if there are several or one is skipped.
std::string hosts_text(const DryRun& result) {
    constexpr std::size_t kShown = 20;
    if (result.hosts.size() < 2 && (result.hosts.empty() || result.hosts[0].left_out == 0)) return {};
    std::string out = "\nBy host\n";
    for (std::size_t i = 0; i < result.hosts.size() && i < kShown; ++i) {
        const DryRun::Host& host = result.hosts[i];
        const char* const sent = host.left_out == 0 ? "" : host.left_out == host.requests ? "  (skipped)" : "  (partly skipped)";
        out += fmt::format("  {:>12}  {}{}\n", format_count(host.requests), printable(host.name), sent);
    }
    if (result.hosts.size() > kShown) out += fmt::format("  {:>12}  more hosts\n", format_count(result.hosts.size() - kShown));
    return out;
}

}  // namespace

std::string dry_run_text(const DryRun& result) {
    std::string out = fmt::format("would send {} {} ({}, the largest {}); log format: {}\n", format_count(result.requests),
                                  result.requests == 1 ? "request" : "requests", format_bytes(static_cast<double>(result.bytes)),
                                  format_bytes(static_cast<double>(result.largest)), result.formats);
    out += fmt::format("  read {} = {} to send + {} filtered + {} bad\n", format_count(result.read), format_count(result.requests),
                       format_count(result.filtered), format_count(result.bad));
    if (result.sessions > 0) out += fmt::format("  {} of them are sent on their session's connection\n", format_count(result.sessions));
    if (result.first) {
        const Nanoseconds span = *result.last - *result.first;
        out += fmt::format("  span {}{}\n", format_duration(span), average(result, span));
    } else if (result.requests > 0) {
        out += "  no timestamps: --pace must be a rate or max\n";
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

}  // namespace leakline::report
