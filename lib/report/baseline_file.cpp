#include "report/baseline_file.hpp"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::ordered_json;

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
    for (const Json& item : list_of(json, "findings", name)) {
        const std::string place = fmt::format("findings[{}]", baseline.findings.size());
        Baseline::Finding& finding = baseline.findings.emplace_back();
        finding.rule = text_of(item, "rule", name, place);
        finding.container = text_of(item, "container", name, place);
        finding.file = text_of(item, "file", name, place);
    }
    for (const Json& item : list_of(json, "suppressions", name)) {
        const std::string place = fmt::format("suppressions[{}]", baseline.suppressions.size());
        Baseline::Suppression& suppression = baseline.suppressions.emplace_back();
        suppression.function = text_of(item, "function", name, place);
        suppression.source = trim(text_of(item, "source", name, place));
        suppression.reason = text_of(item, "reason", name, place);
        suppression.expires = text_of(item, "expires", name, place);
        suppression.container = text_of(item, "container", name, place);
        const std::string max = text_of(item, "max", name, place);
        if (suppression.function.empty() && suppression.container.empty()) bad(name, place + ": no function and no container");
        if (trim(suppression.reason).empty()) bad(name, place + ": no reason");
        const auto growth = parse_growth(max);
        if (!growth && suppression.container.empty())
            bad(name, fmt::format("{}.max: '{}' is not a growth rate such as 64B/request or 1MiB/h", place, printable(max)));
        if (growth) suppression.max = *growth;
        if (!suppression.expires.empty() && !is_date(suppression.expires))
            bad(name, fmt::format("{}.expires: '{}' is not a date such as 2025-12-31", place, printable(suppression.expires)));
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
    if (!baseline.findings.empty()) json["findings"] = Json::array();
    for (const Baseline::Finding& finding : baseline.findings)
        json["findings"].push_back({{"rule", finding.rule}, {"container", finding.container}, {"file", finding.file}});
    for (const Baseline::Suppression& item : baseline.suppressions) {
        Json out = Json::object();
        if (!item.container.empty()) out["container"] = item.container;
        if (!item.function.empty()) out["function"] = item.function;
        if (!item.source.empty()) out["source"] = item.source;
        out["reason"] = item.reason;
        if (item.container.empty())
            out["max"] = fmt::format("{:.0f}B/{}", item.max.bytes, item.max.per == Growth::Per::request ? "request" : "h");
        if (!item.expires.empty()) out["expires"] = item.expires;
        json["suppressions"].push_back(std::move(out));
    }
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace leakline::report
