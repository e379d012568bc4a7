// The native log: see model/request_jsonl.hpp for the grammar. Members may have any order; unknown ones are skipped.
#pragma once

#include "replay/internal/json_line_stream.hpp"

namespace leakline::replay {

// True when the line is an object with the members that make it a native record.
bool looks_like_jsonl(std::string_view line);

class JsonlStream : public JsonLineStream {
  public:
    using JsonLineStream::JsonLineStream;

  private:
    bool read(JsonScan& scan, Record& record) override;

    std::string decoded_;  // of body_b64
};

}  // namespace leakline::replay
