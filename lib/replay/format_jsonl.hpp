// The native log: see model/request_jsonl.hpp for the grammar. Members may stand in any order, unknown ones are skipped.
#pragma once

#include "replay/json_scan.hpp"
#include "replay/record.hpp"

namespace leakline::replay {

// True when the line is an object with the members that make it a native record.
bool looks_like_jsonl(std::string_view line);

class JsonlStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) override;

  private:
    bool read(JsonScan& scan, Record& record);

    Scratch scratch_;
    std::string decoded_;  // of body_b64
    const char* fault_ = nullptr;
};

}  // namespace leakline::replay
