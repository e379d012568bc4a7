// Access logs with one JSON object a line. Which member means what is a map, "ts=.msec,url=.request_uri,...", or one of
// the presets "nginx" and "envoy", which are found by their member names.
//
//   map  = FIELD "=" PATH *("," FIELD "=" PATH)          PATH = "." NAME *("." NAME)
//   FIELD: ts        when the request came (nginx's $msec is the time of writing: its $request_time is subtracted)
//          end       when it was answered; duration is subtracted
//          duration  seconds; duration_ms milliseconds
//          method url body status conn      (a body that is an object or array stands for its text)
//          received  bytes of the body, where that is not in the log: 0 tells that there was none
//          request   "GET /path HTTP/1.1" in one
//          header.NAME
//
// Escapes that are no JSON (nginx's "\xNN") are decoded, bytes that are no UTF-8 pass through.
#pragma once

#include <map>

#include "replay/json_scan.hpp"
#include "replay/record.hpp"

namespace leakline::replay {

// FIELD -> path without its first dot. Throws Error{usage} on an unknown field, with a did-you-mean.
std::map<std::string, std::string, std::less<>> parse_field_map(std::string_view text);

// The preset whose names the object has, or "": the log needs a map.
std::string_view access_json_preset(std::string_view line);
bool looks_like_json_object(std::string_view line);

class AccessJsonStream : public RecordStream {
  public:
    using FieldMap = std::map<std::string, std::string, std::less<>>;
    // map: as parse_field_map() returns it; empty: by the first line's preset (Error{input} where there is none).
    AccessJsonStream(ChunkBuffer chunks, const std::string& path_for_messages, FieldMap map);
    Step next(Record& record) override;
    std::vector<std::string> warnings() const override;

  private:
    struct Fields {
        std::string_view ts, end, duration, duration_ms, request, body, received;
        bool has_body_field = false;
    };
    bool walk(JsonScan& scan, const std::string& prefix, Record& record, Fields& fields);
    void assign(std::string_view path, std::string_view value, Record& record, Fields& fields);
    const std::string* field_of(std::string_view path) const;  // null: none
    std::string missing(std::string_view field) const;
    Step finish(Record& record, const Fields& fields);

    FieldMap map_;                                                   // field -> path
    std::map<std::string, std::string, std::less<>> fields_of_path_;  // path -> field
    bool header_prefix_ = false;  // nginx: every http_NAME is a header
    Scratch scratch_;
    std::map<std::string, std::string, std::less<>> header_names_;  // "http_x_request_id" -> "X-Request-Id"
    std::uint64_t empty_bodies_ = 0;
};

}  // namespace leakline::replay
