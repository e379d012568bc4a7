// Rules about services of several processes, of which the recorder sees one.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analysis/resources.hpp"
#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"

namespace leakline::analysis {

namespace {

// Of the processor time under traffic: below this the other processes are helpers (a logger, a watchdog).
constexpr double kHelpers = 0.25;
// Of the growth of memory.
constexpr double kMainShare = 0.5;

bool grew_unrecorded(const ProcessTree& tree) {
    double recorded = 0;
    for (const ProcessGrowth& process : tree.processes)
        if (process.recorded) recorded += std::max(0.0, process.growth_bytes());
    return tree.unrecorded_growth_bytes > 0 && tree.unrecorded_growth_bytes >= kMainShare * (tree.unrecorded_growth_bytes + recorded);
}

std::string other_processes(const ProcessTree& tree) {
    if (tree.seen < 2) return "short-lived processes";
    return tree.seen == 2 ? "another process" : fmt::format("{} processes", format_count(tree.seen - 1));
}

// The most that another process of that name grew by that used at least twice the CPU time; nothing if there is none.
std::optional<double> growth_of_busier(const ProcessTree& tree, const ProcessGrowth& process) {
    constexpr double kBusier = 2, kKnown_s = 0.1;  // the kernel counts in ticks of 10 ms
    std::optional<double> most;
    for (const ProcessGrowth& other : tree.processes)
        if (&other != &process && !other.ended && other.name == process.name && other.cpu_s >= std::max(kBusier * process.cpu_s, kKnown_s))
            most = std::max(most.value_or(0), other.growth_bytes());
    return most;
}

// "4 processes nginx": those that grew, without the recorded one.
std::string growing_processes(const ProcessTree& tree) {
    constexpr double kShare = 0.05;  // of the growth
    std::map<std::string, int> names;
    int all = 0;
    for (const ProcessGrowth& process : tree.processes) {
        if (process.recorded || process.ended || process.growth_bytes() < kShare * tree.unrecorded_growth_bytes) continue;
        ++names[process.name];
        ++all;
    }
    std::string text;
    for (const auto& [name, count] : names) text += (text.empty() ? "" : ", ") + (count > 1 ? fmt::format("{} x {}", count, name) : name);
    return fmt::format("{} process{} that {} not recorded ({})", all, all == 1 ? "" : "es", all == 1 ? "was" : "were", text);
}

}  // namespace

double unrecorded_share(const ProcessTree& tree) {
    const double all = tree.recorded_cpu_s + tree.unrecorded_cpu_s;
    if (tree.seen < 2 && tree.unrecorded_cpu_s <= 0) return 0;
    // The kernel counts in ticks of 10 ms: with so little traffic, who answered it is not known.
    return all > 0 ? tree.unrecorded_cpu_s / all : 1;
}

std::optional<Conclusion> unrecorded_processes_grow(const Facts& facts, const Policy& policy) {
    const ProcessTree& tree = facts.evidence.resources.tree;
    const TrendVerdict& trend = facts.evidence.trend;
    if (!facts.memory_grows() || tree.seen < 2 || !grew_unrecorded(tree)) return std::nullopt;
    if (const auto words = near_detection_limit(trend); words && !facts.evidence.oom_kill)
        return Conclusion{
            Verdict::inconclusive,
            {fmt::format("the memory of {} grows, but {}: rerun with more rounds (--rounds)", growing_processes(tree), *words)},
            {}};
    // What is no leak in the first process is none in the others: what allocators and collectors hold back, a cache that is filling.
    for (const Rule rule : {memory_grows_too_little, memory_may_be_a_cache})
        if (auto held = rule(facts, policy)) return held;
    std::string rate;
    if (trend.bytes_per_request) rate = fmt::format(", by {} per request in total", format_bytes(trend.bytes_per_request->estimate));
    return Conclusion{
        Verdict::leak,
        {fmt::format("the memory of {} grows until the end{}", growing_processes(tree), rate),
         "the recorder follows only one process, so no source line is known: run the service as one process (one worker, no fork) to get "
         "lines"},
        {}};
}

// Workers are alike, but connections are not spread evenly over them: one that leaks may get requests in one round and hardly any
// later, and its growth then looks like a warm-up.
std::optional<Conclusion> one_process_grew(const Facts& facts, const Policy&) {
    constexpr double kMuch = 1 * kMiB, kTimes = 4, kLittle = 64 * 1024;
    const ProcessTree& tree = facts.evidence.resources.tree;
    if (!does_not_grow(facts.evidence.trend.verdict)) return std::nullopt;
    for (const ProcessGrowth& process : tree.processes) {
        if (process.ended || process.growth_bytes() < kMuch) continue;
        const auto others = growth_of_busier(tree, process);
        if (!others || process.growth_bytes() < kTimes * std::max(*others, kLittle)) continue;
        return Conclusion{
            Verdict::inconclusive,
            {fmt::format(
                "{} (pid {}) grew by {}, and processes of that name that were twice as busy by at most {}: it may leak and have got few "
                "requests since; rerun with more connections (--connections 32) or --connection-per-request, so that each process "
                "gets requests in each round",
                process.name, process.pid, format_bytes(process.growth_bytes()), format_bytes(*others))},
            {}};
    }
    return std::nullopt;
}

std::optional<Conclusion> work_was_not_recorded(const Facts& facts, const Policy&) {
    const ProcessTree& tree = facts.evidence.resources.tree;
    const double share = unrecorded_share(tree);
    if (share < kHelpers) return std::nullopt;
    return Conclusion{
        Verdict::inconclusive,
        {fmt::format(
            "{:.0f} % of the CPU time was used outside of the recorded process ({}): memory was measured there, but not source lines; run the service as one process (one worker, no fork)",
            share * 100, other_processes(tree))},
        {}};
}

}  // namespace leakline::analysis
