// Records real traffic: each request that passes the proxy, or a network interface, becomes a line of the native log at once.
//
// Thread-safety: one CaptureLog, one thread at a time (the proxy's observer is called so).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "http/recording_proxy.hpp"
#include "model/recorded_response.hpp"
#include "model/redaction.hpp"
#include "model/request.hpp"

namespace leakline::replay {

struct CaptureOptions {
    Redaction redaction;
    bool responses = false;                        // writes "response" of requests that have one
    bool sessions = false;                         // writes "conn", so that a replay keeps the requests of each client connection together
    std::size_t max_body = std::size_t{16} << 20;  // bytes; of requests that were captured whole
};

class CaptureLog {
  public:
    // "-" is standard output; an existing log is appended to. Throws Error{input} when it cannot be opened, or is no log.
    CaptureLog(const std::string& path, CaptureOptions options);
    ~CaptureLog();
    CaptureLog(const CaptureLog&) = delete;
    CaptureLog& operator=(const CaptureLog&) = delete;

    // Throws Error{system} when the disk is full. A request whose body was too large or incomplete is counted, not
    // written: its replay would send a different request.
    void write(http::ProxiedRequest&& request);
    // The same for a request that was captured whole.
    void write(Request&& request);

    std::uint64_t written() const { return written_; }
    std::uint64_t too_large() const { return too_large_; }
    std::uint64_t over_budget() const { return over_budget_; }
    std::uint64_t cut() const { return cut_; }
    std::uint64_t responses() const { return responses_; }

  private:
    void resume_after(const std::string& path);
    void attach(RecordedResponse& response, Request& record);
    void put(Request& record);

    std::string path_;
    CaptureOptions options_;
    int descriptor_ = -1;
    std::string line_;
    std::uint64_t written_ = 0, too_large_ = 0, over_budget_ = 0, cut_ = 0, responses_ = 0;
};

}  // namespace leakline::replay
