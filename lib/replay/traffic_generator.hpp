// Sample traffic: some thousand users per day who browse, search and buy, with a daily curve. Seeded: the same
// options give the same requests, byte for byte, with the same standard C library.
//
// Thread-safety: one generator, one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/quantities.hpp"
#include "model/request.hpp"
#include "system/output_file.hpp"

namespace leakline::replay {

struct TrafficOptions {
    std::uint64_t requests = 10'000;
    // All requests fall into [start, start + duration), as a Poisson process whose rate follows the hour of the day:
    // lowest at 4, highest (5.7 times as much) at 16 o'clock UTC.
    Nanoseconds duration = std::chrono::minutes(15);
    std::uint64_t seed = 1;
    std::uint64_t users = 5000;                               // distinct user ids, a few much busier than most
    Nanoseconds start = std::chrono::seconds(1'714'953'600);  // 2024-05-06 00:00 UTC, a Monday
};

// The mean rate of the sample traffic, in requests per second. trackd --mode leaky keeps about 1,120 bytes of RSS for each
// of these requests: 44 MB per hour on average and 75 in the busiest, which fills 512 MiB in about twelve hours.
inline constexpr double kSampleRate = 11.0;

// Gives one request at a time, in the order of time; memory is O(1).
// Each is a POST /api/track of 0.3 to 2 KB (0.9 on average) with one to four events.
class TrafficGenerator {
  public:
    explicit TrafficGenerator(const TrafficOptions& options) : options_(options), random_(options.seed) {}
    // Nothing after the last request. The reference is valid until the next call.
    const Request* next();

  private:
    // splitmix64 (Steele, Lea and Flood, 2014): small, fast, and the same everywhere.
    class Random {
      public:
        explicit Random(std::uint64_t seed) : state_(seed) {}
        std::uint64_t next();
        double unit();                             // [0, 1)
        std::uint64_t below(std::uint64_t bound);  // [0, bound)

      private:
        std::uint64_t state_;
    };

    void write_body(std::string& body);
    void write_event(std::string& body, std::uint64_t user);

    TrafficOptions options_;
    Random random_;
    std::uint64_t made_ = 0;
    double progress_ = 0;  // share of the log's expected traffic so far, [0, 1)
    Request request_;
};

// All of the generator's requests in the native log format; after a stop, no more of them. on_part hears about each MiB how many
// are written. Throws Error{system}; the caller commits the file.
void write_traffic(const TrafficOptions& options, OutputFile& file, const std::function<void(std::uint64_t)>& on_part = {},
                   const std::stop_token& stop = {});

}  // namespace leakline::replay
