// Rules for memory that grows although no line does: what the program maps itself, and what allocators and runtimes hold back.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analysis/verdict/rules.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::analysis {

namespace {

// The estimate must be so many times the smallest growth that the run could have seen: on 12 false alarms that were measured,
// 11 were below it.
constexpr double kAboveDetection = 2;
// Allocators keep up to this much for threads and size classes that warm up late (tcmalloc's thread caches alone 32 MiB in all).
constexpr double kRetainedByAllocator = 32 * kMiB;
// CPython, Perl, PHP and Ruby take arenas of at most 1 MiB over malloc, and free as soon as nothing refers to an object.
constexpr double kRetainedByInterpreter = 8 * kMiB;
// A collected heap grows to its next collection: at least this much, and to twice its size.
constexpr double kRetainedByCollector = 128 * kMiB;
// Services of many processes: what all of their allocators hold back at most.
constexpr double kRetainedInAll = 512 * kMiB;
// In the idle second after the rounds, of growth that follows time.
constexpr double kIdleGrowth = 64 * 1024;

// The program's name: the first word that is neither a variable nor what starts another program.
std::string_view program_of(std::string_view command) {
    for (const std::string_view word : split(command, ' ')) {
        const std::string_view base = file_name(word);
        if (!word.starts_with('-') && base != "env" && base != "exec" && word.find('=') == std::string_view::npos) return base;
    }
    return {};
}

std::optional<std::string_view> collected_program(std::string_view program) {
    static constexpr std::array<std::string_view, 7> kNames = {"java", "node", "nodejs", "bun", "deno", "dotnet", "npm"};
    const auto found = std::find(kNames.begin(), kNames.end(), program);
    return found != kNames.end() ? std::optional(*found) : std::nullopt;
}

}  // namespace

// Where live heap bytes were counted that no line is known for.
std::optional<std::string> lines_unknown(const Evidence& evidence) {
    const Accounting& accounting = evidence.lines.accounting;
    const auto unattributed = static_cast<double>(accounting.unattributed_bytes);
    const double memory = accounting.rss_delta_bytes ? static_cast<double>(*accounting.memory_delta_bytes()) : late_growth(evidence);
    if (unattributed < 64 * 1024 || unattributed < kExplainingShare * memory) return std::nullopt;
    return fmt::format(
        "memory keeps growing, and {} of it is live heap whose source lines are not known (no debug info, or names could not be "
        "read: see the warnings)",
        format_bytes(unattributed));
}

double level_after_first_round(const Evidence& evidence) {
    const Series& series = evidence.series;
    if (series.size() == 0) return 0;
    double end_s = series.seconds.front();
    if (!evidence.rounds.empty())
        end_s = evidence.rounds.front().end_s;
    else if (evidence.soak)
        end_s += evidence.trend.warmup_end_s;
    double level = series.value.front();
    for (std::size_t i = 0; i < series.size() && series.seconds[i] <= end_s; ++i) level = series.value[i];
    return level;
}

double late_growth(const Evidence& evidence) {
    const Series& series = evidence.series;
    return series.size() == 0 ? 0 : series.value.back() - level_after_first_round(evidence);
}

std::optional<std::string_view> collected_runtime(const Evidence& evidence) {
    if (const auto runtime = collected_program(program_of(evidence.command))) return runtime;
    for (const ProcessGrowth& process : evidence.resources.tree.processes)
        if (const auto runtime = collected_program(process.name); runtime && process.last_bytes > process.first_bytes) return runtime;
    return std::nullopt;
}

namespace {

bool is_interpreter(std::string_view command) {
    static constexpr std::array<std::string_view, 5> kInterpreters = {"python", "ruby", "php", "perl", "beam"};
    const std::string_view program = program_of(command);
    return collected_program(program) ||
           std::any_of(kInterpreters.begin(), kInterpreters.end(), [&](std::string_view name) { return program.starts_with(name); });
}

bool interpreted(const Evidence& evidence) {
    const auto& processes = evidence.resources.tree.processes;
    return is_interpreter(evidence.command) || std::any_of(processes.begin(), processes.end(), [](const ProcessGrowth& process) {
               return process.recorded && is_interpreter(process.name);
           });
}

bool grows_while_idle(const Evidence& evidence) {
    return evidence.split.bytes_per_hour_by_time && evidence.idle && evidence.idle->growth_bytes >= kIdleGrowth;
}

// Freed memory that malloc retains, where that is most of the growth.
std::optional<double> retained_by_malloc(const Evidence& evidence) {
    const Accounting& accounting = evidence.lines.accounting;
    if (!accounting.retention_delta_bytes || !accounting.rss_delta_bytes || *accounting.memory_delta_bytes() <= 0) return std::nullopt;
    const auto retained = static_cast<double>(*accounting.retention_delta_bytes);
    return retained >= kExplainingShare * static_cast<double>(*accounting.memory_delta_bytes()) ? std::optional(retained) : std::nullopt;
}

std::string outside_words(const Evidence& evidence) {
    if (auto words = lines_unknown(evidence)) return *words;
    if (const auto retained = retained_by_malloc(evidence))
        return fmt::format("memory keeps growing, but live heap does not: malloc retains {} of freed memory (fragmentation)",
                           format_bytes(*retained));
    return "memory keeps growing, but no source line does: it grows outside of what the recorder sees (mmap, "
           "thread stacks, fragmentation, a custom allocator)";
}

}  // namespace

std::optional<std::string> near_detection_limit(const TrendVerdict& trend) {
    const double growth = trend.slope_bytes_per_hour.estimate, detectable = trend.detectable_bytes_per_hour.value_or(0);
    if (growth >= kAboveDetection * detectable) return std::nullopt;
    return fmt::format("the growth of {}/h is less than twice the detection limit ({}/h)", format_bytes(growth), format_bytes(detectable));
}

std::optional<double> retained_growth(const Facts& facts) {
    const Evidence& evidence = facts.evidence;
    // Heap bytes that are still live are not held back by an allocator, whichever lines they come from.
    if (lines_unknown(evidence)) return std::nullopt;
    // What grows while nothing is requested is no allocator that warms up.
    if (grows_while_idle(evidence)) return std::nullopt;
    double held = collected_runtime(evidence) ? std::max(kRetainedByCollector, level_after_first_round(evidence))
                  : interpreted(evidence)     ? kRetainedByInterpreter
                                              : kRetainedByAllocator;
    // Each process has an allocator of its own.
    const std::vector<ProcessGrowth>& processes = evidence.resources.tree.processes;
    const auto growing = std::count_if(processes.begin(), processes.end(), [](const ProcessGrowth& process) {
        return !process.ended && process.growth_bytes() >= kIdleGrowth;
    });
    if (!collected_runtime(evidence)) held = std::min(kRetainedInAll, held * static_cast<double>(std::max<std::ptrdiff_t>(1, growing)));
    return late_growth(evidence) < held ? std::optional(held) : std::nullopt;
}

std::optional<Conclusion> killed_before_growth(const Facts& facts, const Policy&) {
    const Evidence& evidence = facts.evidence;
    if (!evidence.oom_kill || facts.memory_grows() || lines_leak(facts)) return std::nullopt;
    return Conclusion{
        Verdict::inconclusive,
        {fmt::format("the service was {} before growth could be measured: the limit may be too low; rerun with a higher --memory-limit",
                     evidence.oom_kill->text)},
        {}};
}

std::optional<Conclusion> memory_grows_too_little(const Facts& facts, const Policy& policy) {
    const Evidence& evidence = facts.evidence;
    if (!facts.memory_grows() || evidence.oom_kill) return std::nullopt;
    const std::string longer = evidence.soak ? "a longer soak (--soak-time)" : "more rounds (--rounds)";
    const bool counted = lines_unknown(evidence).has_value();
    const std::string& why = evidence.lines.unavailable;
    const char* no_line = !facts.leaking.empty() ? ", but lines explain little of it"
                          : why.empty()          ? " without a source line that grows"
                                                 : "";
    Conclusion conclusion;
    if (const auto words = near_detection_limit(evidence.trend); words && !counted) {
        conclusion.reasons.push_back(fmt::format("memory grows{}, but {}: rerun with {}", no_line, *words, longer));
        if (!why.empty()) conclusion.reasons.push_back(why);
        return conclusion;
    }
    const auto held = retained_growth(facts);
    if (!held) return std::nullopt;
    const auto runtime = collected_runtime(evidence);
    const double late = late_growth(evidence),
                 requests = requests_for_growth(evidence, static_cast<double>(evidence.replay.completed), *held);
    conclusion.reasons.push_back(
        fmt::format("memory grew by {} after the {}{}: {} may retain {}; only growth beyond that would be a leak{}", format_bytes(late),
                    evidence.soak ? "warm-up" : "first round", no_line,
                    runtime ? fmt::format("the garbage collector of {}", *runtime) : std::string("an allocator"), format_bytes(*held),
                    evidence.soak ? "; rerun with " + longer
                    : late > 0    ? "; " + what_decides(evidence, requests, policy)
                                  : ""));
    if (!why.empty()) conclusion.reasons.push_back(why);
    return conclusion;
}

void take_heap_mappings(Evidence& evidence) {
    const auto runtime = collected_runtime(evidence);
    if (!runtime || does_not_grow(evidence.trend.verdict)) return;
    const auto of_heap = [](const ResourceGrowth& growth) {
        const auto other = [](const ResourceKind& kind) { return kind.growth > 0 && kind.name != "anonymous memory rw-p"; };
        return growth.resource == Resource::mappings && growth.verdict == Trend::growing && !growth.exhausted && !growth.kinds.empty() &&
               std::none_of(growth.kinds.begin(), growth.kinds.end(), other);
    };
    if (std::erase_if(evidence.resources.counts, of_heap) > 0)
        evidence.warnings.push_back(
            fmt::format("memory mappings grew: they are parts of the heap of {}, which is judged as memory", *runtime));
}

// A program that allocates much at its start (a ring, a table with a place for each user) and fills it bit by bit grows in memory until
// every page of it was used.
std::optional<Conclusion> memory_used_first(const Facts& facts, const Policy& policy) {
    const Evidence& evidence = facts.evidence;
    if (!facts.memory_grows() || !facts.leaking.empty() || evidence.oom_kill || evidence.soak || evidence.series.size() == 0)
        return std::nullopt;
    // Growth with another known cause is no first use.
    if (lines_unknown(evidence) || retained_by_malloc(evidence) || grows_while_idle(evidence)) return std::nullopt;
    double live = 0;
    const LineGrowth* largest = nullptr;
    for (const LineGrowth& line : evidence.lines.lines) {
        live += static_cast<double>(line.live_last_bytes);
        if (largest == nullptr || line.live_last_bytes > largest->live_last_bytes) largest = &line;
    }
    const double unused = live - evidence.series.value.back(), late = late_growth(evidence);
    if (late <= 0 || unused < 0 || static_cast<double>(largest->live_last_bytes) < late) return std::nullopt;
    const double requests = requests_for_growth(evidence, static_cast<double>(evidence.replay.completed), late + unused);
    return Conclusion{
        Verdict::inconclusive,
        {fmt::format("memory grows and no source line does, but at least {} of the live heap was not used yet (most was allocated at {}, "
                     "{}): its first use would look the same; {}",
                     format_bytes(unused), short_place(largest->at), format_bytes(static_cast<double>(largest->live_last_bytes)),
                     what_decides(evidence, requests, policy))},
        {}};
}

std::optional<Conclusion> memory_grows_without_lines(const Facts& facts, const Policy&) {
    if (!facts.memory_grows()) return std::nullopt;
    return Conclusion{Verdict::leak, {outside_words(facts.evidence)}, {}};
}

std::optional<Conclusion> heap_hides_growth(const Facts& facts, const Policy&) {
    const Evidence& evidence = facts.evidence;
    const auto runtime = collected_runtime(evidence);
    // A JVM commits memory long before it needs it; V8 and Go collect before they grow.
    if (!runtime || (*runtime != "java" && *runtime != "dotnet") || evidence.max_growth || evidence.replay.completed == 0 ||
        evidence.series.size() == 0)
        return std::nullopt;
    const double hidden =
        *std::max_element(evidence.series.value.begin(), evidence.series.value.end()) / static_cast<double>(evidence.replay.completed);
    if (hidden <= kHiddenBytesPerRequest) return std::nullopt;
    return Conclusion{
        Verdict::inconclusive,
        {fmt::format("memory is {}, but the garbage-collected heap of {} can absorb up to {} per request without growing: {}",
                     trend_name(evidence.trend.verdict), *runtime, format_bytes(hidden),
                     *runtime == "java" ? "rerun with a smaller -Xmx or more rounds (--rounds), or use `jcmd PID GC.class_histogram`"
                                        : "rerun with more rounds (--rounds), or compare heap snapshots of the runtime's tools")},
        {}};
}

}  // namespace leakline::analysis
