#include "replay/internal/format_pcap.hpp"

#include <fmt/format.h>

#include <cstring>

#include "base/quantities.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kMaxConnections = 262'144, kMaxNames = 1'000'000;

}  // namespace

std::size_t PcapStream::EndsHash::operator()(const Ends& ends) const {
    std::uint64_t hash = 14695981039346656037u;
    for (const TcpEndpoint* const end : {&ends.low, &ends.high}) {
        std::uint64_t words[2];
        std::memcpy(words, end->address.data(), sizeof words);
        for (const std::uint64_t word : {words[0], words[1], std::uint64_t{end->port}}) hash = (hash ^ word) * 1099511628211u;
        hash ^= hash >> 29;
    }
    return hash;
}

RecordStream::Step PcapStream::next(Record& record) {
    for (;;) {
        record.clear();
        record.place = place_ = packets_;
        if (!results_.lost.empty()) {
            const std::string reason = std::move(results_.lost.front());
            results_.lost.pop_front();
            return bad(reason);
        }
        if (!results_.requests.empty()) break;
        if (at_end_) return Step::end;
        Packet packet;
        switch (file_.next(chunks_, packet)) {
            case PacketFile::Step::packet: add(packet); break;
            case PacketFile::Step::damaged: return bad(file_.reason());
            case PacketFile::Step::end:
                finish_all();
                at_end_ = true;
                break;
        }
    }
    current_ = std::move(results_.requests.front());
    results_.requests.pop_front();
    fill(record, current_);
    record.place = place_;
    return Step::record;
}

void PcapStream::add(const Packet& packet) {
    ++packets_;
    const auto segment = tcp_segment_of(packet);
    if (!segment) return;
    const bool ordered = segment->from < segment->to;
    const Ends ends{ordered ? segment->from : segment->to, ordered ? segment->to : segment->from};
    auto found = connections_.find(ends);
    if (segment->syn && !segment->ack && found != connections_.end() && found->second.flow) {
        // The same ends again, or the begin that was sent twice.
        if (!found->second.flow->is_idle() || found->second.flow->has_ended()) {
            found->second.flow->finish(results_);
            connections_.erase(found);
            found = connections_.end();
        }
    }
    if (found == connections_.end()) {
        if (segment->size == 0 && !segment->syn) return;
        if (connections_.size() >= kMaxConnections) forget_idle();
        found = connections_.emplace(ends, Connection{}).first;
    }
    Connection& connection = found->second;
    if (!connection.flow) {
        if (segment->syn)
            segment->ack ? begin(connection, segment->to, segment->from, segment->acknowledged)
                         : begin(connection, segment->from, segment->to, segment->sequence + 1);
        else if (HttpFlow::begins_request(segment->payload))
            begin(connection, segment->from, segment->to, std::nullopt);
        else
            return;  // a connection that began before the capture
    }
    const bool from_client = segment->from == connection.client;
    if (from_client)
        connection.flow->add(*segment, packet.at, results_);
    else if (segment->ack)
        connection.flow->acknowledge(segment->acknowledged, results_);
    if (segment->rst || (from_client && connection.flow->has_ended())) {
        connection.flow->finish(results_);
        connections_.erase(found);
    }
}

void PcapStream::begin(Connection& connection, const TcpEndpoint& client, const TcpEndpoint& server,
                       std::optional<std::uint32_t> sequence) {
    std::string name = client.text() + ">" + server.text();
    if (names_.size() >= kMaxNames) names_.clear();
    if (const std::uint64_t before = names_[name]++; before > 0) name += fmt::format("#{}", before + 1);
    connection.client = client;
    connection.flow.emplace(std::move(name), sequence);
}

void PcapStream::finish_all() {
    for (auto& [ends, connection] : connections_)
        if (connection.flow) connection.flow->finish(results_);
    connections_.clear();
}

void PcapStream::forget_idle() {
    std::erase_if(connections_, [](const auto& entry) { return !entry.second.flow || entry.second.flow->is_idle(); });
    if (connections_.size() >= kMaxConnections) finish_all();
}

std::vector<std::string> PcapStream::warnings() const {
    std::vector<std::string> out;
    const std::uint64_t others = results_.tls + results_.others;
    if (others > 0)
        out.push_back(fmt::format("left out: {} that are not plain HTTP: {} TLS, {} others", counted(others, "connection"),
                                  format_count(results_.tls), format_count(results_.others)));
    if (results_.cut > 0)
        out.push_back(fmt::format("left out: {} of which the capture has only the beginning", counted(results_.cut, "request")));
    return out;
}

}  // namespace leakline::replay
