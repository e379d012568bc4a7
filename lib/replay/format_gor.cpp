#include "replay/internal/format_gor.hpp"

#include <charconv>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "replay/internal/http1_message.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

constexpr std::string_view kSeparator = "\n\xF0\x9F\x90\xB5\xF0\x9F\x99\x88\xF0\x9F\x99\x89\n";
constexpr std::size_t kAnchor = 1;  // 0xF0 is rare in requests, "\n" is not

bool is_number(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == text.npos; }

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

}  // namespace

bool looks_like_gor(std::string_view prefix) {
    std::string_view line = take_line(prefix);
    const std::string_view type = take_until_blank(line), id = take_until_blank(line), time = take_until_blank(line);
    return (type == "1" || type == "2" || type == "3") && !id.empty() && is_number(time) && (line.empty() || line.find(' ') == line.npos);
}

RecordStream::Step GorStream::bad_record(const char* reason) { return bad("byte " + std::to_string(chunks_.offset()) + ": " + reason); }

RecordStream::Step GorStream::next_piece(Record& record, Meta& meta, std::string_view& message) {
    std::optional<std::string_view> piece = chunks_.next(kSeparator, kAnchor);
    // Line ends that an editor added at the end of the file are not a record.
    if (!piece || (chunks_.torn() && piece->find_first_not_of("\r\n") == piece->npos)) return Step::end;
    place_ = chunks_.pieces();
    record.clear();
    record.place = place_;
    if (chunks_.too_long()) return bad_record("a record of more than 64 MiB");
    message = *piece;
    std::string_view line = take_line(message);
    const std::string_view type = take_until_blank(line);
    meta.id = take_until_blank(line);
    const std::string_view time = take_until_blank(line);
    if (type.size() != 1 || type[0] < '1' || type[0] > '3' || time.empty())
        return bad_record("not the head of a record, which is TYPE ID TIMESTAMP [LATENCY]");
    std::int64_t ns = 0;
    const auto parsed = std::from_chars(time.data(), time.data() + time.size(), ns);
    if (parsed.ec != std::errc() || parsed.ptr != time.data() + time.size())
        return bad_record("the timestamp is not a number of nanoseconds");
    meta.type = type[0];
    meta.at = Nanoseconds(ns);
    return Step::record;
}

RecordStream::Step GorStream::next(Record& record) {
    if (responses_ == Responses::attach) return next_attached(record);
    Meta meta;
    std::string_view message;
    const Step step = next_piece(record, meta, message);
    if (step != Step::record) return step;
    if (meta.type != '1') return Step::skipped;
    record.at = meta.at;
    record.has_time = true;
    return read_message(message, record) ? Step::record : Step::bad;
}

// Requests wait, in order, for their responses or until kAhead others have followed.
RecordStream::Step GorStream::next_attached(Record& record) {
    while (!at_end_ && held_.size() < kAhead) {
        Meta meta;
        std::string_view message;
        const Step step = next_piece(record, meta, message);
        if (step == Step::bad) return step;
        if (step == Step::end) {
            at_end_ = true;
        } else if (meta.type == '2') {
            attach(meta.id, message);
        } else if (meta.type == '1') {
            record.at = meta.at;
            record.has_time = true;
            if (!read_message(message, record)) return Step::bad;
            held_.push_back({std::string(meta.id), to_request(record), record.body_truncated});
        }
    }
    if (held_.empty()) return Step::end;
    current_ = std::move(held_.front());
    held_.pop_front();
    fill(record, current_.request);
    record.body_truncated = current_.truncated;
    return Step::record;
}

void GorStream::attach(std::string_view id, std::string_view response) {
    // "HTTP/1.1 200 OK"
    std::string_view line = take_line(response);
    if (!take_until_blank(line).starts_with("HTTP/")) return;
    const std::string_view code = take_until_blank(line);
    int status = 0;
    const auto parsed = std::from_chars(code.data(), code.data() + code.size(), status);
    if (parsed.ec != std::errc() || status < 100 || status > 999) return;
    for (auto held = held_.rbegin(); held != held_.rend(); ++held) {
        if (held->id != id) continue;
        held->request.recorded_status = status;
        return;
    }
}

bool GorStream::read_message(std::string_view message, Record& record) {
    std::string_view line = take_line(message);
    record.method = take_until_blank(line);
    // With an empty target there are two spaces, of which take_until_blank() has taken one; or one, which it has taken.
    const std::size_t version = line.starts_with("HTTP/") ? 0 : line.rfind(" HTTP/");
    record.target = line.substr(0, version);
    if (record.method.empty() || version == line.npos) {
        bad_record("no request line in the record");
        return false;
    }
    add_slash(record);
    std::optional<std::uint64_t> length;
    bool chunked = false, ended = false;
    while (!message.empty()) {
        line = take_line(message);
        if (line.empty()) {
            ended = true;
            break;
        }
        const std::size_t colon = line.find(':');
        if (colon == line.npos || colon == 0) continue;  // a fragment that servers would reject too
        const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
        record.headers.emplace_back(name, value);
        if (equal_ignoring_case(name, "content-length")) {
            std::uint64_t number = 0;
            if (std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc()) length = number;
        } else if (equal_ignoring_case(name, "transfer-encoding")) {
            chunked = value.find("chunked") != value.npos;
        }
    }
    record.body = message;
    if (chunked) {
        joined_.clear();
        record.body_truncated = !join_chunks(message, joined_);
        record.body = joined_;
    } else if (length) {
        record.body_truncated = record.body.size() < *length;
        record.body = record.body.substr(0, *length);
    } else {
        record.body = {};  // without framing there is no body
    }
    if (!ended) record.body_truncated = true;
    if (record.body_truncated) ++truncated_;
    return true;
}

void GorStream::add_slash(Record& record) {
    const std::string_view target = record.target;
    const bool asterisk = target == "*", other_form = target.find("://") != target.npos || record.method == "CONNECT";
    if (target.starts_with('/') || asterisk || other_form) return;
    slashed_ = "/";
    slashed_ += target;
    record.target = slashed_;
    ++slashless_;
}

std::vector<std::string> GorStream::warnings() const {
    std::vector<std::string> out;
    if (truncated_ > 0)
        out.push_back(format_count(truncated_) + (truncated_ == 1 ? " request was" : " requests were") +
                      " captured in part: sent with the captured part of the body");
    if (slashless_ > 0)
        out.push_back(format_count(slashless_) + (slashless_ == 1 ? " request has" : " requests have") +
                      " a target without its leading slash: sent with one");
    return out;
}

}  // namespace leakline::replay
