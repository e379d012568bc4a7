// HAProxy's "option httplog" (configuration manual, section 8.2.3), with and without TLS's fields behind it:
//
//   client-ip ":" port " [" DD/Mon/YYYY:HH:MM:SS.mmm "] " frontend " " backend "/" server " " TR/Tw/Tc/Tr/Ta " " status " "
//   bytes " " request-cookie " " response-cookie " " state " " connections " " queues *(" {" captures "}") " " quoted-request
//
// The time is that of the request's first byte, without a zone: read as UTC. There are no bodies. Special characters are
// written as #NN. A request that a syslog server has cut is a bad line: the end of its URL is not known.
#pragma once

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

bool looks_like_haproxy(std::string_view line);

class HaproxyStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) override;

  private:
    std::string request_;  // decoded
};

}  // namespace leakline::replay
