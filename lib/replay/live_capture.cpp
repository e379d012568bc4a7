#include "replay/live_capture.hpp"

#include "replay/internal/captured_connections.hpp"
#include "replay/internal/packet_socket.hpp"

namespace leakline::replay {

namespace {

const std::vector<std::uint16_t>& checked(const std::vector<std::uint16_t>& ports) {
    if (ports.empty() || ports.size() > PacketSocket::kMaxPorts)
        throw Error(ErrorKind::usage, "--port", "1 to " + std::to_string(PacketSocket::kMaxPorts) + " ports can be captured");
    return ports;
}

}  // namespace

struct LiveCapture::State {
    explicit State(const LiveCaptureOptions& options)
        : interface(options.interface),
          socket(options.interface, checked(options.ports)),
          connections(options.ports, options.responses ? Responses::recorded : Responses::ignored) {}

    void hand_over(const Take& take) {
        FlowResults& results = connections.results();
        for (std::string& reason : results.lost) lost.add(interface, std::move(reason));
        results.lost.clear();
        for (Request& request : results.requests) take(std::move(request));
        requests += results.requests.size();
        results.requests.clear();
    }

    const std::string interface;
    PacketSocket socket;
    CapturedConnections connections;
    Diagnostics lost;
    std::uint64_t packets = 0, requests = 0;
};

LiveCapture::LiveCapture(const LiveCaptureOptions& options) : state_(std::make_unique<State>(options)) {}
LiveCapture::~LiveCapture() = default;

void LiveCapture::step(Nanoseconds wait, const Take& take) {
    state_->socket.read(wait, [&](const Packet& packet) {
        ++state_->packets;
        state_->connections.add(packet);
        state_->hand_over(take);
    });
}

void LiveCapture::finish(const Take& take) {
    step(2 * PacketSocket::kDelay, take);
    state_->connections.finish();
    state_->hand_over(take);
}

LiveCapture::Counts LiveCapture::counts() {
    return {state_->packets, state_->socket.dropped(), state_->connections.count(), state_->requests};
}

const Diagnostics& LiveCapture::lost() const { return state_->lost; }
std::vector<std::string> LiveCapture::warnings() const { return state_->connections.warnings(); }

}  // namespace leakline::replay
