// Replaces identifiers by new values each time the log is repeated: a service that keeps an entry per request id would
// otherwise see each id once, and its leak would look like a cache that has filled.
//
// Values that identify a request are detected in the log: each request has a different one, it looks like an identifier
// (identity.hpp), and its name does not mean a user, a session or a secret. Values that repeat stay as they are.
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

// A value of --fresh: "field:request_id", "header:X-Request-Id", "query:id", "path:2".
struct FreshName {
    ValueKind kind = ValueKind::field;
    std::string name;
};
// Throws Error{usage}.
FreshName parse_fresh_name(const std::string& text);

struct FreshOptions {
    bool detect = false;           // identifiers that are detected in the log
    std::vector<FreshName> names;  // and these in any case
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

// The plan for options.fresh. Fields are detected in the first kFreshSample requests that are sent,
// as they are sent; if they include numbers, the rest is read for their range. Throws as reading the logs does.
inline constexpr std::size_t kFreshSample = 20'000;
FreshPlan plan_fresh(const ReplayOptions& options);

// Thread-safety: one object, one thread. The plan must outlive it.
class FreshValues {
  public:
    explicit FreshValues(const FreshPlan& plan) : plan_(plan) {}

    // Replaces the values of the plan's fields, and the same values elsewhere in the request, by those of this generation
    // (from 1; the log itself is 0). False if the record has none of them and is unchanged. The views in it are valid
    // until the next call.
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
