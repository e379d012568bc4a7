// vegeta's targets. They have no times, so the pace must be a rate or max.
//
//   json = one object per line: {"method": STR, "url": STR, "body": BASE64, "header": {NAME: [VALUE...]}}
//   http = METHOD " " URL "\n" *(NAME ": " VALUE "\n") ["@" PATH "\n"] "\n"; lines that begin with "#" are comments
#pragma once

#include "replay/internal/json_line_stream.hpp"

namespace leakline::replay {

bool looks_like_vegeta_json(std::string_view line);
bool looks_like_vegeta_http(std::string_view line);  // the first that is no comment

class VegetaJsonStream : public JsonLineStream {
  public:
    using JsonLineStream::JsonLineStream;

  private:
    bool read(JsonScan& scan, Record& record) override;

    std::string body_;
};

class VegetaHttpStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) override;

  private:
    bool next_line();  // into line_, trimmed; false at the end

    std::string line_;
    bool ahead_ = false;  // line_ is already the first line of the next target
    std::string text_;    // of the target: what the record's views point to
    std::string body_;
};

}  // namespace leakline::replay
