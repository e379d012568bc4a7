// Sends a recorded log to an HTTP service and accounts for every request.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "http/connect_options.hpp"
#include "model/request.hpp"
#include "replay/internal/fresh.hpp"
#include "replay/internal/histogram.hpp"
#include "replay/internal/shape.hpp"
#include "replay/internal/value_rules.hpp"

namespace leakline::replay {

struct Pace {
    enum class Kind { recorded, rate, max };
    Kind kind = Kind::recorded;
    double speed = 1;  // recorded: how many times faster
    double rate = 0;   // rate: requests per second, open loop
};

// State that other threads may watch while the replay runs.
struct Progress {
    std::atomic<std::uint64_t> sent{0}, completed{0}, failed{0}, connections{0};
    std::atomic<std::int64_t> lag_ns{0};  // of the request sent last
    std::atomic<int> round{0};            // from 1
    std::atomic<double> part{0};          // of all rounds of the log that is read; stays 0 where its size is not known
};

// The statuses that count as success.
struct StatusCheck {
    bool recorded = false;     // the one in the log, where it has one
    std::vector<int> allowed;  // 204, or a class: 2 for 2xx
    std::string text;          // as it was written
    bool accepts(int status, int recorded_status) const;
};
// "recorded", "200", "2xx,304". Throws Error{usage}.
StatusCheck parse_status_check(const std::string& text);

class VariableSegments;

struct ReplayOptions {
    std::vector<std::string> logs;
    std::string target;  // http://host:port, see http/url.hpp
    Pace pace;
    int connections = 32;
    int streams = 1;                      // concurrent requests of a connection; more than 1 requires HTTP/2 (connect.version)
    int requests_per_connection = 0;      // a connection is closed after this many; 0: kept as long as the log and the target allow
    int rounds = 1;                       // 0: until duration is over or the replay is stopped
    std::optional<Nanoseconds> duration;  // nothing is sent after this
    std::optional<Nanoseconds> max_gap;   // a longer pause in the log is cut to this
    std::size_t reorder = 1024;           // records that the recorded pace reads ahead to sort them by time
    Nanoseconds timeout = std::chrono::seconds(10);
    Nanoseconds grace = std::chrono::seconds(5);           // for requests in progress when stopped
    Nanoseconds give_up = std::chrono::seconds(10);        // stops when no connection could be made for this time
    Nanoseconds max_lag = std::chrono::milliseconds(100);  // a larger p99 of the send lag makes the run invalid
    double max_failures = 0.1;                             // so does a larger share of failed requests
    std::uint64_t max_bad_lines = 10;                      // more: Error{input}
    double max_bad_share = 0.5;                            // so does a larger part of the lines, at the log's end
    std::string log_format;                                // empty: by content
    std::string log_map;                                   // of JSON access logs, see format_access_json.hpp
    std::string log_pattern;                               // of a text log, see format_pattern.hpp
    ShapeOptions shape;                                    // filters and changes
    FreshOptions fresh;                                    // identifiers that get new values in each round but the first
    // The plan for that, if it already exists (plan_fresh); null: it is made from the logs.
    std::shared_ptr<const FreshPlan> fresh_plan;
    ValueOptions values;                                        // of responses, that are sent in later requests of the same session
    std::shared_ptr<const VariableSegments> variable_segments;  // for the names of kinds of requests; null: none
    std::vector<std::string> keep_recorded;                     // kinds of requests ("GET /items/*") that keep their values
    std::optional<StatusCheck> expect;                          // responses that differ are counted as unexpected
    bool precise = false;                                       // polls in the last 60 us before a request is due: costs a core
    http::ConnectOptions connect;
    Progress* progress = nullptr;
    Histogram* latency = nullptr;  // filled with the latencies from the due time, at the end
    // Ends the reading and the sending early: the result is then of a part, and says so.
    std::stop_token stop;
    // Seen within 100 ms: ends the sending as well, if the caller sees that the target is gone.
    std::stop_token target_gone;
    // Called when all requests of a round (from 1) are answered, before the next begins. false ends the replay. Without it
    // the next round follows one mean interval after the last request, answered or not.
    std::function<bool(int round)> after_round;
    // Called before after_round: true closes all connections first.
    std::function<bool(int round)> closes_after_round;
    // A pause within a round: another thread sets it, and once all that was sent is answered, all connections are closed, at_pause is
    // called and the flag is cleared. Later due times are moved by the length of the pause.
    std::atomic<bool>* pause = nullptr;
    std::function<void()> at_pause;
};

// Throws Error{usage} for invalid options or combinations. A dry run needs no target.
void check(const ReplayOptions& options);

// options.shape; if it names no hosts and one of the logs was recorded by a client, such as a browser's HAR, with the host whose
// requests are sent: the target's if the log has it, else the most frequent one. Reads such logs once; a pipe
// cannot be read twice, so its first host is used. Throws as Log does.
ShapeOptions choose_hosts(const ReplayOptions& options);

// The log could not be read to its end: the result of the part that was sent.
class ReplayEnded : public Error {
  public:
    ReplayEnded(const Error& error, ReplayStats so_far) : Error(error), so_far_(std::move(so_far)) {}
    const ReplayStats& so_far() const { return so_far_; }

  private:
    ReplayStats so_far_;
};

// Runs on the calling thread, with one more to read the log. Memory is bounded whatever the log's size.
// Throws Error{usage} for a bad target, Error{input} for an unusable log, Error{system} where the host has no address. options.stop ends it early and is no error:
// the statistics then say what was unsent.
ReplayStats run(const ReplayOptions& options);

}  // namespace leakline::replay
