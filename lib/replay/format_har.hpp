// HAR 1.2, as browsers export it: log.entries[] with startedDateTime and request. Read entry by entry: memory is that of
// the largest entry (its response's content included), not of the file.
//
// Entries of other schemes (data:, blob:, wss:, an extension's) are passed over. A form that stands there as params alone
// is put together again; a body that is known by its size only is missing.
#pragma once

#include "replay/json_scan.hpp"
#include "replay/record.hpp"

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
    bool read_parameters(JsonScan& scan);

    Scratch scratch_;
    std::string body_, form_;  // decoded, and joined from parameters
    bool started_ = false, ended_ = false, cut_ = false;
    std::uint64_t entries_ = 0, other_schemes_ = 0;
    const char* fault_ = nullptr;
    std::string time_fault_;
};

}  // namespace leakline::replay
