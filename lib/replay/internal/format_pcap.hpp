// Captures of network traffic: the plain HTTP/1 and HTTP/2 requests in a pcap or pcapng file, each connection a session.
//
// Segments may be out of order and sent again. Where one is missing in the capture, the request that it is of is a bad line. The time of
// a request is that of its first segment. Connections that began before the capture are read from their next request on; those of HTTP/2
// are not, and end at a missing segment: each header block depends on those before it.
#pragma once

#include <unordered_map>

#include "replay/internal/http_flow.hpp"
#include "replay/internal/packet_file.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

class PcapStream : public RecordStream {
  public:
    explicit PcapStream(ChunkBuffer chunks) : RecordStream(std::move(chunks)) {}
    Step next(Record& record) override;
    std::vector<std::string> warnings() const override;

  private:
    struct Ends {
        TcpEndpoint low, high;
        bool operator==(const Ends&) const = default;
    };
    struct EndsHash {
        std::size_t operator()(const Ends& ends) const;
    };
    struct Connection {
        TcpEndpoint client;
        std::optional<HttpFlow> flow;  // nothing until it is known which end is the client
    };
    void add(const Packet& packet);
    void begin(Connection& connection, const TcpEndpoint& client, const TcpEndpoint& server, std::optional<std::uint32_t> sequence);
    void finish_all();
    void forget_idle();

    PacketFile file_;
    std::unordered_map<Ends, Connection, EndsHash> connections_;
    std::unordered_map<std::string, std::uint64_t> names_;  // how many connections had the same ends
    FlowResults results_;
    Request current_;
    std::uint64_t packets_ = 0;
    bool at_end_ = false;
};

}  // namespace leakline::replay
