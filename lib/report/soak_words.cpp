#include "report/internal/soak_words.hpp"

#include <fmt/format.h>

#include "base/quantities.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

std::string forecast(const Soak& soak, const std::optional<Bytes>& limit) {
    std::string text;
    if (soak.growth == Soak::Growth::none && soak.level_bytes)
        return fmt::format("after {:.4g} h of this traffic: flat at {}", soak.hours, format_bytes(soak.level_bytes->estimate));
    if (soak.growth == Soak::Growth::with_requests && soak.level_bytes) {
        text = fmt::format("after {:.4g} h of this traffic: {}", soak.hours, interval_text(*soak.level_bytes));
        if (limit && soak.time_to_limit_h)
            text += fmt::format("; {} after {}", format_bytes(static_cast<double>(*limit)), hours_interval_text(*soak.time_to_limit_h));
        return text;
    }
    return fmt::format("after {:.4g} h of this traffic: not extrapolated", soak.hours);
}

std::string_view end_words(SoakRun::End end) {
    switch (end) {
        case SoakRun::End::whole: return "complete";
        case SoakRun::End::decided: return "until the verdict was clear";
        case SoakRun::End::limit: return "until memory was at its limit";
        case SoakRun::End::killed: return "until the kernel killed the service at its limit";
        case SoakRun::End::memory: return "until the machine ran low on memory";
        case SoakRun::End::time: return "stopped by --soak-time";
        case SoakRun::End::exhausted: return "until descriptors or mappings were nearly used up";
        case SoakRun::End::stopped: return "stopped early";
    }
    return "stopped early";
}

std::string run_words(const SoakRun& run, const std::optional<Bytes>& limit) {
    std::string text = fmt::format("{:.4g}x: {:.3g} h of traffic ({}) in {:.3g} s, {} requests, {}", run.time_scale, run.hours,
                                   end_words(run.end), run.duration_s, format_count(run.requests), trend_name(run.trend.verdict));
    if (run.trend.bytes_per_request) text += fmt::format(", {} per request", interval_text(*run.trend.bytes_per_request));
    if (limit && run.limit_reached_h)
        text += fmt::format("; reached {} after {}", format_bytes(static_cast<double>(*limit)), hours_text(*run.limit_reached_h));
    return text;
}

}  // namespace

std::vector<std::string> soak_words(const Diagnosis& diagnosis) {
    if (!diagnosis.soak) return {};
    const Soak& soak = *diagnosis.soak;
    std::vector<std::string> words = {forecast(soak, diagnosis.memory_limit)};
    for (const SoakRun& run : soak.runs) words.push_back(run_words(run, diagnosis.memory_limit));
    return words;
}

}  // namespace leakline::report
