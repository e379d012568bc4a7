#include "replay/internal/http_flow.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "replay/internal/http1_message.hpp"

namespace leakline::replay {

HttpFlow::HttpFlow(std::string name, std::optional<std::uint32_t> sequence, Responses responses, FlowResults& results)
    : name_(std::move(name)), results_(results), segments_(*this, sequence) {
    if (responses == Responses::recorded) responses_ = std::make_unique<HttpResponses>(results_.requests);
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

void HttpFlow::add_of_client(const TcpSegment& segment, Nanoseconds at) {
    segments_.add(segment, at);
    if (responses_ && segment.ack) responses_->acknowledge(segment.acknowledged);
}

void HttpFlow::add_of_server(const TcpSegment& segment, Nanoseconds at) {
    if (segment.ack) segments_.acknowledge(segment.acknowledged);
    if (responses_) responses_->add(segment, at);
}

void HttpFlow::skip() { lose("segments of the connection " + name_ + " are missing in the capture: a request cannot be read"); }

// The request under way cannot be read, nor what follows up to a segment that begins one.
void HttpFlow::lose(std::string reason) {
    if (http2_) reason += ", nor any after it";
    if (responses_) responses_->give_up();
    results_.lost.push_back(std::move(reason));
    if (http2_) return ignore();
    stream_.clear();
    searched_ = head_size_ = 0;
    resync_ = true;
}

void HttpFlow::take(std::string_view bytes, std::uint64_t size, Nanoseconds at) {
    if (resync_ && !begins_request(bytes)) return;
    resync_ = false;
    if (http2_) {
        take_http2(bytes, at);
    } else {
        if (stream_.empty()) began_ = at;
        stream_.append(bytes);
        const std::size_t before = stream_.size();
        parse();
        if (!segments_.is_closed() && stream_.size() < before && !stream_.empty())
            began_ = at;  // the next request came in the same segment
    }
    if (bytes.size() < size && !segments_.is_closed())
        lose("packets of the connection " + name_ +
             " are cut in the capture: a request cannot be read (tcpdump -s 0 captures whole packets)");
}

void HttpFlow::give_up() {
    const std::string_view bytes = stream_;
    if (bytes.starts_with("\x16\x03"))
        ++results_.tls;
    else
        ++results_.others;
    ignore();
}

void HttpFlow::ignore() {
    segments_.close();
    if (responses_) responses_->give_up();
    std::string().swap(stream_);
    http2_.reset();
}

void HttpFlow::take_http2(std::string_view bytes, Nanoseconds at) {
    if (!http2_->take(bytes, at, results_.requests))
        lose("what the client of the connection " + name_ + " sent is not valid HTTP/2: a request cannot be read");
}

void HttpFlow::parse() {
    for (;;) {
        if (head_size_ == 0) {
            const std::size_t blank = std::min(stream_.find_first_not_of("\r\n"), stream_.size());  // some clients end bodies with one
            stream_.erase(0, blank);
            if (stream_.empty()) return;
            if (is_part_of_method(stream_)) return;
            if (!begins_request(stream_)) return give_up();
            if (stream_.starts_with(Http2Reader::kPreface.substr(0, 4))) return begin_http2();
            const std::size_t end = stream_.find("\r\n\r\n", searched_ < 3 ? 0 : searched_ - 3);
            if (end == std::string::npos) {
                searched_ = stream_.size();
                return searched_ > kMaxHead ? give_up() : void();
            }
            head_size_ = end + 4;
            if (!parse_head()) return give_up();
        }
        const auto size = end_of_body();
        if (!size) return stream_.size() > kMaxBody + kMaxHead ? give_up() : void();
        emit(*size);
        if (upgrades_) {  // what follows is of another protocol
            segments_.close();
            return stream_.clear();
        }
    }
}

// No method of HTTP/1 has this name.
void HttpFlow::begin_http2() {
    constexpr std::string_view kPreface = Http2Reader::kPreface;
    if (!kPreface.starts_with(std::string_view(stream_).substr(0, kPreface.size()))) return give_up();
    if (stream_.size() < kPreface.size()) return;
    if (responses_) responses_->give_up();
    http2_ = std::make_unique<Http2Reader>(name_);
    const std::string bytes = std::exchange(stream_, {});
    take_http2(std::string_view(bytes).substr(kPreface.size()), began_);
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
        const auto field = take_field(head);
        if (!field) return false;
        if (equal_ignoring_case(field->name, "content-length")) {
            const auto length = parse_content_length(field->value);
            if (!length) return false;
            length_ = *length;
        } else if (equal_ignoring_case(field->name, "transfer-encoding")) {
            chunked_ = field->value.find("chunked") != field->value.npos;
        } else if (equal_ignoring_case(field->name, "upgrade")) {
            upgrades_ = equal_ignoring_case(field->value, "websocket");
        }
    }
    return true;
}

std::optional<std::size_t> HttpFlow::end_of_body() {
    if (chunked_) return end_of_chunks(stream_, chunk_at_);
    if (length_ > kMaxBody) return std::nullopt;  // ends when the stream is too large
    const std::size_t end = head_size_ + static_cast<std::size_t>(length_);
    return stream_.size() < end ? std::nullopt : std::optional(end);
}

void HttpFlow::emit(std::size_t size) {
    Request request;
    const std::string_view message = std::string_view(stream_).substr(0, size);
    request.at = began_;
    request.method = message.substr(0, method_size_);
    request.target = message.substr(method_size_ + 1, target_size_);
    request.connection = name_;
    std::string_view head = message.substr(0, head_size_ - 2);
    take_line(head);
    while (const auto field = take_field(head)) request.headers.emplace_back(field->name, field->value);
    if (chunked_)
        join_chunks(message.substr(head_size_), request.body);
    else
        request.body = message.substr(head_size_);
    stream_.erase(0, size);
    searched_ = head_size_ = 0;
    if (responses_)
        responses_->expect(std::move(request));
    else
        results_.requests.push_back(std::move(request));
}

void HttpFlow::finish() {
    segments_.finish();
    if (!stream_.empty() && !segments_.is_closed()) ++results_.cut;
    if (http2_) results_.cut += http2_->unfinished();
    http2_.reset();
    stream_.clear();
    segments_.close();
    if (responses_) responses_->finish();
}

}  // namespace leakline::replay
