#include "replay/internal/http_responses.hpp"

#include <charconv>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "replay/internal/http1_message.hpp"

namespace leakline::replay {

void HttpResponses::expect(Request&& request) {
    if (segments_.is_closed()) {
        done_.push_back(std::move(request));
        return;
    }
    waiting_.push_back(std::move(request));
    if (waiting_.size() > kMaxWaiting) return give_up();
    match();
}

void HttpResponses::match() {
    while (!waiting_.empty() && !early_.empty()) {
        Request request = std::move(waiting_.front());
        Response response = std::move(early_.front());
        waiting_.pop_front();
        early_.pop_front();
        request.recorded_status = response.recorded.status;
        if (response.end > request.at) response.recorded.latency = response.end - request.at;
        append_json(request.response, response.recorded);
        done_.push_back(std::move(request));
    }
}

void HttpResponses::give_up() {
    segments_.close();
    for (Request& request : waiting_) done_.push_back(std::move(request));
    waiting_.clear();
    early_.clear();
    std::string().swap(text_);
}

void HttpResponses::finish() {
    segments_.finish();
    // A body without a length ends with the connection.
    if (head_size_ > 0 && !chunked_ && !length_ && !segments_.is_closed()) end_response(text_.size());
    give_up();
}

void HttpResponses::take(std::string_view bytes, std::uint64_t size, Nanoseconds at) {
    if (bytes.size() < size) return give_up();
    text_ += bytes;
    last_ = at;
    parse();
}

void HttpResponses::parse() {
    while (!text_.empty() && !segments_.is_closed()) {
        if (head_size_ == 0) {
            const std::size_t end = text_.find("\r\n\r\n");
            if (end == std::string::npos) return text_.size() > kMaxHead ? give_up() : void();
            head_size_ = end + 4;
            if (!parse_head()) return give_up();
        }
        const auto size = end_of_body();
        if (!size) return text_.size() > kMaxHead + kMaxBody ? give_up() : void();
        end_response(*size);
    }
}

// "HTTP/1.1 200 OK", then fields (RFC 9112, section 6.3).
bool HttpResponses::parse_head() {
    std::string_view head = std::string_view(text_).substr(0, head_size_ - 2);
    std::string_view line = take_line(head);
    if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return false;
    response_ = {};
    if (std::from_chars(&line[9], &line[9] + 3, response_.status).ptr != &line[9] + 3) return false;
    const bool of_head = !waiting_.empty() && waiting_.front().method == "HEAD";
    const bool bodiless = response_.status < 200 || response_.status == 204 || response_.status == 304 || of_head;
    length_ = bodiless ? std::optional<std::uint64_t>(0) : std::nullopt;
    chunked_ = false;
    chunk_at_ = head_size_;
    while (!head.empty()) {
        const auto field = take_field(head);
        if (!field) return false;
        response_.headers.emplace_back(field->name, field->value);
        if (bodiless) continue;
        if (equal_ignoring_case(field->name, "transfer-encoding")) {
            chunked_ = field->value.find("chunked") != field->value.npos;
        } else if (equal_ignoring_case(field->name, "content-length")) {
            length_ = parse_content_length(field->value);
            if (!length_ || *length_ > kMaxBody) return false;
        }
    }
    if (chunked_) length_.reset();
    return true;
}

std::optional<std::size_t> HttpResponses::end_of_body() {
    if (chunked_) return end_of_chunks(text_, chunk_at_);
    if (!length_) return std::nullopt;
    const std::size_t end = head_size_ + static_cast<std::size_t>(*length_);
    return text_.size() < end ? std::nullopt : std::optional(end);
}

void HttpResponses::end_response(std::size_t size) {
    const std::string_view body = std::string_view(text_).substr(head_size_, size - head_size_);
    if (chunked_)
        join_chunks(body, response_.body);
    else
        response_.body = body;
    const int status = response_.status;
    text_.erase(0, size);
    head_size_ = 0;
    if (status == 101) return give_up();  // another protocol follows
    if (status < 200) return;             // the response is still to come
    early_.push_back({std::move(response_), last_});
    match();
    if (early_.size() > kMaxWaiting) give_up();  // more responses than requests
}

}  // namespace leakline::replay
