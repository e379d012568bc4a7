// The HTTP connections in captured packets: finds the connection of each TCP segment, and collects the requests of all.
//
// Segments may be out of order and sent again. Where one is missing in the capture, the request that it is of is lost. The time of
// a request is that of its first segment. Connections that began before the capture are read from their next request on; those of HTTP/2
// are not, and end at a missing segment: each header block depends on those before it.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "replay/internal/http_flow.hpp"
#include "replay/internal/tcp_segment.hpp"

namespace leakline::replay {

class CapturedConnections {
  public:
    // server_ports: only connections to these are read, and their other end is the client. Empty: all.
    explicit CapturedConnections(std::vector<std::uint16_t> server_ports = {}, Responses responses = Responses::ignored)
        : server_ports_(std::move(server_ports)), responses_(responses) {}
    CapturedConnections(const CapturedConnections&) = delete;

    void add(const Packet& packet);
    // The capture is over.
    void finish();
    // The requests are to be taken out.
    FlowResults& results() { return results_; }
    std::uint64_t count() const { return count_; }  // of connections with a client
    // What was left out, in words.
    std::vector<std::string> warnings() const;

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
    using Table = std::unordered_map<Ends, Connection, EndsHash>;

    bool is_server(std::uint16_t port) const;
    bool begin(Connection& connection, const TcpSegment& segment);
    void begin(Connection& connection, const TcpEndpoint& client, const TcpEndpoint& server, std::optional<std::uint32_t> sequence);
    void finish(Connection& connection);
    void forget_idle();

    const std::vector<std::uint16_t> server_ports_;
    const Responses responses_;
    FlowResults results_;  // before the connections, which write to it
    Table connections_;
    std::unordered_map<std::string, std::uint64_t> names_;  // how many connections had the same ends
    std::uint64_t count_ = 0, begun_before_ = 0;
};

}  // namespace leakline::replay
