#include "report/internal/resources_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/quantities.hpp"
#include "model/words.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

std::string resource_line(const ResourceGrowth& growth) {
    std::string text = growth.reasons.empty() ? std::string(resource_words(growth.resource)) : growth.reasons.front();
    if (growth.time_to_limit_h && growth.limit && !growth.exhausted)
        text += fmt::format("; the limit of {}{} is {}", format_count(*growth.limit),
                            growth.limit_name.empty() ? "" : fmt::format(" ({})", growth.limit_name),
                            *growth.time_to_limit_h <= 0 ? "reached already" : "reached in " + hours_text(*growth.time_to_limit_h));
    return text;
}

std::vector<std::string> resource_lines(const Diagnosis& diagnosis) {
    std::vector<std::string> lines;
    std::string stable;
    for (const ResourceGrowth& growth : diagnosis.resources.counts) {
        if (growth.verdict == Trend::growing || growth.verdict == Trend::inconclusive) {
            lines.push_back(resource_line(growth));
            continue;
        }
        stable += fmt::format("{}{}", stable.empty() ? "" : ", ", resource_words(growth.resource));
        // "file descriptors do not grow: no leak above 1 per 900 requests": only the limit differs between them.
        if (const std::size_t limit = growth.reasons.empty() ? std::string::npos : growth.reasons.front().rfind("above ");
            limit != std::string::npos)
            stable += fmt::format(" ({})", growth.reasons.front().substr(limit));
    }
    if (!stable.empty()) lines.push_back("no leak of " + stable);
    return lines;
}

namespace {

std::string_view row_name(Resource resource) {
    switch (resource) {
        case Resource::threads: return "started at";
        case Resource::mappings: return "not joined";  // threads, which keep the mappings of their stacks
        default: return "opened at";
    }
}

std::string code_text(const CodeLine& at) {
    return place_text(at) + (at.function.empty() ? "" : fmt::format(" ({})", short_function(at.function)));
}

std::string resource_line_text(const ResourceLine& line) {
    std::string text = code_text(line.at);
    if (line.caller) text += ", called from " + code_text(*line.caller);
    text += ": +" + number_words(line.growth);
    if (line.per_request && line.per_request->estimate > 0) text += ", " + per_request_words(line.per_request->estimate);
    return text;
}

void add_row(std::vector<ResourceLineRow>& rows, const ResourceLine& line) {
    const bool first = rows.empty() || rows.back().line->resource != line.resource;
    rows.push_back({first ? row_name(line.resource) : "", resource_line_text(line), &line});
}

}  // namespace

std::vector<ResourceLineRow> resource_line_rows(const Diagnosis& diagnosis) {
    constexpr std::size_t kMax = 3;
    constexpr double kShare = 0.1;
    std::vector<ResourceLineRow> rows;
    for (const ResourceGrowth& growth : diagnosis.resources.counts) {
        if (growth.growth <= 0 || (growth.verdict != Trend::growing && growth.verdict != Trend::inconclusive)) continue;
        double all = 0;
        for (const ResourceLine& line : diagnosis.lines.resource_lines) all += line.resource == growth.resource ? line.growth : 0;
        std::size_t shown = 0;
        for (const ResourceLine& line : diagnosis.lines.resource_lines)
            if (line.resource == growth.resource && line.growth >= kShare * all && shown++ < kMax) add_row(rows, line);
    }
    return rows;
}

const ResourceLine* main_resource_line(const Diagnosis& diagnosis, Resource resource) {
    for (const ResourceLineRow& row : resource_line_rows(diagnosis))
        if (row.line->resource == resource) return row.line;
    return nullptr;
}

std::vector<ResourceLineRow> resource_line_rows(const LineReport& lines) {
    std::vector<ResourceLineRow> rows;
    for (const ResourceLine& line : lines.resource_lines)
        if (line.grows) add_row(rows, line);
    return rows;
}

std::vector<std::string> process_lines(const Diagnosis& diagnosis) {
    constexpr std::size_t kMax = 8;
    constexpr double kSmall = 64 * 1024;
    const ProcessTree& tree = diagnosis.resources.tree;
    if (tree.seen < 2) return {};
    const double cpu = tree.recorded_cpu_s + tree.unrecorded_cpu_s;
    std::vector<std::string> lines = {fmt::format("{} in total, at most {} at once, {} exited during the run", format_count(tree.seen),
                                                  format_count(tree.most), format_count(tree.ended))};
    if (cpu > 0) lines.front() += fmt::format("; the recorded one used {:.0f} % of the CPU time", 100 * tree.recorded_cpu_s / cpu);
    if (tree.ended > 0 && tree.ended_growth_bytes >= kSmall)
        lines.push_back(fmt::format("the processes that exited had grown by {} (median): a leak that ends when they exit",
                                    format_bytes(tree.ended_growth_bytes)));
    std::size_t shown = 0;
    for (const ProcessGrowth& process : tree.processes) {
        const double grown = process.growth_bytes();
        if (grown < kSmall || shown == kMax) break;
        ++shown;
        std::string line = fmt::format("{} (pid {}{}): {} to {}, {}", process.name, process.pid, process.ended ? ", ended" : "",
                                       format_bytes(process.first_bytes), format_bytes(process.last_bytes), trend_name(process.verdict));
        if (process.verdict == Trend::growing && process.bytes_per_request)
            line += fmt::format(", {} per request of the service", interval_text(*process.bytes_per_request));
        lines.push_back(std::move(line));
    }
    return lines;
}

std::string count_line(const TrendReport::Count& count) { return fmt::format("{}: {}", count.file, resource_line(count.growth)); }

}  // namespace leakline::report
