// The accounting of a replay: what was sent, and its outcome.
//
// Thread-safety: one thread at a time.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "http/client_pool.hpp"
#include "replay/internal/histogram.hpp"
#include "replay/replay.hpp"

namespace leakline::replay {

class Tally {
  public:
    // A request in progress.
    struct Sent {
        Nanoseconds due{};
        std::uint16_t path = 0;
        std::int16_t recorded_status = 0;
        bool first_round = false, fresh = false;
    };

    explicit Tally(const std::optional<StatusCheck>& expect) : expect_(expect) {}

    void sent(std::uint16_t path);
    void done(const Sent& request, const http::ClientPool::Done& result);
    // All requests so far are done; the next ones belong to another round.
    void end_round();

    std::uint64_t failed_count() const { return failed_; }
    // Completed with an error or a redirection that is neither in the log nor expected by the caller.
    std::uint64_t refused_count() const { return refused_; }
    int most_refused() const;                                 // the most frequent of their statuses; 0 if there is none
    std::string refused_statuses() const;                     // "980 x 401, 20 x 403": the most frequent first, at most three
    std::uint64_t uncompared() const { return uncompared_; }  // answers to requests without a recorded status
    const Histogram& latency() const { return latency_; }

    // Paths with more requests refused with fresh identifiers than with the log's own in the first round. Each is returned
    // once: the service looks up identifiers that it does not know. An overload (429, 503) does not count.
    std::vector<std::uint16_t> refuse_fresh();

    // sent, completed, statuses, failures, retried, rate, latencies and paths of the result.
    ReplayStats stats(const std::vector<std::string>& path_names) const;

  private:
    struct Refusal {
        bool is_grpc = false;
        int status = 0;  // gRPC's code where is_grpc
        auto operator<=>(const Refusal&) const = default;
    };

    struct Path {
        std::uint64_t sent = 0, completed = 0, errors = 0;
        std::uint64_t failed_as_recorded = 0;
        std::uint64_t first = 0, first_refused = 0, fresh = 0, fresh_refused = 0;
        bool refuses_fresh = false;
        Histogram latency{5};
    };

    const std::optional<StatusCheck>& expect_;
    ReplayStats stats_;
    std::uint64_t failed_ = 0, uncompared_ = 0, refused_ = 0;
    std::array<std::uint64_t, 1000> statuses_{};
    std::map<Refusal, std::uint64_t> refusals_;
    Histogram latency_, service_, lag_;
    // Of the round: requests of which a byte was written, the first and the last of these times.
    std::uint64_t written_ = 0;
    Nanoseconds first_write_ = Nanoseconds::max(), last_write_{};
    // Of all rounds: the intervals between two such times, and their length together.
    std::uint64_t intervals_ = 0;
    Nanoseconds sending_{};
    std::vector<Path> paths_;
};

}  // namespace leakline::replay
