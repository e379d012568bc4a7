// The current time while a log is read: lines with only a time (as `date` prints before each table), times at the start of a
// line (as `ts` adds them), clock times without a date, or one table per interval.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leakline::memory {

class LogClock {
  public:
    // interval_s: from one table to the next, if the log has no times.
    explicit LogClock(std::optional<double> interval_s) : interval_s_(interval_s) {}

    // If the line is only a time: sets the clock and returns true.
    // "1717763400", "1717763400.5", "2024-06-07T12:30:00Z", "12:30:00", "Fri Jun  7 12:30:00 UTC 2024", also as "# TIME" or
    // "=== TIME ===".
    bool take_time_line(std::string_view line);
    // A time at the start of the line (seconds since the epoch or finer, ISO 8601, a clock time with or without AM or PM,
    // syslog's, date's, 06/07/2024 12:30:00), in brackets or not, sets the clock and is removed.
    void take_prefix(std::string_view& line);
    void begin_table() { ++tables_; }

    // Seconds since any origin; nothing if the log has had no time yet.
    std::optional<double> now() const;
    void set(double seconds) { time_ = seconds; }
    bool is_set() const { return time_.has_value(); }

    void set_clock_time(double since_midnight);

  private:
    std::optional<double> interval_s_, time_;
    std::optional<double> last_clock_;
    double midnight_ = 0;
    long tables_ = 0;
};

// Seconds of "[[days-]hours:]minutes:seconds" or of plain seconds, as ps prints ELAPSED.
std::optional<double> parse_elapsed(std::string_view text);

// The words of a line.
std::vector<std::string_view> words_of(std::string_view line);
// Without escape sequences, which captured live views contain.
std::string without_escapes(std::string_view line);

}  // namespace leakline::memory
