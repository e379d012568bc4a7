// The values in a request that can identify it: fields of JSON and form bodies, parameters of the query, headers, and
// segments of the path with a digit.
//
// Thread-safety: one object, one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

enum class ValueKind { field, query, header, path };
std::string_view value_kind_name(ValueKind kind);  // "field", "query", "header", "path"

struct RequestValue {
    ValueKind kind = ValueKind::field;
    // For a field, its path in the JSON body ("order.id", "items[].sku") or its name in the form; for a segment, its number
    // from 1. Valid during the call.
    std::string_view name;
    std::string_view context;  // of a segment: what precedes it, identifiers as "*": "/orders/*/items/"; else empty
    std::string_view text;     // points into the record: of a string what is between its quotes
};

class RequestValues {
  public:
    // Strings with escapes and values that are not text (true, null, objects) are skipped. A body that is neither JSON
    // nor a form has no values.
    void visit(const Record& record, const std::function<void(const RequestValue&)>& use);

  private:
    void visit_target(std::string_view target, const std::function<void(const RequestValue&)>& use);
    void visit_form(std::string_view body, const std::function<void(const RequestValue&)>& use);
    bool visit_json(JsonScan& scan, int depth, const std::function<void(const RequestValue&)>& use);

    Scratch scratch_;
    std::string name_, context_;
};

}  // namespace leakline::replay
