#include "replay/internal/captured_connections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/quantities.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kMaxConnections = 262'144, kMaxNames = 262'144;

}  // namespace

std::size_t CapturedConnections::EndsHash::operator()(const Ends& ends) const {
    std::uint64_t hash = 14695981039346656037u;
    for (const TcpEndpoint* const end : {&ends.low, &ends.high}) {
        std::uint64_t words[2];
        std::memcpy(words, end->address.data(), sizeof words);
        for (const std::uint64_t word : {words[0], words[1], std::uint64_t{end->port}}) hash = (hash ^ word) * 1099511628211u;
        hash ^= hash >> 29;
    }
    return hash;
}

bool CapturedConnections::is_server(std::uint16_t port) const {
    return std::find(server_ports_.begin(), server_ports_.end(), port) != server_ports_.end();
}

void CapturedConnections::add(const Packet& packet) {
    const auto segment = tcp_segment_of(packet);
    if (!segment) return;
    if (!server_ports_.empty() && !is_server(segment->from.port) && !is_server(segment->to.port)) return;
    const bool ordered = segment->from < segment->to;
    const Ends ends{ordered ? segment->from : segment->to, ordered ? segment->to : segment->from};
    auto found = connections_.find(ends);
    if (segment->syn && !segment->ack && found != connections_.end() && found->second.flow) {
        // The same ends again, or the begin that was sent twice.
        if (!found->second.flow->is_idle() || found->second.flow->has_ended()) {
            finish(found->second);
            connections_.erase(found);
            found = connections_.end();
        }
    }
    if (found == connections_.end()) {
        if (segment->size == 0 && !segment->syn) return;
        if (connections_.size() >= kMaxConnections) forget_idle();
        found = connections_.try_emplace(ends).first;
    }
    Connection& connection = found->second;
    if (connection.flow || begin(connection, *segment)) {
        segment->from == connection.client ? connection.flow->add_of_client(*segment, packet.at)
                                           : connection.flow->add_of_server(*segment, packet.at);
    }
    const bool over = connection.flow ? connection.flow->has_ended() : segment->fin;
    if (!segment->rst && !over) return;
    finish(connection);
    connections_.erase(found);
}

// False for a connection that was open before the capture, until a segment shows a request line: only then is it known which end is
// the client, and where a message starts.
bool CapturedConnections::begin(Connection& connection, const TcpSegment& segment) {
    if (segment.syn) {
        segment.ack ? begin(connection, segment.to, segment.from, segment.acknowledged)
                    : begin(connection, segment.from, segment.to, segment.sequence + 1);
        return true;
    }
    const bool of_server = is_server(segment.from.port) && !is_server(segment.to.port);
    if (of_server || !HttpFlow::begins_request(segment.payload)) return false;
    begin(connection, segment.from, segment.to, std::nullopt);
    return true;
}

void CapturedConnections::begin(Connection& connection, const TcpEndpoint& client, const TcpEndpoint& server,
                                std::optional<std::uint32_t> sequence) {
    std::string name = client.text() + ">" + server.text();
    if (names_.size() >= kMaxNames) names_.clear();
    if (const std::uint64_t before = names_[name]++; before > 0) name += fmt::format("#{}", before + 1);
    connection.client = client;
    connection.flow.emplace(std::move(name), sequence, responses_, results_);
    ++count_;
}

void CapturedConnections::finish(Connection& connection) {
    if (connection.flow)
        connection.flow->finish();
    else
        ++begun_before_;
}

void CapturedConnections::finish() {
    for (auto& [ends, connection] : connections_) finish(connection);
    connections_.clear();
}

void CapturedConnections::forget_idle() {
    for (auto each = connections_.begin(); each != connections_.end();) {
        if (each->second.flow && !each->second.flow->is_idle()) {
            ++each;
            continue;
        }
        finish(each->second);
        each = connections_.erase(each);
    }
    if (connections_.size() >= kMaxConnections) finish();
}

std::vector<std::string> CapturedConnections::warnings() const {
    std::vector<std::string> out;
    const std::uint64_t others = results_.tls + results_.others;
    if (others > 0)
        out.push_back(fmt::format("left out: {} that are not plain HTTP: {} TLS, {} others", counted(others, "connection"),
                                  format_count(results_.tls), format_count(results_.others)));
    if (begun_before_ > 0)
        out.push_back(
            fmt::format("left out: {} that began before the capture and in which no HTTP/1 request begins (HTTP/2 can only be "
                        "read from the begin of a connection on)",
                        counted(begun_before_, "connection")));
    if (results_.cut > 0)
        out.push_back(fmt::format("left out: {} of which the capture has only the beginning", counted(results_.cut, "request")));
    return out;
}

}  // namespace leakline::replay
