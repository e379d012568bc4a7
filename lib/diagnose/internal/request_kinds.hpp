// The kinds of requests in a log (method and path, identifiers collapsed), parts of the log that hold some kinds only,
// and other features of the requests of one kind: parameters, headers and fields of the body with few values.
//
// Thread-safety: none needed after construction.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "replay/log.hpp"
#include "replay/replay.hpp"

namespace leakline::diagnose {

// A feature that distinguishes requests of one kind. In values, "" stands for requests that do not have it (or have it
// empty).
struct Facet {
    std::size_t kind = 0;
    std::string name;                             // as in request_facets: "?lang", "x-tenant:", ".type"
    std::map<std::string, std::uint64_t> values;  // at least two, at most kMaxValues, and how many requests have each
};

// A part of a log: the requests of some kinds and, of one such kind, those where a facet has one of some values, and
// those without some fields of their JSON bodies.
struct Part {
    struct Condition {
        std::size_t kind = 0;
        std::string facet;
        std::set<std::string> values;
    };
    std::vector<std::size_t> kinds;  // ascending
    std::vector<Condition> conditions;
    std::map<std::size_t, std::set<std::string>> dropped;  // of a kind: fields that its bodies lose
};

class RequestKinds {
  public:
    static constexpr std::size_t kMax = 256;       // further ones are one kind, "other"
    static constexpr std::size_t kMaxValues = 12;  // a facet with more values is an identifier or a nonce
    static constexpr std::size_t kMaxFacets = 64;  // of one kind that are looked at
    static constexpr std::size_t kMaxFields = 32;  // of the bodies of one kind; a kind with more has names that are data

    // Reads what is sent of the logs once. Throws Error{input} as reading them does, and where there is no such request.
    explicit RequestKinds(replay::ReplayOptions traffic);

    const std::vector<std::string>& names() const { return names_; }
    const std::vector<std::uint64_t>& counts() const { return counts_; }

    // The features that distinguish requests of these kinds. One pass over the logs.
    std::vector<Facet> facets(const std::vector<std::size_t>& kinds) const;
    // The fields of the JSON bodies of each of these kinds; one without such bodies, or with too many, is left out. One
    // pass over the logs.
    std::map<std::size_t, std::vector<std::string>> fields(const std::vector<std::size_t>& kinds) const;
    // Facets other than the condition's (which is one of the part's) that part the requests of its kind as it does, so that
    // the logs do not show which of them matters; each with the values that it has in the part. One pass over the logs.
    std::vector<Part::Condition> same_as(const Part::Condition& condition, const Part& part, const std::vector<Facet>& facets) const;
    // How many requests the part holds. One pass over the logs.
    std::uint64_t count(const Part& part) const;
    // Writes the part, in the log's order, as a native log, for replay::for_selected(); returns what it holds. Throws Error{system}.
    replay::LogSpan write(const Part& part, const std::string& path) const;
    // "GET /search where ?full is '1', POST /login without .note"
    std::string text(const Part& part) const;
    static std::string text(const Part::Condition& condition);  // "?full is '1' or absent"

  private:
    // Each request of the part, with its kind.
    void for_each(const Part& part, const std::function<void(Request& request, std::size_t kind)>& use) const;
    std::string name_of(const Request& request) const;
    std::size_t kind_of(const Request& request) const;  // kMax at most; names_.size() for one not seen yet

    replay::ReplayOptions traffic_;
    std::vector<std::string> names_;
    std::vector<std::uint64_t> counts_;
    std::map<std::string, std::size_t> numbers_;
};

}  // namespace leakline::diagnose
