#include "http/internal/response_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <string>

#include "http/internal/body_limit.hpp"
#include "http/internal/ordinary_head.hpp"

namespace leakline::http {

namespace {

using boost::system::error_code;

constexpr int kMaxInterim = 16;

class Parser : public boost::beast::http::basic_parser<false> {
  public:
    explicit Parser(KeptResponse* keep) : keep_(keep) {}
    int status() const { return status_; }

  private:
    using Text = boost::beast::string_view;

    void on_request_impl(boost::beast::http::verb, Text, Text, int, error_code&) override {}
    void on_response_impl(int code, Text, int, error_code&) override {
        status_ = code;
        if (keep_ != nullptr) keep_->clear();  // of an interim response before it
    }
    void on_field_impl(boost::beast::http::field, Text name, Text value, error_code&) override {
        if (keep_ != nullptr) keep_->headers.emplace_back(std::string(name), std::string(value));
    }
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(Text body, error_code&) override { return take_body(body); }
    void on_chunk_header_impl(std::uint64_t, Text, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text body, error_code&) override { return take_body(body); }
    void on_finish_impl(error_code&) override {}

    std::size_t take_body(Text body) {
        if (keep_ != nullptr) keep_->add_body({body.data(), body.size()});
        return body.size();
    }

    KeptResponse* const keep_;
    int status_ = 0;
};

}  // namespace

// Any response, 1xx ones before it.
class ResponseReader::FullParser {
  public:
    explicit FullParser(std::size_t max_header) : max_header_(max_header) {}

    void begin(bool head, KeptResponse* keep) {
        head_ = head;
        keep_ = keep;
        interim_ = 0;
        surplus_ = false;
        carry_.clear();
        next();
    }

    Step take(std::string_view bytes) {
        std::string joined;
        if (!carry_.empty()) {
            joined.swap(carry_);
            bytes = joined.append(bytes);
        }
        while (!bytes.empty()) {
            if (fresh_ && lacks_blank(bytes)) {
                std::string mended(bytes.substr(0, kStatusEnd));
                mended.append(" ").append(bytes.substr(kStatusEnd));
                joined.swap(mended);
                bytes = joined;
            }
            error_code error;
            const std::size_t used = parser_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
            bytes.remove_prefix(used);
            if (used > 0) fresh_ = false;
            if (error && error != boost::beast::http::error::need_more) return Step::malformed;
            if (parser_->is_done()) {
                if (parser_->status() / 100 != 1) {
                    surplus_ = !bytes.empty();
                    return Step::whole;
                }
                // 100 Continue or 103 Early Hints precede the real response.
                if (parser_->status() == 101 || ++interim_ > kMaxInterim) return Step::malformed;
                next();
            } else if (error || used == 0) {
                carry_.assign(bytes);
                break;
            }
        }
        return Step::more;
    }

    Step end() {
        if (!parser_->got_some() || !carry_.empty()) return Step::more;
        error_code incomplete;
        parser_->put_eof(incomplete);
        return !incomplete && parser_->is_done() && parser_->status() / 100 != 1 ? Step::whole : Step::more;
    }

    int status() const { return parser_->status(); }
    bool reusable() const { return parser_->keep_alive() && !surplus_; }

  private:
    // "HTTP/1.1 200\r\n": servers that have no reason often leave out the blank before it too, which Beast insists on (RFC
    // 9112, section 4). Every client takes it.
    static constexpr std::size_t kStatusEnd = std::string_view("HTTP/1.1 200").size();
    static bool lacks_blank(std::string_view head) {
        return head.size() > kStatusEnd && head.starts_with("HTTP/1.") && head[kStatusEnd] == '\r';
    }

    void next() {
        fresh_ = true;
        parser_.emplace(keep_);
        parser_->header_limit(static_cast<std::uint32_t>(max_header_));
        parser_->body_limit(kNoLimit);
        parser_->eager(true);
        parser_->skip(head_);
    }

    const std::size_t max_header_;
    KeptResponse* keep_ = nullptr;
    bool head_ = false, surplus_ = false;  // bytes followed the response
    bool fresh_ = true;                    // the parser has taken nothing yet
    int interim_ = 0;
    std::string carry_;  // received, not yet taken by the parser: a head that comes in pieces
    std::optional<Parser> parser_;
};

ResponseReader::ResponseReader(std::size_t max_header) : max_header_(max_header) {}
ResponseReader::~ResponseReader() = default;

void ResponseReader::begin(bool head, KeptResponse* keep) {
    part_ = Part::head;
    keep_ = keep;
    if (keep != nullptr) keep->clear();
    answers_head_ = head;
    started_ = reusable_ = false;
}

ResponseReader::Step ResponseReader::take(std::string_view bytes) {
    started_ = true;
    if (part_ == Part::head) {
        const std::optional<OrdinaryHead> head = keep_ == nullptr ? ordinary_head(bytes) : std::nullopt;
        if (head && head->size <= max_header_) {
            part_ = Part::body;
            status_ = head->status;
            keep_alive_ = head->keep_alive;
            left_ = answers_head_ ? 0 : head->length;
            bytes.remove_prefix(head->size);
        } else {
            part_ = Part::careful;
            if (!full_parser_) full_parser_ = std::make_unique<FullParser>(max_header_);
            full_parser_->begin(answers_head_, keep_);
        }
    }
    if (part_ == Part::careful) {
        const Step step = full_parser_->take(bytes);
        return step == Step::whole ? whole(full_parser_->status(), full_parser_->reusable()) : step;
    }
    if (bytes.size() < left_) {
        left_ -= bytes.size();
        return Step::more;
    }
    return whole(status_, keep_alive_ && bytes.size() == left_);
}

ResponseReader::Step ResponseReader::end() {
    if (part_ != Part::careful || full_parser_->end() != Step::whole) return Step::more;
    return whole(full_parser_->status(), false);
}

ResponseReader::Step ResponseReader::whole(int status, bool reusable) {
    status_ = status;
    reusable_ = reusable;
    return Step::whole;
}

}  // namespace leakline::http
