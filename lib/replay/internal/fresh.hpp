// Identifiers that are made fresh each time the log is replayed again: a service that keeps an entry per request id would
// otherwise see each id once, and its leak would look like a cache that has filled.
//
// Which values identify a request is found in the log: every request has another one, by its look it is an identifier
// (identity.hpp), and its name does not speak of a user, a session or a secret. Values that repeat stay as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/request.hpp"
#include "replay/internal/identity.hpp"
#include "replay/internal/record.hpp"
#include "replay/internal/request_values.hpp"

namespace leakline::replay {

// What --fresh names: "field:request_id", "header:X-Request-Id", "query:id", "path:2".
struct FreshName {
    ValueKind kind = ValueKind::field;
    std::string name;
};
// Throws Error{usage}.
FreshName parse_fresh_name(const std::string& text);

struct FreshOptions {
    bool detect = false;           // what the log shows to be identifiers
    std::vector<FreshName> names;  // and these, whatever the log shows
    std::uint64_t seed = 1;
    bool any() const { return detect || !names.empty(); }
};

// One field whose values are replaced.
struct FreshField {
    ValueKind kind = ValueKind::field;
    std::string name;     // a field's path: "order.id"; of a segment its number
    std::string context;  // of a segment: "/orders/"; "": any
    Identity identity;
    std::string text() const;  // "field order.id", "path segment 2 (/orders/*)"
};

struct FreshPlan {
    std::vector<FreshField> fields;
    std::uint64_t seed = 1;
    std::vector<std::string> warnings;  // names that the log does not have, or whose values do not look like identifiers
    std::vector<std::string> texts() const;
};

struct ReplayOptions;

// For what options.fresh asks. Fields are found in the beginning of the logs, at most kFreshSample of the requests that are sent,
// as they are sent; where numbers are among them, the rest is read for their range. Throws as reading them does.
inline constexpr std::size_t kFreshSample = 20'000;
FreshPlan plan_fresh(const ReplayOptions& options);

// Thread-safety: one object, one thread. The plan must outlive it.
class FreshValues {
  public:
    explicit FreshValues(const FreshPlan& plan) : plan_(plan) {}

    // Replaces the values of the plan's fields, and what else in the request has one of them, by those of this generation
    // (from 1; the log itself is 0). False where the record has none of them and is unchanged. What it points to afterwards
    // lives until the next call.
    bool apply(Record& record, std::uint64_t generation);
    // The same for a request that is kept.
    bool apply(Request& request, std::uint64_t generation);

  private:
    struct Seen {
        std::string_view text;  // in the record
        bool identifies = false;
    };
    struct Fresh {
        std::string_view old;
        std::string value;
    };
    const FreshField* field_of(const RequestValue& value) const;
    const std::string* fresh_for(const Seen& seen) const;
    bool rewrite(std::string_view& whole, std::string& buffer) const;

    const FreshPlan& plan_;
    RequestValues values_;
    std::vector<Seen> seen_;    // of the record, in the order of their places
    std::vector<Fresh> fresh_;  // the first fresh_count_ are of the record
    std::size_t fresh_count_ = 0;
    std::string target_, body_, value_;
    std::vector<std::string> headers_;
};

}  // namespace leakline::replay
