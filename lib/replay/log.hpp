// Request logs: the table of formats, their detection, and several files read as one log in order of time.
//
// Thread-safety: one log, one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "model/request.hpp"
#include "replay/internal/record.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::replay {

struct LogOptions {
    std::string format;                // a name of the table; empty: by content
    std::uint64_t max_bad_lines = 10;  // more: Error{input}
    double max_bad_share = 0.5;        // a larger part of the lines, at the end of the log: Error{input}
    std::string map;                   // of JSON access logs, see format_access_json.hpp; empty: by a preset
    std::string pattern;               // of a text log, see format_pattern.hpp; empty: none
    std::stop_token stop;              // ends the log soon after, also while a pipe is silent
    // Called at once and then ten times a second while a pipe is silent. Empty: not.
    std::function<void()> while_silent;
    bool attach_responses = false;  // .gor, pcap: requests get the status of their recorded responses
};

// A row of the table of formats.
struct FormatRow {
    const char* name;
    const char* summary;
    // Whether a log that begins with these bytes (up to 64 KiB, decompressed) is of this format.
    bool (*detect)(std::string_view prefix);
    // chunks: from the log's beginning, without its envelopes.
    std::unique_ptr<RecordStream> (*open)(ChunkBuffer chunks, const std::string& path, const LogOptions& options);
    // Of text, the escape sequences that color it on a terminal are removed.
    enum class Lines : unsigned char { other, text } lines = Lines::other;
};
std::span<const FormatRow> log_formats();

// Lines in an envelope (Docker's, CRI's, syslog's, the journal's, see envelope.hpp) are extracted; envelopes are detected by content.
//
// Complete lines that are not requests are bad lines; in envelopes and application logs, they are the program's other
// messages: counted apart, and bad only for max_bad_share.
//
// Reads plain, gzip and zstd files; "-" is standard input. Several files are merged by timestamp, those without timestamps
// one after the other.
class Log {
  public:
    // Throws Error{input}: no such file, empty, a format that no row detects. Throws Error{usage}: an unknown format name.
    Log(const std::vector<std::string>& paths, const LogOptions& options);
    ~Log();
    Log(Log&&) noexcept;

    // False at the end, or when options.stop is requested. The record is valid until the next call. Throws Error{input} at one bad line too many.
    bool next(Record& record);
    // Counts the last record as a bad line because of its content. Throws as next() does.
    void reject(std::string reason);
    std::uint64_t bad() const { return damage_.count(); }
    const Diagnostics& damage() const { return damage_; }
    // Warnings about the files, after they were read to the end.
    std::vector<std::string> warnings() const;
    // The file that the record last returned came from, for messages.
    const std::string& path() const;
    // The part of the files that was read, 0 to 1; 0 if a size is not known.
    double part() const;
    std::string formats() const;  // "jsonl", "gor, jsonl", "access in Docker json-file"
    // Whether one of the files was recorded by a client, as a browser's: its requests may be to many hosts.
    bool of_client() const;

  private:
    struct Input;
    bool is_stopped();
    bool advance(Input& input);
    void add_bad(Input& input, std::uint64_t place, std::string reason);
    void add_foreign(Input& input);
    void check_shares() const;  // at the end

    LogOptions options_;
    std::vector<std::unique_ptr<Input>> inputs_;
    Input* current_ = nullptr;  // of the record last returned
    std::uint64_t last_place_ = 0, asked_ = 0;
    Diagnostics damage_;
};

// For callers that read requests one by one and keep them.
class RequestLog {
  public:
    explicit RequestLog(Log log) : log_(std::move(log)) {}
    std::optional<Request> next();
    const Log& log() const { return log_; }

  private:
    Log log_;
    Record record_;
};

// False for standard input, pipes and character devices, which can be read only once.
bool is_repeatable(const std::string& path);
// Throws Error{usage} where one of the logs can be read only once, as standard input and pipes can.
void require_repeatable(const std::vector<std::string>& paths);

// Throws as Log does.
RequestLog open_log(const std::vector<std::string>& paths, const LogOptions& options = {});

// Totals of a log, from one pass over it in constant memory.
struct LogSpan {
    std::uint64_t requests = 0, bad = 0;
    Bytes body_bytes = 0;
    std::optional<Nanoseconds> first, last;  // smallest and largest time; nothing in a log without times
    void add(std::optional<Nanoseconds> at, std::size_t body_size);
    // Requests per second of the log's own time; nothing if it spans no time.
    std::optional<double> rate() const;
};

}  // namespace leakline::replay
