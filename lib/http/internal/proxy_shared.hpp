// Internal to the recording proxy: what the sessions of all clients have in common.
#pragma once

#include "http/internal/proxy_target.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "http/recording_proxy.hpp"

namespace leakline::http {

inline std::int64_t steady_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

struct ProxyShared {
    ProxyShared(ProxyOptions given, std::function<void(ProxiedRequest&&)> observer)
        : options(std::move(given)), observe(std::move(observer)), target(options.target, options.connect) {}

    void report(ProxiedRequest&& request) {
        const std::lock_guard lock(observing);
        observe(std::move(request));
    }

    const ProxyOptions options;
    const std::function<void(ProxiedRequest&&)> observe;
    std::mutex observing;
    ProxyTargetSettings target;
    std::atomic<bool> stopping{false};
    std::atomic<std::uint64_t> connections{0}, refused{0}, requests{0}, failed{0}, not_http{0}, exhausted{0}, handshakes_failed{0};
    std::atomic<std::size_t> kept{0};  // bytes of the bodies in progress
};

// What other threads see of a session.
struct SessionState {
    std::atomic<std::int64_t> active{steady_ns()};  // when something last came or went
    std::atomic<bool> in_request{false};
    std::atomic<bool> cut{false};  // it is to end
    void touch() { active.store(steady_ns(), std::memory_order_relaxed); }
};

// Records the bodies of a request and its response, up to the limits per body and for all bodies together.
class KeptBodies {
  public:
    explicit KeptBodies(ProxyShared& shared) : shared_(shared) {}
    ~KeptBodies() { give_back(); }
    KeptBodies(const KeptBodies&) = delete;
    KeptBodies& operator=(const KeptBodies&) = delete;

    void keep_of_request(ProxiedRequest& exchange, std::string_view piece) {
        if (exchange.body_too_large || exchange.body_over_budget) return;
        const bool fits = exchange.body.size() + piece.size() <= shared_.options.max_kept_body;
        if (!keep(exchange.body, piece)) (fits ? exchange.body_over_budget : exchange.body_too_large) = true;
    }
    void keep_of_response(ProxiedRequest& exchange, std::string_view piece) {
        if (exchange.response && !keep(exchange.response->body, piece)) exchange.response.reset();
    }
    // The exchange is reported.
    void give_back() { shared_.kept -= std::exchange(size_, 0); }

  private:
    // False, and the body's memory freed, if it is too large or the budget of all bodies is used up.
    bool keep(std::string& body, std::string_view piece) {
        std::size_t counted = body.size();
        if (counted + piece.size() <= shared_.options.max_kept_body) {
            counted += piece.size();
            size_ += piece.size();
            if (shared_.kept.fetch_add(piece.size()) + piece.size() <= shared_.options.body_budget) {
                body.append(piece);
                return true;
            }
        }
        std::string().swap(body);
        size_ -= counted;
        shared_.kept -= counted;
        return false;
    }

    ProxyShared& shared_;
    std::size_t size_ = 0;  // of ProxyShared::kept
};

}  // namespace leakline::http
