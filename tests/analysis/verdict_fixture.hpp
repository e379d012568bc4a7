// Diagnoses as the runs of a service leave them, before they are judged.
#pragma once

#include <algorithm>

#include "analysis/verdict/verdict.hpp"

namespace leakline::test {

inline Diagnosis measured(Trend trend, bool line_leaks, std::int64_t line_growth = 8 << 20) {
    Diagnosis diagnosis;
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = 200'000;
    diagnosis.replay.statuses[200] = 200'000;
    diagnosis.lines.mark_requests = {0, 200'000};
    diagnosis.requests_per_second = 10;
    diagnosis.memory_limit = Bytes{512} << 20;
    diagnosis.series.seconds = {0, 1};
    diagnosis.series.value = {12.0 * kMiB, 20.0 * kMiB};
    diagnosis.trend.verdict = trend;
    diagnosis.trend.reasons = {"seen so"};
    diagnosis.trend.bytes_per_request = trend == Trend::growing ? Interval{1000, 900, 1100} : Interval{0, -20, 20};
    diagnosis.trend.detectable_bytes_per_request = 50;
    LineGrowth line;
    line.at = {"track_user_behavior", "/src/track.cpp", 31};
    line.growth_bytes = line_growth;
    line.bytes_per_request = Interval{990, 980, 1000};
    line.growth_class = line_leaks ? GrowthClass::linear : GrowthClass::filling_then_flat;
    line.leaking = line_leaks;
    line.live_last_blocks = line.kept_entries = 200'000;
    line.allocations = 200'000;
    diagnosis.lines.lines = {line};
    return diagnosis;
}

// A run of so many requests, bare and recorded, of which this share left an entry.
inline void run_of(Diagnosis& diagnosis, std::uint64_t requests, double share) {
    diagnosis.replay.read = diagnosis.replay.sent = diagnosis.replay.completed = requests;
    diagnosis.replay.statuses = {{200, requests}};
    diagnosis.lines.mark_requests = {0, requests};
    LineGrowth& line = diagnosis.lines.lines[0];
    line.live_last_blocks = line.kept_entries = static_cast<std::int64_t>(share * static_cast<double>(requests));
    line.allocations = static_cast<std::uint64_t>(line.kept_entries);
}

inline Verdict verdict_of(Diagnosis diagnosis) {
    analysis::judge(diagnosis);
    CHECK_FALSE(diagnosis.reasons.empty());
    return diagnosis.verdict;
}

// Memory that grew by so many MiB, and no line did.
inline Diagnosis outside(double mib) {
    Diagnosis diagnosis = measured(Trend::growing, false);
    diagnosis.series.value[1] = (12 + mib) * kMiB;
    return diagnosis;
}

}  // namespace leakline::test
