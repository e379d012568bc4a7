// trackd --record: every API request into a log that `leakline replay` sends again, byte for byte but for credentials, which are
// redacted. Only its owner can read a log that is made here.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "base/quantities.hpp"
#include "http/message.hpp"
#include "model/redaction.hpp"
#include "model/request.hpp"

namespace leakline::service {

// Thread-safe. Each request is one write() of one whole line: what was recorded survives kill -9.
class RequestRecorder {
  public:
    // Appends to path. Throws Error{input} where it cannot be written.
    explicit RequestRecorder(std::string path);
    ~RequestRecorder();
    RequestRecorder(const RequestRecorder&) = delete;
    RequestRecorder& operator=(const RequestRecorder&) = delete;

    // A failed write does not fail the request: it is counted.
    void record(const http::ServerRequest& request, Nanoseconds at);
    std::uint64_t failures() const { return failures_; }

  private:
    std::string path_;
    int descriptor_ = -1;
    std::mutex mutex_;   // guards request_, line_ and torn_, and keeps lines whole
    bool torn_ = false;  // the file ends inside a line
    const Redaction redaction_;
    Request request_;
    std::string line_;
    std::atomic<std::uint64_t> failures_{0};
};

}  // namespace leakline::service
