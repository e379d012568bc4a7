// For formats of one JSON object a line.
#pragma once

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

class JsonLineStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) final;

  protected:
    // The line's object into record. False where it is none: the reason is fault_, else the scan's.
    virtual bool read(JsonScan& scan, Record& record) = 0;
    const char* fault_ = nullptr;

  private:
    Scratch scratch_;
};

}  // namespace leakline::replay
