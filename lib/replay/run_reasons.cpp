#include "replay/internal/run_reasons.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/quantities.hpp"

namespace leakline::replay {

namespace {

std::string why_nothing(const ReplayStats& stats) {
    if (stats.read == 0) return "the log has no requests";
    if (stats.unsent > 0) return "the replay ended before the first request";
    if (stats.filtered == 0) return "no line of the log could be read";
    return format_count(stats.filtered) + (stats.filtered == 1 ? " request was filtered out" : " requests were filtered out");
}

std::string why_skipped(const ReplayValues& values, std::uint64_t items) {
    const auto most = std::max_element(values.extracted.begin(), values.extracted.end(),
                                       [](const auto& a, const auto& b) { return a.missing < b.missing; });
    std::string reason = fmt::format("{} of {} requests were not sent: no response of their session gave {{{}}}",
                                     format_count(values.skipped), format_count(items), most->name);
    if (most->found > 0) return reason + "; --missing-value shared takes it from any session, --session says what identifies a session";
    if (most->searched == 0) return reason + "; no request has the method and path of its --extract";
    return reason + fmt::format(" (of {} that were searched)", format_count(most->searched)) +
           (values.undecodable > 0 ? "; --header 'Accept-Encoding: identity' asks for uncompressed responses" : "");
}

// nginx takes a connection without a valid client certificate, and refuses each request.
std::string_view refusal_hint(const EndedRun& run) {
    if (run.tally.most_refused() == 400 && run.url.scheme == http::Url::Scheme::https)
        return run.options.connect.certificate_file.empty() ? "if the service requires a client certificate: --cert FILE --key FILE"
                                                            : "--cert takes a certificate of an authority that the service trusts";
    return status_hint(run.tally.most_refused());
}

std::string advice(std::string_view text) { return text.empty() ? std::string() : "; " + std::string(text); }

}  // namespace

std::vector<std::string> reasons_against(const EndedRun& run) {
    const ReplayStats& stats = run.stats;
    const ReplayOptions& options = run.options;
    std::vector<std::string> reasons;
    const std::uint64_t failed = run.tally.failed_count();
    const std::string why = run.failures.most_frequent();
    if (!run.stop_reason.empty()) reasons.push_back("stopped: " + run.stop_reason);
    if (stats.sent == 0)
        reasons.push_back("nothing was sent: " + why_nothing(stats));
    else if (stats.completed == 0)
        reasons.push_back("no request was answered by " + run.url.origin() + why);
    else if (static_cast<double>(failed) > options.max_failures * static_cast<double>(stats.sent))
        reasons.push_back(format_count(failed) + " of " + format_count(stats.sent) + " requests failed" + why);
    // A service that refuses most requests does not do the work that was recorded. An error that is in the log too is that work.
    else if (const std::uint64_t refused = run.tally.refused_count(); refused > (stats.completed - refused))
        reasons.push_back(format_count(refused) + " of " + format_count(stats.completed) + " responses were errors or redirections (" +
                          run.tally.refused_statuses() + "); if they are expected, accept them with --expect-status" +
                          advice(refusal_hint(run)));
    if (stats.values && static_cast<double>(stats.values->skipped) > options.max_failures * static_cast<double>(run.items))
        reasons.push_back(why_skipped(*stats.values, run.items));
    const auto lag = std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double, std::micro>(stats.send_lag.p99));
    if (options.pace.kind != Pace::Kind::max && lag > options.max_lag)
        reasons.push_back("send lag p99 " + format_duration(lag) + " is above " + format_duration(options.max_lag) +
                          ": the target, or this machine, is too slow for the pace with " + std::to_string(options.connections) +
                          " connections");
    return reasons;
}

std::string changed_version_text(const ReplayStats& stats, std::uint64_t changed, http::HttpVersion asked_for) {
    const bool http2 = stats.http2 != 0;
    return fmt::format("{} of {} requests in the log {} recorded over {}, and sent over {}{}", format_count(changed),
                       format_count(stats.log_requests), changed == 1 ? "was" : "were", http2 ? "HTTP/1" : "HTTP/2 or HTTP/3",
                       http2 ? "HTTP/2" : "HTTP/1.1",
                       !http2                                      ? "; --http2 sends HTTP/2"
                       : asked_for == http::HttpVersion::automatic ? "; --http1 sends HTTP/1.1"
                                                                   : "");
}

}  // namespace leakline::replay
