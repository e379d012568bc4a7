// Rules for programs whose lines cannot be recorded, and for lines that do not explain the growth of memory.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// The accounts that are larger than half of what resident memory grew by.
std::string largest_account(const Accounting& accounting) {
    const auto memory = accounting.memory_delta_bytes();
    if (!memory || *memory <= 0) return "outside of malloc, or retained by it";
    const double half = 0.5 * static_cast<double>(*memory);
    const auto large = [&](const std::optional<std::int64_t>& bytes) { return bytes && static_cast<double>(*bytes) > half; };
    if (large(accounting.retention_delta_bytes)) return "in freed memory that malloc retains";
    if (large(accounting.unattributed_bytes)) return "in heap memory that has no source line";
    if (large(accounting.other_delta_bytes)) return "outside of malloc (mmap, thread stacks, a custom allocator)";
    return "spread over several rows of the memory accounting";
}

}  // namespace

const LineGrowth& main_leaking_line(const Facts& facts) {
    const auto& headline = facts.evidence.lines.headline;
    const auto& lines = facts.evidence.lines.lines;
    // Of a part of the lines that leak, the headline says nothing.
    if (std::count_if(lines.begin(), lines.end(), [](const LineGrowth& line) { return line.leaking; }) !=
        static_cast<std::ptrdiff_t>(facts.leaking.size()))
        return *facts.leaking.front();
    return headline && headline->line.leaking ? headline->line : *facts.leaking.front();
}

std::optional<Conclusion> lines_explain_too_little(const Facts& facts, const Policy& policy) {
    const double share = explained_growth(facts.evidence);
    if (facts.leaking.empty() || !facts.memory_grows() || share >= kExplained) return std::nullopt;
    // A line that grows by next to nothing makes no leak of what a cleaned cache, an allocator or a collector holds.
    if (facts.leaking_bytes < kBookkeepingBytes)
        for (const Rule rule : {growth_was_freed_later, memory_grows_too_little})
            if (auto held = rule(facts, policy)) return held;
    if (auto cache = memory_may_be_a_cache(facts, policy)) return cache;
    const LineReport& lines = facts.evidence.lines;
    const TrendVerdict& trend = facts.evidence.trend;
    const std::string rate = trend.bytes_per_request ? format_bytes(trend.bytes_per_request->estimate) + " per request"
                                                     : format_bytes(trend.slope_bytes_per_hour.estimate) + "/h";
    std::string words = fmt::format("memory grows by {}, of which the leaking lines explain {:.0f} %: most of the growth is {}", rate,
                                    share * 100, largest_account(lines.accounting));
    if (!lines.unavailable.empty()) words += "; " + lines.unavailable;
    return Conclusion{Verdict::leak, {std::move(words)}, {}};
}

std::optional<Conclusion> lines_not_recordable(const Facts& facts, const Policy&) {
    const std::string& why = facts.evidence.lines.unavailable;
    if (why.empty() || !facts.memory_grows() || !facts.leaking.empty()) return std::nullopt;
    return Conclusion{Verdict::leak, {"memory keeps growing; " + why}, {}};
}

}  // namespace leakline::analysis
