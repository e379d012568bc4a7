// Records the plain HTTP requests that pass a network interface, without a part in their connections.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "model/request.hpp"

namespace leakline::replay {

struct LiveCaptureOptions {
    std::string interface;             // "lo", "eth0"; "any": all
    std::vector<std::uint16_t> ports;  // of the servers, at least one
    bool responses = false;            // of HTTP/1: requests come with their responses, once these are whole
};

class LiveCapture {
  public:
    using Take = std::function<void(Request&&)>;

    // Captures from here on. Throws Error{usage}: no port, or too many; else as PacketSocket does: Error{input}, there is no such
    // interface; Error{system}, the process may not capture.
    explicit LiveCapture(const LiveCaptureOptions& options);
    ~LiveCapture();

    // Waits for packets, at most this long, and passes on the requests that are whole, with their connection. Throws Error{system} where
    // the interface goes away.
    void step(Nanoseconds wait, const Take& take);
    // The same for what is still to come of the packets up to now.
    void finish(const Take& take);

    struct Counts {
        std::uint64_t packets = 0, dropped = 0;  // dropped: the kernel had no place for them
        std::uint64_t connections = 0, requests = 0;
    };
    Counts counts();
    // Requests that could not be read because packets are missing.
    const Diagnostics& lost() const;
    // What else was left out, in words; complete after finish().
    std::vector<std::string> warnings() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::replay
