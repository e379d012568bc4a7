// A recording proxy in front of a server, and what it recorded.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/quantities.hpp"
#include "http/recording_proxy.hpp"
#include "http/url.hpp"

namespace leakline::test {

class RecordedProxy {
  public:
    explicit RecordedProxy(const std::string& target, http::ProxyOptions options = {})
        : proxy_(completed(std::move(options), target), [this](auto&& request) {
              const std::lock_guard lock(mutex_);
              requests_.push_back(std::forward<decltype(request)>(request));
          }) {
        proxy_.start();
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(proxy_.port()); }
    std::uint16_t port() const { return proxy_.port(); }
    http::ProxyCounts counts() const { return proxy_.counts(); }
    // Ends it; in the order in which the exchanges ended.
    const std::vector<http::ProxiedRequest>& stop(Nanoseconds grace = std::chrono::seconds(20)) {
        proxy_.stop(grace);
        return requests_;
    }

  private:
    static http::ProxyOptions completed(http::ProxyOptions options, const std::string& target) {
        options.target = http::parse_url(target);
        options.keep_responses = true;
        return options;
    }
    std::mutex mutex_;  // guards what follows
    std::vector<http::ProxiedRequest> requests_;
    http::RecordingProxy proxy_;
};

}  // namespace leakline::test
