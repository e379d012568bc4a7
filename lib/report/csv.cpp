// CSV (RFC 4180) with "\n" line ends: one row per series (trend), line (lines, diagnosis) or run and line (history).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/resources_text.hpp"

namespace leakline::report {

namespace {

std::string cell(std::string_view text) {
    // A spreadsheet executes a cell that begins with one of these as a formula; function names and paths come from
    // untrusted files.
    std::string value(text);
    if (!value.empty() && std::string_view("=+-@\t\r").find(value.front()) != std::string_view::npos) value.insert(0, "'");
    if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
    std::string quoted = "\"";
    for (char c : value) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

// Shortest text that reads back as the same number; empty if there is none. Infinite: "inf", "-inf".
std::string cell(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

// Three significant digits without an exponent, for spreadsheets and readers; values below a
// millionth are 0. Empty if there is none.
std::string figure(double value) {
    constexpr double kNothing = 1e-6;
    constexpr int kDigits = 3;
    if (!std::isfinite(value)) return cell(value);
    if (std::fabs(value) < kNothing) return "0";
    const double rounded = std::stod(fmt::format("{:.{}e}", value, kDigits - 1));
    const int decimals = std::max(0, kDigits - 1 - static_cast<int>(std::floor(std::log10(std::fabs(rounded)))));
    std::string text = fmt::format("{:.{}f}", rounded, decimals);
    if (decimals > 0) text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
}

// A file's base name; a series of Prometheus is named by labels whose values may hold slashes.
std::string_view short_name(std::string_view name) {
    const std::string_view metric = name.substr(0, name.find('{'));
    return metric.size() < name.size() && metric.find('/') == std::string_view::npos ? name : file_name(name);
}

std::string render(const TrendReport& report) {
    std::string out =
        "file,verdict,p_leak,slope_mib_h,slope_low_mib_h,slope_high_mib_h,bytes_per_request,bytes_per_request_low,"
        "bytes_per_request_high,time_to_limit_h,reason\n";
    for (const TrendReport::Item& item : report.items) {
        const TrendVerdict& trend = item.verdict;
        const Interval& slope = trend.slope_bytes_per_hour;
        std::string request = ",,";
        if (const auto& bytes = trend.bytes_per_request)
            request = fmt::format("{},{},{}", figure(bytes->estimate), figure(bytes->low), figure(bytes->high));
        out += fmt::format("{},{},{},{},{},{},{},{},{}\n", cell(short_name(item.file)), trend_name(trend.verdict), figure(trend.p_leak),
                           figure(slope.estimate / kMiB), figure(slope.low / kMiB), figure(slope.high / kMiB), request,
                           trend.time_to_limit_h ? figure(trend.time_to_limit_h->estimate) : "",
                           cell(trend.reasons.empty() ? "" : trend.reasons.front()));
    }
    // A count has no bytes; its rate is in the reason.
    for (const TrendReport::Count& count : report.counts)
        out += fmt::format("{},{},,,,,,,,{},{}\n", cell(fmt::format("{} {}", short_name(count.file), resource_name(count.growth.resource))),
                           trend_name(count.growth.verdict), count.growth.time_to_limit_h ? figure(*count.growth.time_to_limit_h) : "",
                           cell(count.growth.reasons.empty() ? "" : count.growth.reasons.front()));
    return out;
}

// A leaking resource: its row has the line that opened it, its name in place of the function, and no bytes.
std::string resource_rows(const Diagnosis& diagnosis) {
    std::string out;
    for (const ResourceGrowth& growth : diagnosis.resources.counts) {
        if (growth.verdict != Trend::growing) continue;
        std::string name(resource_words(growth.resource));
        if (!growth.kinds.empty()) name += ": " + growth.kinds.front().name;
        const ResourceLine* const line = main_resource_line(diagnosis, growth.resource);
        out += fmt::format("{},{},{},,,,,,,,linear,true,{},,,,\n", line != nullptr ? cell(line->at.file) : "",
                           line != nullptr ? line->at.line : 0, cell(name), cell(growth.reasons.empty() ? "" : growth.reasons.front()));
    }
    return out;
}

std::string render(const LineReport& report) {
    std::string out =
        "file,line,function,growth_bytes,live_first_bytes,live_last_bytes,allocations,bytes_per_request,low,"
        "high,class,leaking,source,live_peak_bytes,bytes_per_hour,per_hour_low,per_hour_high\n";
    for (const LineGrowth& line : report.lines) {
        std::string request = ",,", hour = ",,";
        if (const auto& bytes = line.bytes_per_hour)
            hour = fmt::format("{},{},{}", cell(bytes->estimate), cell(bytes->low), cell(bytes->high));
        if (const auto& bytes = line.bytes_per_request)
            request = fmt::format("{},{},{}", cell(bytes->estimate), cell(bytes->low), cell(bytes->high));
        out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{}\n", cell(line.at.file), line.at.line, cell(line.at.function),
                           line.growth_bytes, line.live_first_bytes, line.live_last_bytes, line.allocations, request,
                           growth_class_name(line.growth_class), line.leaking ? "true" : "false", cell(line.source), line.live_peak_bytes,
                           hour);
    }
    return out;
}

// A row per line and conclusive run, for pivot tables of spreadsheets and for data frames.
std::string render(const History& history) {
    std::string out = "run,started,verdict,file,line,function,bytes_per_request,low,high,change,source\n";
    for (const History::Line& line : history.lines)
        for (std::size_t run = 0; run < history.runs.size(); ++run) {
            const auto& growth = line.growth[run];
            if (!growth) continue;
            const History::Run& item = history.runs[run];
            out += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", cell(item.file), cell(item.started), verdict_name(item.verdict),
                               cell(line.at.file), line.at.line, cell(line.at.function), cell(growth->estimate), cell(growth->low),
                               cell(growth->high), change_name(line.change), cell(line.source));
        }
    return out;
}

std::string render(const Diagnosis& diagnosis) { return render(diagnosis.lines) + resource_rows(diagnosis); }

}  // namespace

std::string render_csv(const Document& document, const RenderOptions&) {
    return render_form(document, "csv", [&](const auto& value) -> decltype(render(value)) { return render(value); });
}

}  // namespace leakline::report
