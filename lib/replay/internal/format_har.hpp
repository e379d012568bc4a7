// HAR 1.2, as browsers export it: log.entries[] with startedDateTime and request. Read entry by entry: memory is that of
// the largest entry (its response's content included), not of the file.
//
// Entries of other schemes (data:, blob:, wss:, an extension's) are skipped. A form that is recorded only as params
// is assembled again: the specification has them decoded, but most exporters leave them as they were sent, so a value
// that can only be percent-encoded stays as it is. A body that is recorded as a JSON value instead of its text is that
// value's text. multipart/form-data is assembled with the boundary in its type. A body that cannot be known (its size alone,
// params with objects for values, files without content, params of no form) is missing.
#pragma once

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

bool looks_like_har(std::string_view prefix);

class HarStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) override;
    std::vector<std::string> warnings() const override;

  private:
    // The text of the next entry; nothing at the end of the array or of the file.
    std::optional<std::string_view> next_entry();
    bool find_entries();
    bool read(JsonScan& scan, Record& record);
    bool read_request(JsonScan& scan, Record& record);
    bool read_post_data(JsonScan& scan, Record& record);
    bool read_headers(JsonScan& scan, Record& record);
    void add_header(std::string_view name, std::string_view value, Record& record);
    struct Parameter {
        std::string_view name, value, file, type;  // file: its name, where it is one
    };
    bool read_parameters(JsonScan& scan);
    bool read_parameter_value(JsonScan& scan, std::string_view& value);
    void join_form();
    bool join_multipart(std::string_view type);  // false where the type names no boundary

    Scratch scratch_;
    std::string body_, form_;  // decoded, and joined from parameters
    std::vector<Parameter> parameters_;
    bool parameters_known_ = true;  // none of them has an object or array for its value, or is a file without its content
    bool has_post_data_ = false;
    bool started_ = false, ended_ = false, cut_ = false;
    std::uint64_t entries_ = 0, other_schemes_ = 0, odd_headers_ = 0, json_bodies_ = 0;
    std::string odd_header_;  // the first
    const char* fault_ = nullptr;
    std::string time_fault_;
};

}  // namespace leakline::replay
