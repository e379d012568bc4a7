#include "diagnose/request_kinds.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "http/message.hpp"
#include "model/request_jsonl.hpp"
#include "replay/path_table.hpp"
#include "replay/wire.hpp"

namespace leakline::diagnose {

namespace {

// The value of a facet in a request; "" where it has none.
std::string value_of(const Request& request, std::string_view facet) {
    if (facet.starts_with('?')) {
        const std::size_t mark = request.target.find('?');
        if (mark == request.target.npos) return {};
        for (const std::string_view pair : split(std::string_view(request.target).substr(mark + 1), '&')) {
            const std::size_t equals = pair.find('=');
            if (pair.substr(0, equals) != facet.substr(1)) continue;
            // A parameter without "=" is there all the same.
            return equals == pair.npos ? std::string("(set)") : std::string(pair.substr(equals + 1));
        }
        return {};
    }
    for (const auto& [name, value] : request.headers)
        if (http::equal_ignoring_case(name, facet.substr(0, facet.size() - 1))) return value;
    return {};
}

// Names of the facets that a request has.
std::vector<std::string> facet_names(const Request& request) {
    std::vector<std::string> names;
    if (const std::size_t mark = request.target.find('?'); mark != request.target.npos)
        for (const std::string_view pair : split(std::string_view(request.target).substr(mark + 1), '&'))
            if (!pair.empty()) names.push_back("?" + std::string(pair.substr(0, pair.find('='))));
    for (const auto& [name, value] : request.headers) {
        std::string lower;
        for (const char c : name) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        if (lower != "content-length" && lower != "host") names.push_back(lower + ":");
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

bool holds(const Part& part, std::size_t kind, const Request& request) {
    if (!std::binary_search(part.kinds.begin(), part.kinds.end(), kind)) return false;
    return std::all_of(part.conditions.begin(), part.conditions.end(), [&](const Part::Condition& condition) {
        return condition.kind != kind || condition.values.contains(value_of(request, condition.facet));
    });
}

}  // namespace

RequestKinds::RequestKinds(std::vector<std::string> logs, replay::LogOptions options)
    : logs_(std::move(logs)), options_(std::move(options)) {
    if (std::find(logs_.begin(), logs_.end(), "-") != logs_.end())
        throw Error(ErrorKind::usage, "-", "the log is read several times, which standard input cannot be",
                    "write it to a file first");
    replay::RequestLog log = replay::open_log(logs_, options_);
    while (const auto request = log.next()) {
        std::size_t kind = kind_of(*request);
        if (kind == names_.size()) {
            std::string name = "other";
            if (kind < kMost) {
                name = request->method + " " + replay::PathTable::normalised(replay::path_of_target(request->target));
                numbers_.emplace(name, kind);
            }
            names_.push_back(std::move(name));
            counts_.push_back(0);
        }
        ++counts_[kind];
    }
    if (names_.empty()) throw Error(ErrorKind::input, logs_[0], "no request in it");
}

std::size_t RequestKinds::kind_of(const Request& request) const {
    const auto found = numbers_.find(request.method + " " +
                                     replay::PathTable::normalised(replay::path_of_target(request.target)));
    if (found != numbers_.end()) return found->second;
    return std::min(names_.size(), kMost);
}

std::vector<Facet> RequestKinds::facets(const std::vector<std::size_t>& kinds) const {
    std::map<std::pair<std::size_t, std::string>, std::map<std::string, std::uint64_t>> seen;
    std::map<std::size_t, std::size_t> facets_of_kind;
    std::map<std::size_t, std::uint64_t> requests_of_kind;
    replay::RequestLog log = replay::open_log(logs_, options_);
    while (const auto request = log.next()) {
        const std::size_t kind = kind_of(*request);
        if (!std::binary_search(kinds.begin(), kinds.end(), kind)) continue;
        ++requests_of_kind[kind];
        for (const std::string& name : facet_names(*request)) {
            auto at = seen.find({kind, name});
            if (at == seen.end()) {
                if (++facets_of_kind[kind] > kMostFacets) continue;
                at = seen.try_emplace({kind, name}).first;
            }
            // One value too many marks the facet; what further ones there are does not matter.
            if (at->second.size() <= kMostValues + 1) ++at->second[value_of(*request, name)];
        }
    }
    std::vector<Facet> result;
    for (auto& [key, values] : seen) {
        if (values.size() > kMostValues) continue;
        std::uint64_t having = 0;
        for (const auto& [value, count] : values) having += count;
        if (having < requests_of_kind[key.first]) values[""] += requests_of_kind[key.first] - having;
        if (values.size() >= 2) result.push_back({key.first, key.second, std::move(values)});
    }
    return result;
}

std::uint64_t RequestKinds::write(const Part& part, const std::string& path) const {
    replay::RequestLog log = replay::open_log(logs_, options_);
    OutputFile file(path);
    std::string text;
    std::uint64_t written = 0;
    while (const auto request = log.next()) {
        if (!holds(part, kind_of(*request), *request)) continue;
        append_jsonl(text, *request);
        ++written;
        if (text.size() < (std::size_t{1} << 20)) continue;
        file.write(text);
        text.clear();
    }
    file.write(text);
    file.commit();
    return written;
}

std::string RequestKinds::text(const Part& part) const {
    std::string result;
    for (const std::size_t kind : part.kinds) {
        if (!result.empty()) result += ", ";
        result += printable(names_[kind]);
        const char* joint = " where ";
        for (const Part::Condition& condition : part.conditions) {
            if (condition.kind != kind) continue;
            result += joint + printable(condition.facet) + " is ";
            joint = " and ";
            bool first = true;
            for (const std::string& value : condition.values) {
                if (!first) result += " or ";
                first = false;
                result += value.empty() ? std::string("absent") : "'" + printable(value) + "'";
            }
        }
    }
    return result;
}

}  // namespace leakline::diagnose
