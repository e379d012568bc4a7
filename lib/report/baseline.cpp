#include "report/baseline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/summary.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kLongestHistory = 50;

// Growth as the baseline measures it: per request where requests are known, else of the whole run.
Interval growth_of(const LineGrowth& line) {
    if (line.bytes_per_request) return *line.bytes_per_request;
    const double bytes = static_cast<double>(line.growth_bytes);
    return {bytes, bytes, bytes};
}

// What stands for that line: of equal ones the twin-th largest. Nothing where there is none.
const Baseline::Line* find_line(const std::vector<Baseline::Line>& lines, const LineName& name) {
    std::vector<const Baseline::Line*> equal;
    for (const Baseline::Line& line : lines)
        if (line.function == name.function && line.source == name.source) equal.push_back(&line);
    std::stable_sort(equal.begin(), equal.end(), [](const auto* a, const auto* b) { return a->bytes_per_request > b->bytes_per_request; });
    return name.twin < equal.size() ? equal[name.twin] : nullptr;
}

// People write "load_plugins" for what debug info calls "app::load_plugins(Config const&)".
bool covers(const Baseline::Suppression& suppression, const LineGrowth& line) {
    if (!suppression.source.empty() && suppression.source != trim(line.source)) return false;
    const std::string& wanted = suppression.function;
    const std::string name = short_function(line.at.function);
    return wanted == line.at.function || wanted == name || name.ends_with("::" + wanted);
}

// Per hour means at the log's own rate, as it does for --max-growth; where there is none, at the pace of the run.
bool within(const Baseline::Suppression& suppression, const LineGrowth& line, const std::optional<double>& requests_per_second) {
    const bool per_request = suppression.max.per == Growth::Per::request;
    if (!per_request && line.bytes_per_request && requests_per_second)
        return line.bytes_per_request->low * *requests_per_second * 3600 <= suppression.max.bytes;
    const auto& growth = per_request ? line.bytes_per_request : line.bytes_per_hour;
    return growth && growth->low <= suppression.max.bytes;
}

std::string name_of(const LineGrowth& line) { return fmt::format("{} in {}", place_text(line.at), short_function(line.at.function)); }

bool is_date(const std::string& text) {
    constexpr std::string_view kShape = "dddd-dd-dd";
    if (text.size() != kShape.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (kShape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != kShape[i]) return false;
    const auto number = [&](std::size_t begin, std::size_t count) { return std::stoi(text.substr(begin, count)); };
    return std::chrono::year_month_day(std::chrono::year(number(0, 4)), std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                       std::chrono::day(static_cast<unsigned>(number(8, 2))))
        .ok();
}

[[noreturn]] void bad(const std::string& name, const std::string& what) {
    throw Error(ErrorKind::input, name, what,
                "leakline baseline writes such a file; its suppressions are described in lib/report/README.md");
}

std::string text_of(const Json& json, const char* member, const std::string& name, const std::string& place) {
    const auto found = json.find(member);
    if (found == json.end()) return {};
    if (!found->is_string()) bad(name, fmt::format("{}.{}: expected a string", place, member));
    return found->get<std::string>();
}

const Json& list_of(const Json& json, const char* member, const std::string& name) {
    static const Json empty = Json::array();
    const auto found = json.find(member);
    if (found == json.end()) return empty;
    if (!found->is_array()) bad(name, fmt::format("{}: expected an array", member));
    for (const Json& item : *found)
        if (!item.is_object()) bad(name, fmt::format("{}: expected objects", member));
    return *found;
}

}  // namespace

Baseline read_baseline(std::string_view text, const std::string& name) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) bad(name, "not a baseline: not a JSON object");
    const auto schema = json.find("schema");
    if (schema == json.end() || !schema->is_number_integer() || *schema != 1) bad(name, "not a baseline of schema 1");
    Baseline baseline;
    for (const Json& item : list_of(json, "lines", name)) {
        const std::string place = fmt::format("lines[{}]", baseline.lines.size());
        Baseline::Line& line = baseline.lines.emplace_back();
        line.function = text_of(item, "function", name, place);
        line.source = text_of(item, "source", name, place);
        line.file = text_of(item, "file", name, place);
        const auto bytes = item.find("bytes_per_request");
        if (bytes == item.end() || !bytes->is_number()) bad(name, place + ".bytes_per_request: expected a number");
        line.bytes_per_request = bytes->get<double>();
        if (const auto history = item.find("history"); history != item.end()) {
            if (!history->is_array()) bad(name, place + ".history: expected an array");
            for (const Json& value : *history) {
                if (!value.is_number()) bad(name, place + ".history: expected numbers");
                line.history.push_back(value.get<double>());
            }
        }
    }
    for (const Json& item : list_of(json, "suppressions", name)) {
        const std::string place = fmt::format("suppressions[{}]", baseline.suppressions.size());
        Baseline::Suppression& suppression = baseline.suppressions.emplace_back();
        suppression.function = text_of(item, "function", name, place);
        suppression.source = trim(text_of(item, "source", name, place));
        suppression.reason = text_of(item, "reason", name, place);
        suppression.expires = text_of(item, "expires", name, place);
        const std::string max = text_of(item, "max", name, place);
        if (suppression.function.empty()) bad(name, place + ": no function");
        if (trim(suppression.reason).empty()) bad(name, place + ": no reason");
        const auto growth = parse_growth(max);
        if (!growth) bad(name, fmt::format("{}.max: '{}' is no growth such as 64B/request or 1MiB/h", place, printable(max)));
        suppression.max = *growth;
        if (!suppression.expires.empty() && !is_date(suppression.expires))
            bad(name, fmt::format("{}.expires: '{}' is no date such as 2025-12-31", place, printable(suppression.expires)));
    }
    return baseline;
}

std::string write_baseline(const Baseline& baseline) {
    Json json = {{"schema", 1}, {"lines", Json::array()}, {"suppressions", Json::array()}};
    for (const Baseline::Line& line : baseline.lines)
        json["lines"].push_back({{"function", line.function},
                                 {"source", line.source},
                                 {"file", line.file},
                                 {"bytes_per_request", line.bytes_per_request},
                                 {"history", line.history}});
    for (const Baseline::Suppression& item : baseline.suppressions) {
        Json out = {{"function", item.function}};
        if (!item.source.empty()) out["source"] = item.source;
        out["reason"] = item.reason;
        out["max"] = fmt::format("{:.0f}B/{}", item.max.bytes, item.max.per == Growth::Per::request ? "request" : "h");
        if (!item.expires.empty()) out["expires"] = item.expires;
        json["suppressions"].push_back(std::move(out));
    }
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::pair<LineName, const LineGrowth*>> leaking_lines_by_name(const Diagnosis& diagnosis) {
    std::vector<std::pair<LineName, const LineGrowth*>> out;
    for (const LineGrowth& line : diagnosis.lines.lines)
        if (line.leaking) out.push_back({{line.at.function, std::string(trim(line.source)), 0}, &line});
    for (auto& [name, line] : out)
        name.twin = static_cast<std::size_t>(std::count_if(out.begin(), out.end(), [&, own = line, &of = name](const auto& other) {
            if (other.first.function != of.function || other.first.source != of.source || other.second == own) return false;
            const double growth = growth_of(*own).estimate, others = growth_of(*other.second).estimate;
            return others > growth || (others == growth && other.second < own);
        }));
    return out;
}

BaselineCheck check_baseline(const Diagnosis& diagnosis, const Baseline& baseline, const std::string& name, std::string_view today) {
    BaselineCheck check;
    check.gate.name = "nothing new against " + name;
    std::vector<std::string> found;
    std::vector<bool> line_seen(baseline.lines.size()), suppression_used(baseline.suppressions.size());
    bool any_line = false;
    for (const auto& [line_name, pointer] : leaking_lines_by_name(diagnosis)) {
        const LineGrowth& line = *pointer;
        any_line = true;
        bool covered = false;
        for (std::size_t i = 0; i < baseline.suppressions.size(); ++i) {
            const Baseline::Suppression& item = baseline.suppressions[i];
            if (!covers(item, line) || (!item.expires.empty() && item.expires < today)) continue;
            suppression_used[i] = true;
            covered = true;
            if (!within(item, line, diagnosis.requests_per_second))
                found.push_back(fmt::format("{} grows by more than its suppression allows ({})", name_of(line), growth_text(item.max)));
        }
        if (covered) continue;
        const Baseline::Line* known = find_line(baseline.lines, line_name);
        const Interval growth = growth_of(line);
        if (known == nullptr) {
            found.push_back(fmt::format("new: {}, {} per request", name_of(line), format_bytes(growth.estimate)));
            continue;
        }
        line_seen[static_cast<std::size_t>(known - baseline.lines.data())] = true;
        double least = known->bytes_per_request;
        for (double value : known->history) least = std::min(least, value);
        if (growth.low > known->bytes_per_request * (1 + kTolerance))
            found.push_back(fmt::format("more: {}, {} per request; accepted were {}", name_of(line), format_bytes(growth.estimate),
                                        format_bytes(known->bytes_per_request)));
        else if (growth.low > least * (1 + kSlowBoil))
            found.push_back(fmt::format("slowly more: {}, {} per request; it once was {}", name_of(line), format_bytes(growth.estimate),
                                        format_bytes(least)));
    }
    for (std::size_t i = 0; i < baseline.suppressions.size(); ++i) {
        const Baseline::Suppression& item = baseline.suppressions[i];
        if (!item.expires.empty() && item.expires < today)
            check.warnings.push_back(
                fmt::format("{}: the suppression of {} expired on {} ({})", name, item.function, item.expires, item.reason));
        else if (!suppression_used[i])
            check.warnings.push_back(
                fmt::format("{}: the suppression of {} is not used: remove it ({})", name, item.function, item.reason));
    }
    for (std::size_t i = 0; i < baseline.lines.size(); ++i)
        if (!line_seen[i])
            check.warnings.push_back(
                fmt::format("{}: {} no longer leaks: run leakline baseline to remove it", name, baseline.lines[i].function));

    for (const ResourceGrowth& growth : diagnosis.resources.counts)
        if (growth.verdict == Trend::growing && !growth.reasons.empty()) found.push_back("new: " + growth.reasons.front());
    if (!found.empty()) {
        check.gate.outcome = Gate::Outcome::failed;
        check.gate.message = fmt::format("{}", fmt::join(found, "; "));
    } else if (diagnosis.verdict == Verdict::leak && !any_line) {
        check.gate.outcome = Gate::Outcome::failed;
        check.gate.message = "memory grows without a known line, which no baseline can accept";
    } else if (diagnosis.verdict == Verdict::inconclusive || diagnosis.verdict == Verdict::invalid) {
        check.gate.outcome = Gate::Outcome::inconclusive;
        check.gate.message = diagnosis.reasons.empty() ? "the run is inconclusive" : diagnosis.reasons.front();
    }
    return check;
}

Baseline next_baseline(const Diagnosis& diagnosis, const Baseline& old) {
    Baseline next;
    next.suppressions = old.suppressions;
    for (const auto& [line_name, pointer] : leaking_lines_by_name(diagnosis)) {
        const LineGrowth& line = *pointer;
        if (std::any_of(old.suppressions.begin(), old.suppressions.end(), [&](const auto& item) { return covers(item, line); })) continue;
        Baseline::Line& entry = next.lines.emplace_back();
        entry.function = line_name.function;
        entry.source = line_name.source;
        entry.file = line.at.file;
        entry.bytes_per_request = growth_of(line).estimate;
        if (const Baseline::Line* known = find_line(old.lines, line_name)) entry.history = known->history;
        entry.history.push_back(entry.bytes_per_request);
        if (entry.history.size() > kLongestHistory) entry.history.erase(entry.history.begin(), entry.history.end() - kLongestHistory);
    }
    return next;
}

}  // namespace leakline::report
