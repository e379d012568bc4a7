// HAProxy's "option httplog" (configuration manual, section 8.2.3), with and without TLS's fields behind it:
//
//   client-ip ":" port " [" DD/Mon/YYYY:HH:MM:SS.mmm "] " frontend " " backend "/" server " " TR/Tw/Tc/Tr/Ta " " status " "
//   bytes " " request-cookie " " response-cookie " " state " " connections " " queues *(" {" captures "}") " " quoted-request
//
// The stamp is that of the request's first byte, without a zone: taken as UTC. No bodies. What cannot stand in a log is
// written as #NN. A request that a syslog server's limit has cut is a bad line: where its URL ends is not known.
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
