// The text of a segment's verdict. Pure.
#pragma once

#include <string>
#include <vector>

#include "analysis/trend/internal/segment.hpp"
#include "model/series.hpp"

namespace leakline::analysis::trend {

// Context of the verdict for its text.
struct ReasonContext {
    Trend verdict = Trend::inconclusive;
    std::size_t segments = 1;  // of different processes that were long enough to judge
    std::size_t agreeing = 1;  // of them, those with this verdict
    double total_duration_s = 0;
};

// Never empty; the first is the decisive one. A reason for inconclusive says what would decide it.
std::vector<std::string> reasons_in_words(const SegmentVerdict& segment, const ReasonContext& reason_context);

// The curve that fits best, for TrendVerdict::growth_class: "linear", "fill-then-flat", "sawtooth", ...
std::string growth_class(const SegmentVerdict& segment, Trend verdict);

}  // namespace leakline::analysis::trend
