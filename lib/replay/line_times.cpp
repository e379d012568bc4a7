#include "replay/internal/line_times.hpp"

#include "base/time_text.hpp"

namespace leakline::replay {

void LineTimes::add(std::uint64_t line, std::string_view stamp) {
    if (stopped_) return;
    ParsedTime time = parse_any_time(stamp);
    if (!time.at) time = parse_syslog_time(stamp, latest_);
    if (!time.at) return;
    times_.push_back({line, *time.at, std::chrono::seconds(is_in_whole_seconds(stamp) ? 1 : 0)});
}

void LineTimes::forget_before(std::uint64_t line) {
    while (!times_.empty() && times_.front().line < line) times_.pop_front();
}

void LineTimes::give(Record& record) {
    forget_before(record.place);
    if (record.has_time || times_.empty() || times_.front().line != record.place) return;
    record.at = times_.front().at;
    record.resolution = times_.front().resolution;
    record.has_time = true;
}

void LineTimes::stop() {
    stopped_ = true;
    times_.clear();
}

}  // namespace leakline::replay
