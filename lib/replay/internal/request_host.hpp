// The host of a recorded request, and the hosts whose requests are sent.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "replay/internal/record.hpp"

namespace leakline::replay {

// "http://user:secret@Shop.example:8080/a" -> "Shop.example:8080"; "" if the target is not an absolute URL.
std::string_view authority_of_target(std::string_view target);
// The authority of an absolute target, else the Host header; "" if the log has neither.
std::string_view host_of(const Record& record);
// The form in which hosts are compared: lower case, without a default port (80, 443).
std::string comparable_host(std::string_view authority);
// Of "host:port", "[::1]:port": without the port.
std::string_view without_port(std::string_view host);
// pattern: "*", "*.example.com", "example.com" (any port), "example.com:8080". host: as comparable_host() returns it.
bool host_matches(std::string_view pattern, std::string_view host);

// Requests per host, of a bounded number of hosts.
class HostCounts {
  public:
    static constexpr std::size_t kLimit = 1000;

    HostCounts() = default;
    HostCounts(const HostCounts&) = delete;  // last_count_ points into counts_
    HostCounts& operator=(const HostCounts&) = delete;

    void add(std::string_view authority, std::uint64_t count = 1);
    // Most frequent first; hosts over the limit are last, as "(other hosts)".
    std::vector<std::pair<std::string, std::uint64_t>> ranking() const;
    std::uint64_t total() const { return total_; }
    bool empty() const { return total_ == 0; }

  private:
    std::map<std::string, std::uint64_t, std::less<>> counts_;
    std::uint64_t other_ = 0, total_ = 0;
    std::string last_;  // as given: one request after the other is mostly to the same host
    std::uint64_t* last_count_ = nullptr;
};

// The host whose requests are sent if the user names none, for a log that a client has recorded: target's (an authority)
// if the log has it, with its port or else without; otherwise the most frequent one. "" without counts.
std::string default_host(const HostCounts& counts, std::string_view target);

}  // namespace leakline::replay
