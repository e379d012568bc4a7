// The part of a log that a replay would send, unchanged, for code that writes other logs from it (blocks of a
// mix, parts, samples of a long log) and replays them with the same options.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replay/log.hpp"
#include "replay/path_table.hpp"
#include "replay/replay.hpp"

namespace leakline::replay {

// How the replay reads its logs.
LogOptions log_options(const ReplayOptions& options);

// The options for a log in the native format that was written from selected requests: filters are not applied again,
// changes of requests (paths, headers) are.
ReplayOptions for_selected(const ReplayOptions& options, std::vector<std::string> logs);

class SelectedLog {
  public:
    // Throws as Log does.
    explicit SelectedLog(const ReplayOptions& options)
        : selection_(choose_hosts(options)), shape_(selection_), log_(options.logs, log_options(options)) {}

    // As recorded, before any change. Nothing at the end, or soon after a stop. Throws Error{input} at one bad line
    // too many.
    std::optional<Request> next();
    // Path and query of the request last returned as it is sent. Valid until next().
    std::string_view sent_target() const;

    std::uint64_t left_out() const { return left_out_; }
    // Warnings about requests that were skipped without a body or selected without a key.
    std::vector<std::string> warnings() const { return shape_.warnings("left out"); }
    const Log& log() const { return log_; }

    SelectedLog(const SelectedLog&) = delete;  // shape_ refers to selection_
    SelectedLog& operator=(const SelectedLog&) = delete;

  private:
    const ShapeOptions selection_;
    Shape shape_;
    Log log_;
    Record record_;
    std::uint64_t left_out_ = 0;
};

// The requests that a replay sends, with its changes, for what is learned from a part of the log before. Recorded statuses are not
// attached.
class SentRecords {
  public:
    // Throws Error{usage} where a log cannot be read twice, and as Log does.
    explicit SentRecords(const ReplayOptions& options);
    // Valid until the next call; nullptr at the end, or soon after a stop. Throws Error{input} at one bad line too many.
    const Record* next();

    SentRecords(const SentRecords&) = delete;  // shape_ refers to selection_
    SentRecords& operator=(const SentRecords&) = delete;

  private:
    const ShapeOptions selection_;
    Shape shape_;
    Log log_;
    Record record_;
};

// Segments of the paths of that part that hold identifiers. One pass.
std::shared_ptr<const VariableSegments> find_variable_segments(const ReplayOptions& options);

// What the selected part of the logs holds. One pass. Throws Error{input} where nothing is left of them, which says why, and
// when it is stopped.
LogSpan measure_selected(const ReplayOptions& options);

}  // namespace leakline::replay
