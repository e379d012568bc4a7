// Counts the reasons why requests failed, to show the most frequent one.
//
// Thread-safety: one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "http/client_pool.hpp"
#include "model/request.hpp"

namespace leakline::replay {

class FailureReasons {
  public:
    // A request that failed. connect_failure, connect_hint: the pool's reason for the connection that could not be made
    // last, which was this request's where it had none.
    void add(const http::ClientPool::Done& result, const std::string& connect_failure, const std::string& connect_hint);

    // The most frequent reason, in parentheses, with a hint: " (connection refused)", " (eof: the target closed
    // ...)", " (the TLS handshake ...); is it a TLS port?". "" if nothing failed.
    std::string most_frequent() const;
    // The same without the name of the failure: "connection refused", "the TLS handshake ...; does this port speak https?".
    std::string cause() const;

  private:
    struct Cause {
        std::string name, reason, hint;  // "eof: "; all "" if nothing failed
    };
    Cause most() const;

    static constexpr std::size_t kMax = 16;  // reasons in words that are counted separately

    struct Worded {
        std::uint64_t count = 0;
        std::string name, hint;
    };
    void add_worded(const std::string& name, const std::string& reason, const std::string& hint);

    std::map<std::string, Worded> worded_;                  // by reason: of failed connects, and where the pool gives one
    std::array<std::uint64_t, kFailureCount> connected_{};  // of other requests that had a connection
};

}  // namespace leakline::replay
