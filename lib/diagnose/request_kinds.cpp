#include "diagnose/internal/request_kinds.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "diagnose/internal/request_facets.hpp"
#include "replay/log_writer.hpp"
#include "replay/path_table.hpp"
#include "replay/selected_log.hpp"
#include "replay/wire.hpp"
#include "system/output_file.hpp"

namespace leakline::diagnose {

namespace {

bool holds(const Part& part, std::size_t kind, const Request& request) {
    if (!std::binary_search(part.kinds.begin(), part.kinds.end(), kind)) return false;
    const auto is_of_kind = [&](const Part::Condition& condition) { return condition.kind == kind; };
    if (std::none_of(part.conditions.begin(), part.conditions.end(), is_of_kind)) return true;
    const auto facets = facets_of(request);
    return std::all_of(part.conditions.begin(), part.conditions.end(), [&](const Part::Condition& condition) {
        if (condition.kind != kind) return true;
        const auto at = std::find_if(facets.begin(), facets.end(), [&](const auto& facet) { return facet.first == condition.facet; });
        return condition.values.contains(at == facets.end() ? std::string() : at->second);
    });
}

}  // namespace

RequestKinds::RequestKinds(replay::ReplayOptions traffic) : traffic_(std::move(traffic)) {
    replay::require_repeatable(traffic_.logs);
    traffic_.variable_segments = replay::find_variable_segments(traffic_);
    replay::SelectedLog log(traffic_);
    while (const auto request = log.next()) {
        std::size_t kind = kind_of(*request);
        if (kind == names_.size()) {
            std::string name = "other";
            if (kind < kMax) {
                name = name_of(*request);
                numbers_.emplace(name, kind);
            }
            names_.push_back(std::move(name));
            counts_.push_back(0);
        }
        ++counts_[kind];
    }
    if (names_.empty()) replay::measure_selected(traffic_);  // which says why
}

std::string RequestKinds::name_of(const Request& request) const {
    return request.method + " " + replay::PathTable::normalized(replay::path_of_target(request.target), traffic_.variable_segments.get());
}

std::size_t RequestKinds::kind_of(const Request& request) const {
    const auto found = numbers_.find(name_of(request));
    if (found != numbers_.end()) return found->second;
    return std::min(names_.size(), kMax);
}

std::vector<Facet> RequestKinds::facets(const std::vector<std::size_t>& kinds) const {
    std::map<std::pair<std::size_t, std::string>, std::map<std::string, std::uint64_t>> seen;
    std::map<std::size_t, std::size_t> facets_of_kind;
    std::map<std::size_t, std::uint64_t> requests_of_kind;
    replay::SelectedLog log(traffic_);
    while (const auto request = log.next()) {
        const std::size_t kind = kind_of(*request);
        if (!std::binary_search(kinds.begin(), kinds.end(), kind)) continue;
        ++requests_of_kind[kind];
        for (auto& [name, value] : facets_of(*request)) {
            auto at = seen.find({kind, name});
            if (at == seen.end()) {
                if (++facets_of_kind[kind] > kMaxFacets) continue;
                at = seen.try_emplace({kind, name}).first;
            }
            // One value too many marks the facet; what further ones there are does not matter.
            if (at->second.size() <= kMaxValues + 1) ++at->second[std::move(value)];
        }
    }
    std::vector<Facet> result;
    for (auto& [key, values] : seen) {
        if (values.size() > kMaxValues) continue;
        std::uint64_t having = 0;
        for (const auto& [value, count] : values) having += count;
        if (having < requests_of_kind[key.first]) values[""] += requests_of_kind[key.first] - having;
        if (values.size() >= 2) result.push_back({key.first, key.second, std::move(values)});
    }
    return result;
}

std::map<std::size_t, std::vector<std::string>> RequestKinds::fields(const std::vector<std::size_t>& kinds) const {
    std::map<std::size_t, std::set<std::string>> seen;
    replay::SelectedLog log(traffic_);
    while (const auto request = log.next()) {
        const std::size_t kind = kind_of(*request);
        if (!std::binary_search(kinds.begin(), kinds.end(), kind)) continue;
        std::set<std::string>& names = seen[kind];
        if (names.size() > kMaxFields) continue;
        for (std::string& name : body_fields(request->body)) names.insert(std::move(name));
    }
    std::map<std::size_t, std::vector<std::string>> result;
    for (const auto& [kind, names] : seen)
        if (!names.empty() && names.size() <= kMaxFields) result[kind].assign(names.begin(), names.end());
    return result;
}

void RequestKinds::for_each(const Part& part, const std::function<void(Request&, std::size_t)>& use) const {
    replay::SelectedLog log(traffic_);
    while (auto request = log.next()) {
        const std::size_t kind = kind_of(*request);
        if (holds(part, kind, *request)) use(*request, kind);
    }
}

std::vector<Part::Condition> RequestKinds::same_as(const Part::Condition& condition, const Part& part,
                                                   const std::vector<Facet>& facets) const {
    Part with = part, without = part;
    with.kinds = without.kinds = {condition.kind};
    std::erase_if(without.conditions,
                  [&](const Part::Condition& other) { return other.kind == condition.kind && other.facet == condition.facet; });
    struct Values {
        std::set<std::string> inside, outside;
    };
    std::map<std::string, Values> seen;
    for (const Facet& facet : facets)
        if (facet.kind == condition.kind && facet.name != condition.facet) seen[facet.name];
    for_each(without, [&](const Request& request, std::size_t kind) {
        const bool inside = holds(with, kind, request);
        const auto present = facets_of(request);
        for (auto& [name, values] : seen) {
            const auto at =
                std::find_if(present.begin(), present.end(), [&, &key = name](const auto& facet) { return facet.first == key; });
            (inside ? values.inside : values.outside).insert(at == present.end() ? std::string() : at->second);
        }
    });
    std::vector<Part::Condition> same;
    for (auto& [name, values] : seen) {
        const auto is_outside = [&, &outside = values.outside](const std::string& value) { return outside.contains(value); };
        if (!values.outside.empty() && std::none_of(values.inside.begin(), values.inside.end(), is_outside))
            same.push_back({condition.kind, name, std::move(values.inside)});
    }
    return same;
}

std::uint64_t RequestKinds::count(const Part& part) const {
    std::uint64_t requests = 0;
    for_each(part, [&](const Request&, std::size_t) { ++requests; });
    return requests;
}

replay::LogSpan RequestKinds::write(const Part& part, const std::string& path) const {
    OutputFile file(path);
    replay::LogWriter writer(file);
    replay::LogSpan written;
    for_each(part, [&](Request& request, std::size_t kind) {
        if (const auto dropped = part.dropped.find(kind); dropped != part.dropped.end())
            request.body = body_without(request.body, dropped->second);
        writer.add(request);
        written.add(request.has_time ? std::optional(request.at) : std::nullopt, request.body.size());
    });
    writer.flush();
    file.commit();
    return written;
}

std::string RequestKinds::text(const Part::Condition& condition) {
    std::string result;
    for (const std::string& value : condition.values)
        result += (result.empty() ? "" : " or ") + (value.empty() ? std::string("absent") : "'" + printable(value) + "'");
    return printable(condition.facet) + " is " + result;
}

std::string RequestKinds::text(const Part& part) const {
    std::string result;
    for (const std::size_t kind : part.kinds) {
        if (!result.empty()) result += ", ";
        result += printable(names_[kind]);
        const char* joint = " where ";
        for (const Part::Condition& condition : part.conditions) {
            if (condition.kind != kind) continue;
            result += joint + text(condition);
            joint = " and ";
        }
        const auto dropped = part.dropped.find(kind);
        if (dropped == part.dropped.end()) continue;
        joint = " without ";
        for (const std::string& field : dropped->second) {
            result += joint + ("." + printable(field));
            joint = " and ";
        }
    }
    return result;
}

}  // namespace leakline::diagnose
