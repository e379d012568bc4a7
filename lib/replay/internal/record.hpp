// A request as a log format's parser returns it, and the interface of those parsers. Plain views: the memory that they point to
// belongs to the parser and is valid until its next call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/quantities.hpp"
#include "model/request.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::replay {

struct Record {
    Nanoseconds at{};  // since the Unix epoch, or any origin that the whole log shares
    bool has_time = false;
    Nanoseconds resolution{};         // of the stamp where it is coarse (1 s in text logs): replay spreads such records evenly
    std::string_view method, target;  // target: path and query, or an absolute URL
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    std::string_view body;
    bool body_missing = false;    // the request had a body that is not in the log
    bool body_truncated = false;  // the log has only the beginning of the body
    bool of_client = false;       // recorded by a client: some requests may be for other hosts
    std::string_view connection;
    int recorded_status = 0;    // 0: not in the log
    char http_version = 0;      // '1', '2' or '3', where the log says it
    std::string_view response;  // that was recorded, as in the native log
    std::uint64_t place = 0;    // line, or byte offset in formats without lines

    void clear() {
        at = resolution = Nanoseconds{};
        has_time = body_missing = body_truncated = of_client = false;
        method = target = body = connection = response = {};
        headers.clear();
        recorded_status = 0;
        http_version = 0;
        place = 0;
    }
};

Request to_request(const Record& record);
// The reverse. The record points into the request.
void fill(Record& record, const Request& request);

// One log in one format. One thread at a time.
class RecordStream {
  public:
    enum class Step {
        record,   // record is filled in
        bad,      // not a request of this format: reason() and place() say why and where; reading goes on after it
        skipped,  // well-formed but nothing to replay: a comment, a response
        end,
    };
    explicit RecordStream(ChunkBuffer chunks) : chunks_(std::move(chunks)) {}
    virtual ~RecordStream() = default;
    virtual Step next(Record& record) = 0;

    const std::string& reason() const { return reason_; }
    std::uint64_t place() const { return place_; }  // of the last result of next()
    // Of Step::bad: a complete line that is not a request, as logs of containers and journals often have.
    bool is_foreign() const { return foreign_; }
    // The log can contain other messages of the program between requests.
    bool is_mixed() const { return mixed_; }
    // Notes about the whole file after it was read: "3 bodies were cut". Usually empty.
    virtual std::vector<std::string> warnings() const { return {}; }
    // Which of several formats of one row it is, for messages; usually "".
    virtual std::string variant() const { return {}; }

    const ByteSource& source() const { return chunks_.source(); }
    double part() const { return chunks_.part(); }

  protected:
    Step bad(std::string reason) {
        reason_ = std::move(reason);
        foreign_ = false;
        return Step::bad;
    }
    Step foreign(std::string reason) {
        const Step step = bad(std::move(reason));
        foreign_ = true;
        return step;
    }
    // For formats with one record per line: the next line that is not blank, with record cleared and both places set. Step::bad
    // if it is too long to be read.
    Step line_of_record(std::string_view& line, Record& record);
    // Reports what is wrong with that line; the file's last line may be cut.
    Step bad_line(const std::string& reason) { return bad(chunks_.torn() ? "the last line is truncated: " + reason : reason); }

    Step foreign_line(const std::string& reason) { return chunks_.torn() ? bad_line(reason) : foreign(reason); }

    ChunkBuffer chunks_;
    std::string reason_;
    std::uint64_t place_ = 0;
    bool foreign_ = false, mixed_ = false;
};

}  // namespace leakline::replay
