// Internal to the recording proxy: forwards a message from one stream to another, each piece as soon as it arrives. (A
// stream of events has no end to wait for.)
#pragma once

#include <utility>  // Boost 1.74 with GCC 12 in C++20 needs it before any asio header

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <string_view>

namespace leakline::http {

template <bool is_request>
using StreamingParser = boost::beast::http::parser<is_request, boost::beast::http::buffer_body>;

// The stream that was written to has failed.
struct WriteFailed {
    boost::system::error_code error;
};

// The head is parsed already. observe hears of each piece of the body, empty ones included, and of the head as one.
// Throws WriteFailed, and boost::system::system_error where `from` fails.
template <bool is_request, class To, class From, class Observe>
void relay(To& to, From& from, boost::beast::flat_buffer& buffer, StreamingParser<is_request>& parser, Observe observe) {
    namespace bhttp = boost::beast::http;
    boost::system::error_code error;
    bhttp::serializer<is_request, bhttp::buffer_body> serializer(parser.get());
    char chunk[16 * 1024];
    parser.get().body().data = nullptr;
    parser.get().body().more = !parser.is_done();
    bhttp::write_header(to, serializer, error);
    if (error) throw WriteFailed{error};
    observe(std::string_view());
    while (!parser.is_done() || !serializer.is_done()) {
        std::size_t size = 0;
        if (!parser.is_done()) {
            parser.get().body().data = chunk;
            parser.get().body().size = sizeof chunk;
            bhttp::read_some(from, buffer, parser, error);
            if (error == bhttp::error::need_buffer) error = {};
            if (error) throw boost::system::system_error(error);
            size = sizeof chunk - parser.get().body().size;
            observe(std::string_view(chunk, size));
            if (size == 0 && !parser.is_done()) continue;  // the head of a chunk, say
        }
        parser.get().body().data = size > 0 ? chunk : nullptr;  // no bytes would be written as the last chunk
        parser.get().body().size = size;
        parser.get().body().more = !parser.is_done();
        bhttp::write(to, serializer, error);
        if (error == bhttp::error::need_buffer) error = {};
        if (error) throw WriteFailed{error};
        observe(std::string_view());
    }
}

}  // namespace leakline::http
