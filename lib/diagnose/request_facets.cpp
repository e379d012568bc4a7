#include "diagnose/internal/request_facets.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/json_scan.hpp"
#include "base/json_text.hpp"
#include "base/strings.hpp"

namespace leakline::diagnose {

namespace {

struct Field {
    std::string_view name, raw;  // raw: the value as it stands in the body
};

// The fields of a JSON object, names unescaped into scratch; empty where body is no whole object.
std::vector<Field> fields_of(std::string_view body, Scratch& scratch) {
    std::vector<Field> fields;
    scratch.reset(body.size());
    JsonScan scan(body, scratch);
    const bool whole = scan.object([&](std::string_view name) {
        std::string_view raw;
        if (!scan.raw_value(raw)) return false;
        fields.push_back({name, raw});
        return true;
    });
    if (!whole || !scan.at_end()) fields.clear();
    return fields;
}

bool looks_like_object(std::string_view body) {
    const std::size_t first = body.find_first_not_of(" \t\r\n");
    return first != body.npos && body[first] == '{';
}

void add_parameters(std::string_view target, std::vector<std::pair<std::string, std::string>>& facets) {
    const std::size_t mark = target.find('?');
    if (mark == target.npos) return;
    for (const std::string_view pair : split(target.substr(mark + 1), '&')) {
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        facets.emplace_back("?" + std::string(pair.substr(0, equals)),
                            equals == pair.npos ? "(set)" : std::string(pair.substr(equals + 1)));
    }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> facets_of(const Request& request) {
    std::vector<std::pair<std::string, std::string>> facets;
    add_parameters(request.target, facets);
    for (const auto& [name, value] : request.headers) {
        const std::string lower = to_lower(name);
        if (lower != "content-length" && lower != "host") facets.emplace_back(lower + ":", value);
    }
    if (looks_like_object(request.body)) {
        Scratch names, values;
        for (const Field& field : fields_of(request.body, names)) {
            if (field.raw.front() == '{' || field.raw.front() == '[') continue;
            values.reset(field.raw.size());
            std::string_view text;
            JsonScan(field.raw, values).scalar(text);
            facets.emplace_back("." + std::string(field.name), std::string(text));
        }
    }
    std::stable_sort(facets.begin(), facets.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    facets.erase(std::unique(facets.begin(), facets.end(), [](const auto& a, const auto& b) { return a.first == b.first; }), facets.end());
    return facets;
}

std::vector<std::string> body_fields(std::string_view body) {
    std::vector<std::string> names;
    if (!looks_like_object(body)) return names;
    Scratch scratch;
    for (const Field& field : fields_of(body, scratch)) names.emplace_back(field.name);
    return names;
}

std::string body_without(std::string_view body, const std::set<std::string>& fields) {
    if (!looks_like_object(body)) return std::string(body);
    Scratch scratch;
    const std::vector<Field> all = fields_of(body, scratch);
    const auto is_dropped = [&](const Field& field) { return fields.contains(std::string(field.name)); };
    if (std::none_of(all.begin(), all.end(), is_dropped)) return std::string(body);
    std::string rest;
    for (const Field& field : all) {
        if (is_dropped(field)) continue;
        rest += rest.empty() ? '{' : ',';
        append_json_string(rest, field.name);
        rest.append(":").append(field.raw);
    }
    return rest.empty() ? "{}" : rest + "}";
}

}  // namespace leakline::diagnose
