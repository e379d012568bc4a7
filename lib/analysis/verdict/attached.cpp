// Lines of a process that ran before it was recorded: frees of blocks that are older than the recording are not seen, so what replaces them,
// as in a cache that is full, looks like growth. Malloc's own figures, or memory as a whole, show which it is.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Of the growth of the leaking lines: so much of it must be growth of what malloc has handed out.
constexpr double kConfirmed = 0.5;
// Lines may grow by this many times as much as memory, which takes a part of it from what was free.
constexpr double kMostOfMemory = 2;

enum class Older {
    not_replaced,  // the lines' growth is growth
    replaced,      // it replaces older blocks
    unknown,
};

std::optional<double> growth_in_use(const LineReport& lines) {
    // The small blocks of Python's objects are not malloc's.
    if (!lines.accounting.older_freed_bytes || lines.runtime != Runtime::native) return std::nullopt;
    const Accounting& accounting = lines.accounting;
    return static_cast<double>(accounting.live_delta_bytes + accounting.overhead_delta_bytes.value_or(0) - *accounting.older_freed_bytes);
}

Older what_became_of_older(const Evidence& evidence, const Facts& facts) {
    const std::optional<double> in_use = growth_in_use(evidence.lines);
    if (in_use && *in_use >= kConfirmed * facts.leaking_bytes) return Older::not_replaced;
    if (facts.memory_grows()) return !in_use && explained_growth(evidence) <= kMostOfMemory ? Older::not_replaced : Older::replaced;
    if (in_use && *in_use < kBookkeepingBytes) return Older::replaced;
    return Older::unknown;
}

void withdraw_lines(Evidence& evidence) {
    for (LineGrowth& line : evidence.lines.lines) line.leaking = false;
    if (evidence.lines.headline) evidence.lines.headline->line.leaking = false;
    if (evidence.connections) {
        evidence.connections->leaks = false;
        evidence.connections->lines.clear();
    }
    for (EndpointGrowth& kind : evidence.endpoints) kind.leaks = false;
    evidence.held_by.reset();
    evidence.types.clear();
}

}  // namespace

void take_replaced_blocks(Evidence& evidence) {
    const Facts facts(evidence);
    if (!evidence.lines.attached || facts.leaking.empty()) return;
    const Older older = what_became_of_older(evidence, facts);
    if (older == Older::not_replaced) return;
    const LineGrowth& line = main_leaking_line(facts);
    const std::string grew = fmt::format("blocks allocated at {} since the attach grew by {}", short_place(line.at),
                                         format_bytes(static_cast<double>(line.growth_bytes)));
    const bool grows = facts.memory_grows();
    withdraw_lines(evidence);
    if (older == Older::unknown)
        evidence.lines.unconfirmed =
            grew + ", but memory did not: either they replace older blocks, as in a cache that is full, or they fill memory that was free";
    else if (grows)
        evidence.lines.unavailable = fmt::format(
            "{}, but they replace older blocks, so the line that leaks is not known: run for longer, or start the service under leakline",
            grew);
    else
        evidence.warnings.push_back(grew +
                                    ", but malloc has handed out no more memory: they replaced older blocks, as in a cache that is full");
}

std::optional<Conclusion> attached_memory_grows(const Facts& facts, const Policy& policy) {
    const LineReport& lines = facts.evidence.lines;
    if (!lines.attached || lines.unavailable.empty() || !facts.memory_grows() || !facts.leaking.empty()) return std::nullopt;
    for (const Rule rule : {memory_grows_too_little, memory_may_be_a_cache})
        if (auto held = rule(facts, policy)) return held;
    return lines_not_recordable(facts, policy);
}

std::optional<Conclusion> attached_lines_unconfirmed(const Facts& facts, const Policy&) {
    const std::string& why = facts.evidence.lines.unconfirmed;
    if (why.empty()) return std::nullopt;
    return Conclusion{
        Verdict::inconclusive,
        {why + ": run more requests than it holds entries (--rounds), or start the service under leakline (leakline diagnose ... -- CMD)"},
        {}};
}

}  // namespace leakline::analysis
