// Squid's native access log (logformat squid):
//
//   seconds.ms elapsed-ms client result/status bytes method URL user hierarchy/peer type
//
// The stamp is that of the answer. Tunnels (CONNECT host:port) and what was no request (error:invalid-request) are not HTTP requests
// that can be sent again: skipped, and counted.
#pragma once

#include <string>
#include <vector>

#include "replay/internal/access_fields.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

bool looks_like_squid(std::string_view line);

class SquidStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) override;
    std::vector<std::string> warnings() const override;

  private:
    AccessFields fields_;
    std::uint64_t no_requests_ = 0;
};

}  // namespace leakline::replay
