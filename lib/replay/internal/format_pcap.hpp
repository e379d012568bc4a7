// Captures of network traffic: the plain HTTP/1 and HTTP/2 requests in a pcap or pcapng file, each connection a session. A request that
// is lost (see captured_connections.hpp) is a bad line.
#pragma once

#include "replay/internal/captured_connections.hpp"
#include "replay/internal/packet_file.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

class PcapStream : public RecordStream {
  public:
    // With responses, requests come once they have been answered.
    PcapStream(ChunkBuffer chunks, Responses responses) : RecordStream(std::move(chunks)), connections_({}, responses) {}
    Step next(Record& record) override;
    std::vector<std::string> warnings() const override { return connections_.warnings(); }

  private:
    PacketFile file_;
    CapturedConnections connections_;
    Request current_;
    std::uint64_t packets_ = 0;
    bool at_end_ = false;
};

}  // namespace leakline::replay
