#include "replay/internal/http_flow.hpp"

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "replay/internal/format_gor.hpp"

namespace leakline::replay {

HttpFlow::HttpFlow(std::string name, std::optional<std::uint32_t> sequence) : name_(std::move(name)) {
    if (!sequence) return;
    has_base_ = true;
    next_ = (std::uint64_t{1} << 32) + *sequence;  // an offset never goes below zero
}

namespace {

constexpr std::size_t kLongestMethod = 24;

// "GET ", "M-SEARCH ": the size of the method.
std::size_t method_size(std::string_view bytes) {
    std::size_t end = 0;
    while (end < bytes.size() && end <= kLongestMethod && (is_upper(bytes[end]) || bytes[end] == '-')) ++end;
    return end;
}

// It may still become one.
bool is_part_of_method(std::string_view bytes) { return bytes.size() <= kLongestMethod && method_size(bytes) == bytes.size(); }

}  // namespace

bool HttpFlow::begins_request(std::string_view bytes) {
    const std::size_t end = method_size(bytes);
    return end > 1 && end < bytes.size() && bytes[end] == ' ';
}

// Sequence numbers wrap around: the offset nearest to what is expected.
std::uint64_t HttpFlow::offset_of(std::uint32_t sequence) const {
    return next_ +
           static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(next_))));
}

void HttpFlow::add(const TcpSegment& segment, Nanoseconds at, FlowResults& results) {
    ended_ = ended_ || segment.fin || segment.rst;
    if (ignored_ || segment.size == 0) return;
    if (!has_base_) {
        has_base_ = true;
        next_ = (std::uint64_t{1} << 32) + segment.sequence;
    }
    std::uint64_t begin = offset_of(segment.sequence);
    const std::uint64_t end = begin + segment.size;
    if (end <= next_) return;  // sent again
    std::string_view bytes = segment.payload;
    if (begin < next_) {
        bytes.remove_prefix(std::min<std::size_t>(bytes.size(), next_ - begin));
        begin = next_;
    }
    if (begin == next_) {
        append(bytes, end - begin, at, results);
        take_later(results);
        return;
    }
    Piece& piece = later_[begin];
    if (bytes.size() > piece.bytes.size() || piece.size == 0) {
        later_bytes_ += bytes.size() - piece.bytes.size();
        piece = {std::string(bytes), end - begin, at};
    }
    waited_ += acknowledged_ > next_ ? 1 : 0;
    if (later_bytes_ > kMaxLater || waited_ > kPatience) skip_gap(results);
}

void HttpFlow::acknowledge(std::uint32_t sequence, FlowResults& results) {
    if (!has_base_ || ignored_) return;
    acknowledged_ = std::max(acknowledged_, offset_of(sequence));
    if (later_.empty() || acknowledged_ <= next_) return;
    if (++waited_ > kPatience) skip_gap(results);
}

void HttpFlow::take_later(FlowResults& results) {
    waited_ = 0;
    while (!later_.empty() && later_.begin()->first <= next_) {
        const auto first = later_.begin();
        const Piece piece = std::move(first->second);
        const std::uint64_t begin = first->first;
        later_.erase(first);
        later_bytes_ -= piece.bytes.size();
        if (begin + piece.size <= next_) continue;
        const std::uint64_t known = next_ - begin;
        const std::string_view bytes = std::string_view(piece.bytes).substr(std::min<std::size_t>(piece.bytes.size(), known));
        append(bytes, piece.size - known, piece.at, results);
    }
}

// The bytes up to the next segment that is there are not in the capture.
void HttpFlow::skip_gap(FlowResults& results) {
    lose("segments of the connection " + name_ + " are missing in the capture: a request cannot be read", results);
    if (ignored_) return;
    next_ = later_.begin()->first;
    take_later(results);
}

// The request under way cannot be read, nor what follows up to a segment that begins one.
void HttpFlow::lose(std::string reason, FlowResults& results) {
    if (http2_) reason += ", nor any after it";
    results.lost.push_back(std::move(reason));
    if (http2_) return ignore();
    stream_.clear();
    searched_ = head_size_ = 0;
    resync_ = true;
}

// size: as it was sent; a capture may have fewer bytes of each packet.
void HttpFlow::append(std::string_view bytes, std::uint64_t size, Nanoseconds at, FlowResults& results) {
    next_ += size;
    if (ignored_) return;
    if (resync_ && !begins_request(bytes)) return;
    resync_ = false;
    if (http2_) {
        take_http2(bytes, at, results);
    } else {
        if (stream_.empty()) began_ = at;
        stream_.append(bytes);
        const std::size_t before = stream_.size();
        parse(results);
        if (!ignored_ && stream_.size() < before && !stream_.empty()) began_ = at;  // the next request came in the same segment
    }
    if (bytes.size() < size && !ignored_)
        lose("packets of the connection " + name_ +
                 " are cut in the capture: a request cannot be read (tcpdump -s 0 captures whole packets)",
             results);
}

void HttpFlow::give_up(FlowResults& results) {
    const std::string_view bytes = stream_;
    if (bytes.starts_with("\x16\x03"))
        ++results.tls;
    else
        ++results.others;
    ignore();
}

void HttpFlow::ignore() {
    ignored_ = true;
    std::string().swap(stream_);
    later_.clear();
    later_bytes_ = 0;
    http2_.reset();
}

void HttpFlow::take_http2(std::string_view bytes, Nanoseconds at, FlowResults& results) {
    if (!http2_->take(bytes, at, results.requests))
        lose("what the client of the connection " + name_ + " sent is not valid HTTP/2: a request cannot be read", results);
}

void HttpFlow::parse(FlowResults& results) {
    for (;;) {
        if (head_size_ == 0) {
            const std::size_t blank = std::min(stream_.find_first_not_of("\r\n"), stream_.size());  // some clients end bodies with one
            stream_.erase(0, blank);
            if (stream_.empty()) return;
            if (is_part_of_method(stream_)) return;
            if (!begins_request(stream_)) return give_up(results);
            if (stream_.starts_with(Http2Reader::kPreface.substr(0, 4))) return begin_http2(results);
            const std::size_t end = stream_.find("\r\n\r\n", searched_ < 3 ? 0 : searched_ - 3);
            if (end == std::string::npos) {
                searched_ = stream_.size();
                return searched_ > kMaxHead ? give_up(results) : void();
            }
            head_size_ = end + 4;
            if (!parse_head()) return give_up(results);
        }
        const auto size = end_of_body();
        if (!size) return stream_.size() > kMaxBody + kMaxHead ? give_up(results) : void();
        emit(*size, results);
        if (upgrades_) {  // what follows is of another protocol
            ignored_ = true;
            return stream_.clear();
        }
    }
}

// No method of HTTP/1 has this name.
void HttpFlow::begin_http2(FlowResults& results) {
    constexpr std::string_view kPreface = Http2Reader::kPreface;
    if (!kPreface.starts_with(std::string_view(stream_).substr(0, kPreface.size()))) return give_up(results);
    if (stream_.size() < kPreface.size()) return;
    http2_ = std::make_unique<Http2Reader>(name_);
    const std::string bytes = std::exchange(stream_, {});
    take_http2(std::string_view(bytes).substr(kPreface.size()), began_, results);
}

bool HttpFlow::parse_head() {
    std::string_view head = std::string_view(stream_).substr(0, head_size_ - 2);
    const std::string_view line = take_line(head);
    const std::size_t blank = line.find(' '), version = line.rfind(" HTTP/1.");
    if (blank == line.npos || version == line.npos || version <= blank) return false;
    method_size_ = blank;
    target_size_ = version - blank - 1;
    length_ = 0;
    chunked_ = upgrades_ = false;
    chunk_at_ = head_size_;
    while (!head.empty()) {
        const std::string_view field = take_line(head);
        const std::size_t colon = field.find(':');
        if (colon == field.npos || colon == 0) return false;
        const std::string_view name = field.substr(0, colon), value = trim(field.substr(colon + 1));
        if (equal_ignoring_case(name, "content-length")) {
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length_);
            if (error != std::errc{} || end != value.data() + value.size()) return false;
        } else if (equal_ignoring_case(name, "transfer-encoding")) {
            chunked_ = value.find("chunked") != value.npos;
        } else if (equal_ignoring_case(name, "upgrade")) {
            upgrades_ = equal_ignoring_case(value, "websocket");
        }
    }
    return true;
}

std::optional<std::size_t> HttpFlow::end_of_body() {
    if (chunked_) return end_of_chunks();
    if (length_ > kMaxBody) return std::nullopt;  // ends when the stream is too large
    const std::size_t end = head_size_ + static_cast<std::size_t>(length_);
    return stream_.size() < end ? std::nullopt : std::optional(end);
}

// From the chunk that was begun last. A malformed one never ends.
std::optional<std::size_t> HttpFlow::end_of_chunks() {
    for (;;) {
        const std::size_t line = stream_.find("\r\n", chunk_at_);
        if (line == std::string::npos) return std::nullopt;
        std::uint64_t size = 0;
        if (std::from_chars(stream_.data() + chunk_at_, stream_.data() + line, size, 16).ec != std::errc{} || size > kMaxBody)
            return std::nullopt;
        if (size == 0) {
            if (stream_.compare(line, 4, "\r\n\r\n") == 0) return line + 4;
            const std::size_t end = stream_.find("\r\n\r\n", line);  // after trailers
            return end == std::string::npos ? std::nullopt : std::optional(end + 4);
        }
        if (stream_.size() - line < 2 + size + 2) return std::nullopt;
        chunk_at_ = line + 2 + static_cast<std::size_t>(size) + 2;
    }
}

void HttpFlow::emit(std::size_t size, FlowResults& results) {
    Request& request = results.requests.emplace_back();
    const std::string_view message = std::string_view(stream_).substr(0, size);
    request.at = began_;
    request.method = message.substr(0, method_size_);
    request.target = message.substr(method_size_ + 1, target_size_);
    request.connection = name_;
    std::string_view head = message.substr(0, head_size_ - 2);
    take_line(head);
    while (!head.empty()) {
        const std::string_view field = take_line(head);
        const std::size_t colon = field.find(':');
        request.headers.emplace_back(field.substr(0, colon), trim(field.substr(colon + 1)));
    }
    if (chunked_)
        join_chunks(message.substr(head_size_), request.body);
    else
        request.body = message.substr(head_size_);
    stream_.erase(0, size);
    searched_ = head_size_ = 0;
}

void HttpFlow::finish(FlowResults& results) {
    while (!later_.empty() && !ignored_) skip_gap(results);
    if (!stream_.empty() && !ignored_) ++results.cut;
    if (http2_) results.cut += http2_->unfinished();
    http2_.reset();
    stream_.clear();
    ignored_ = true;
}

}  // namespace leakline::replay
