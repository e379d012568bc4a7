// Parses one request with Beast's state machine. Internal to server*.cpp: Beast is slow to compile.
#pragma once

#include <utility>  // Boost 1.74 with GCC 12 in C++20 needs it before any asio header

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "http/internal/head_rules.hpp"
#include "http/message.hpp"

namespace leakline::http {

// The storage of a request, kept between requests of a connection so that nothing is allocated in the steady state.
struct MessageStorage {
    std::string method, target, body;
    std::vector<Header> headers;  // the first header_count are this request's
    std::size_t header_count = 0;
    bool expects_continue = false;
    bool large = false;  // some text of it took more than usual

    void clear();
    // Frees the memory of an unusually large request: 1,000 connections must not keep 1,000 large bodies.
    void trim();
    ServerRequest view() const { return {method, target, std::span<const Header>(headers.data(), header_count), body}; }
};

class RequestParser : public boost::beast::http::basic_parser<true> {
  public:
    // limits: bytes. A chunk's extensions count together with those before it.
    RequestParser(MessageStorage& storage, std::size_t header_limit, std::size_t body_limit)
        : storage_(storage), extensions_left_(header_limit) {
        eager(true);
        this->header_limit(static_cast<std::uint32_t>(header_limit));
        this->body_limit(body_limit);
    }

    // Why it is refused, if the error is one of leakline's own.
    const std::optional<Refusal>& refusal() const { return refusal_; }

  private:
    using error_code = boost::beast::error_code;
    using text = boost::beast::string_view;
    using verb = boost::beast::http::verb;
    using field = boost::beast::http::field;

    void on_request_impl(verb, text method, text target, int version, error_code&) override {
        http_1_1_ = version == 11;
        storage_.large = target.size() > kLarge || method.size() > kLarge;
        storage_.method.assign(method.data(), method.size());
        storage_.target.assign(target.data(), target.size());
    }
    void on_response_impl(int, text, int, error_code&) override {}
    void on_field_impl(field name, text name_text, text value, error_code&) override {
        if (head_done_) return;  // a trailer: nothing here needs one
        rules_.see(name, {value.data(), value.size()});
        storage_.large |= name_text.size() + value.size() > kLarge;
        if (storage_.header_count == storage_.headers.size()) storage_.headers.emplace_back();
        Header& header = storage_.headers[storage_.header_count++];
        header.name.assign(name_text.data(), name_text.size());
        header.value.assign(value.data(), value.size());
        if (name == field::expect) storage_.expects_continue = equal_ignoring_case(header.value, "100-continue");
    }
    void on_header_impl(error_code& error) override {
        head_done_ = true;
        refusal_ = rules_.refusal(http_1_1_);
        if (refusal_) error = boost::beast::http::error::bad_value;
    }
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
        if (length && *length <= kReserve) storage_.body.reserve(static_cast<std::size_t>(*length));
    }
    std::size_t on_body_impl(text body, error_code&) override {
        storage_.body.append(body.data(), body.size());
        return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, text extensions, error_code& error) override {
        if (extensions.size() <= extensions_left_) {
            extensions_left_ -= extensions.size();
            return;
        }
        refusal_ = Refusal{431, "the chunk extensions exceed the header limit"};
        error = boost::beast::http::error::header_limit;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, text body, error_code&) override {
        storage_.body.append(body.data(), body.size());
        return body.size();
    }
    void on_finish_impl(error_code&) override {}

    // More is allocated only as it arrives: announcing a megabyte costs a client nothing.
    static constexpr std::uint64_t kReserve = 64 << 10;
    static constexpr std::size_t kLarge = 1024;
    MessageStorage& storage_;
    HeadRules rules_;
    std::optional<Refusal> refusal_;
    std::size_t extensions_left_;
    bool http_1_1_ = true, head_done_ = false;
};

}  // namespace leakline::http
