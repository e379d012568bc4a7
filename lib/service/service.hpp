// trackd without its command line: its routes and their handlers.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/exposition.hpp"
#include "base/quantities.hpp"
#include "http/server.hpp"
#include "service/event_cache.hpp"
#include "service/internal/event_store.hpp"
#include "service/internal/metrics.hpp"
#include "service/internal/scaled_clock.hpp"

namespace leakline::service {

struct ServiceOptions {
    http::ServerOptions server;
    std::string mode = "leaky";
    CacheLimits limits;
    Nanoseconds sweep_every = std::chrono::hours(1);  // on the service's clock
    StoreOptions store;
    Bytes memory_limit = 0;   // shown in /metrics; 0: not known
    std::string record_file;  // empty: requests are not recorded
};

// Thread-safety: constructed, started and stopped by one thread.
class Service {
  public:
    // Opens all files and the port. Throws Error. clock must outlive the service.
    Service(ServiceOptions options, ScaledClock& clock);
    ~Service();

    std::uint16_t port() const;
    void start();
    // Drains the requests (at most grace), then the store. False if a connection had to be cut off.
    bool stop(std::chrono::milliseconds grace);
    // Reports errors outside of any request, one line each; from any thread. Set before start().
    void on_error(std::function<void(const std::string&)> report);
    // Adds families to /metrics; called with every scrape, from any thread. Set before start().
    void on_metrics(std::function<void(Exposition&)> add);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace leakline::service
