#include "replay/selected_log.hpp"

#include <fmt/format.h>

#include <map>

#include "base/quantities.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

LogOptions log_options(const ReplayOptions& options) {
    LogOptions reading;
    reading.format = options.log_format;
    reading.max_bad_lines = options.max_bad_lines;
    reading.max_bad_share = options.max_bad_share;
    reading.map = options.log_map;
    reading.pattern = options.log_pattern;
    reading.stop = options.stop;
    reading.attach_responses = options.expect && options.expect->recorded;
    return reading;
}

ReplayOptions for_selected(const ReplayOptions& options, std::vector<std::string> logs) {
    ReplayOptions selected = options;
    selected.logs = std::move(logs);
    selected.log_format.clear();
    selected.log_map.clear();
    selected.log_pattern.clear();
    selected.shape = options.shape.changes_only();
    return selected;
}

std::optional<Request> SelectedLog::next() {
    while (log_.next(record_)) {
        if (shape_.selects(record_)) {
            std::optional<Request> request = to_request(record_);
            if (shape_.change(record_)) return request;
        }
        ++left_out_;
    }
    return std::nullopt;
}

std::string_view SelectedLog::sent_target() const { return path_of_target(record_.target); }

namespace {

LogOptions without_statuses(const ReplayOptions& options) {
    require_repeatable(options.logs);
    LogOptions reading = log_options(options);
    reading.attach_responses = false;
    return reading;
}

}  // namespace

SentRecords::SentRecords(const ReplayOptions& options)
    : selection_(choose_hosts(options)), shape_(selection_), log_(options.logs, without_statuses(options)) {}

const Record* SentRecords::next() {
    while (log_.next(record_))
        if (shape_.apply(record_)) return &record_;
    return nullptr;
}

std::shared_ptr<const VariableSegments> find_variable_segments(const ReplayOptions& options) {
    constexpr std::size_t kMost = 20'000;  // paths that are looked at
    std::map<std::string, std::uint64_t> requests;
    SelectedLog log(options);
    while (log.next()) {
        std::string path = PathTable::normalized(path_of_target(log.sent_target()));
        if (requests.size() < kMost || requests.contains(path)) ++requests[std::move(path)];
    }
    return std::make_shared<const VariableSegments>(requests);
}

LogSpan measure_selected(const ReplayOptions& options) {
    const ShapeOptions selection = choose_hosts(options);
    Log log(options.logs, log_options(options));
    Shape shape(selection);
    Record record;
    LogSpan span;
    std::uint64_t left_out = 0;
    while (log.next(record)) {
        if (shape.apply(record))
            span.add(record.has_time ? std::optional(record.at) : std::nullopt, record.body.size());
        else
            ++left_out;
    }
    if (options.stop.stop_requested()) throw Error(ErrorKind::input, options.logs[0], "interrupted while reading");
    span.bad = log.bad();
    if (span.requests > 0) return span;
    if (left_out == 0) throw Error(ErrorKind::input, options.logs[0], "no request in it");
    const std::vector<std::string> warnings = shape.warnings("left out");
    throw Error(ErrorKind::input, options.logs[0],
                fmt::format("{} left out, none is sent{}",
                            left_out == 1 ? "its only request is" : "all " + format_count(left_out) + " requests are",
                            warnings.empty() ? "" : ": " + warnings.front()),
                "leakline replay --dry-run with the same options shows what is sent");
}

}  // namespace leakline::replay
