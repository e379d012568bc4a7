// The fields of a request in access logs of any form: named values, and the record made from them.
//
// Thread-safety: pure functions over values.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "replay/internal/record.hpp"

namespace leakline::replay {

// A field of an access log. Its names are in format_access_json.hpp.
struct AccessField {
    enum class Kind {
        ts,
        end,
        duration,
        duration_ms,
        duration_us,
        duration_ns,
        method,
        url,
        query,
        request,
        status,
        conn,
        body,
        received,
        header,   // one header, by name
        headers,  // an object with all headers
        only,     // lines in which the value is not name are not requests
    };
    Kind kind = Kind::url;
    std::string name;  // of a header; of the kind only: the value
};
std::optional<AccessField> parse_access_field(std::string_view name);
std::span<const std::string> access_field_names();  // for suggestions

// The header that a variable of a log has: "x_request_id" -> "X-Request-Id"; names with hyphens stay.
std::string header_of_variable(std::string_view variable);

// Absent values: "", "-" and JSON's null.
bool is_absent(std::string_view value);

// The values of one line, as views into it.
class AccessFields {
  public:
    // Takes a value; status, conn and headers are stored in record directly.
    void assign(const AccessField& field, std::string_view value, Record& record);
    void add_header(std::string_view name, std::string_view value, Record& record);
    // A body that was logged as a JSON object or array instead of its text.
    void assign_json_body(std::string_view text);
    // Completes the record from the assigned values. Returns what is wrong with it, or "". May change buffers that record then
    // points into; they live as long as this object.
    std::string finish(Record& record);
    bool is_excluded() const { return excluded_; }  // by a field of the kind only
    bool has_status() const { return has_status_; }
    bool has_method() const { return has_method_; }  // after finish(): it was in the log
    bool has_time() const { return !ts_.empty() || !end_.empty(); }
    bool has_request() const { return has_request_; }      // after finish(): there was a URL
    bool body_is_empty() const { return body_is_empty_; }  // after finish(): a method that takes a body, and an empty one
    void clear();

  private:
    std::string read_time(Record& record) const;
    void read_body(Record& record);

    std::string_view ts_, end_, duration_, duration_ms_, duration_us_, duration_ns_, request_, query_, body_, received_, content_length_;
    bool has_body_field_ = false, body_is_json_ = false, has_request_ = false, body_is_empty_ = false, excluded_ = false,
         has_status_ = false, has_method_ = false;
    std::string target_;  // url, with a slash before it or the query behind it
};

}  // namespace leakline::replay
