// Access logs with one JSON object per line. The meaning of the members is given by a map, "ts=.msec,url=.request_uri,...", or one of
// the presets (access_json_presets.cpp), which are found by their member names.
//
//   map  = FIELD "=" PATH *("|" PATH) *("," FIELD "=" ...)     PATH = "." NAME *("." NAME); of several the first that is present
//   FIELD: ts        when the request came (nginx's $msec is the time of writing: its $request_time is subtracted)
//          end       when it was answered; duration is subtracted
//          duration  seconds, or a text with its unit ("12ms"); duration_ms, duration_us, duration_ns: a number
//          method url query (joined to a url without one) status conn
//          body      a body that is an object or array stands for its text
//          received  bytes of the body, where that is not in the log: 0 means that there was none
//          request   "GET /path HTTP/1.1" in one
//          headers   an object of them, values texts or arrays of texts
//          header.NAME
//
// Escapes that are not JSON (nginx's "\xNN") are decoded, bytes that are not UTF-8 pass through.
#pragma once

#include <map>

#include "base/json_scan.hpp"
#include "replay/internal/access_fields.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

// Field -> its paths, without their first dots. Throws Error{usage} on an unknown field, with a did-you-mean.
using FieldMap = std::map<std::string, std::vector<std::string>, std::less<>>;
FieldMap parse_field_map(std::string_view text);

bool looks_like_json_object(std::string_view line);
// Of an access log that a preset knows.
bool looks_like_access_json(std::string_view line);

class AccessJsonStream : public RecordStream {
  public:
    // map: as parse_field_map() returns it; empty: by the preset of the first line that one knows (Error{input} where there
    // is none).
    AccessJsonStream(ChunkBuffer chunks, const std::string& path_for_messages, FieldMap map);
    Step next(Record& record) override;
    std::vector<std::string> warnings() const override;

  private:
    bool walk(JsonScan& scan, const std::string& prefix, Record& record);
    bool walk_headers(JsonScan& scan, Record& record);
    bool add_prefixed_header(JsonScan& scan, std::string_view key, Record& record);
    const AccessField* field_of(std::string_view path) const;  // null: none

    std::map<std::string, AccessField, std::less<>> fields_of_path_;
    std::string header_prefix_;          // nginx's "http_", Traefik's "request_": members named so are headers
    std::string request_paths_, guess_;  // for messages
    AccessFields fields_;
    Scratch scratch_;
    std::map<std::string, std::string, std::less<>> header_names_;  // "http_x_request_id" -> "X-Request-Id"
    std::uint64_t empty_bodies_ = 0, no_methods_ = 0;
    bool wants_status_ = false;  // the map was guessed and has a status: lines without one are not requests
};

}  // namespace leakline::replay
