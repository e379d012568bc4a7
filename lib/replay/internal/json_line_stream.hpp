// For formats with one JSON object per line.
#pragma once

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

class JsonLineStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) final;

  protected:
    // Reads the line's object into record. False if it is not one: the reason is in fault_, or else the scan's.
    virtual bool read(JsonScan& scan, Record& record) = 0;
    const char* fault_ = nullptr;

  private:
    Scratch scratch_;
};

}  // namespace leakline::replay
