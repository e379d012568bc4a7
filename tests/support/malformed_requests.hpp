// Requests that two programs in a row could each understand otherwise, or that are none; and ordinary ones that look odd. What
// stands behind the first, where it is another one that was smuggled in, must not be answered.
#pragma once

#include <string>
#include <vector>

namespace leakline::test {

struct OddRequest {
    const char* name;
    std::string bytes;
    int status;  // of the answer: 200 where it is in order
};

inline std::vector<OddRequest> odd_requests() {
    using namespace std::string_literals;
    const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n";
    const auto post = [&](const std::string& fields, const std::string& body) {
        return "POST /a HTTP/1.1\r\nHost: t\r\n" + fields + "\r\n" + body;
    };
    const std::string chunks = "3\r\nabc\r\n0\r\n\r\n";
    return {
        {"chunked", post("Transfer-Encoding: chunked\r\n", chunks), 200},
        {"chunked in capitals", post("Transfer-Encoding:  CHUNKED\t\r\n", chunks), 200},
        {"chunked, then identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n" + smuggled), 501},
        {"identity, then chunked", post("Transfer-Encoding: identity, chunked\r\n", chunks), 501},
        {"gzip, then chunked", post("Transfer-Encoding: gzip, chunked\r\n", chunks), 501},
        {"chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", chunks), 501},
        {"chunked in two fields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks), 400},
        {"chunked and identity in two fields", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", chunks), 501},
        {"xchunked with a length", post("Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n", "abc" + smuggled), 400},
        {"xchunked", post("Transfer-Encoding: xchunked\r\n", smuggled), 501},
        {"chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n", chunks), 501},
        {"an empty Transfer-Encoding", post("Transfer-Encoding:\r\n", smuggled), 501},
        {"identity", post("Transfer-Encoding: identity\r\n", smuggled), 501},
        {"a length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + smuggled), 400},
        {"chunked and a length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + smuggled), 400},
        {"chunked in HTTP/1.0", "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400},
        {"two lengths that differ", post("Content-Length: 3\r\nContent-Length: 30\r\n", "abc" + smuggled), 400},
        {"two lengths that agree", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
        {"a signed length", post("Content-Length: +3\r\n", "abc"), 400},
        {"a length in hex", post("Content-Length: 0x3\r\n", "abc"), 400},
        {"a length with a space in it", post("Content-Length: 1 2\r\n", "abc"), 400},
        {"no Host", "GET /a HTTP/1.1\r\n\r\n", 400},
        {"two Hosts", "GET /a HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n", 400},
        {"two Hosts in HTTP/1.0", "GET /a HTTP/1.0\r\nHost: t\r\nHost: u\r\n\r\n", 400},
        {"no Host in HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", 200},
        {"a space before the colon", "GET /a HTTP/1.1\r\nHost : t\r\n\r\n", 400},
        {"an empty field name", "GET /a HTTP/1.1\r\nHost: t\r\n: x\r\n\r\n", 400},
        {"a zero byte in a value", "GET /a HTTP/1.1\r\nHost: t\r\nX: a\0b\r\n\r\n"s, 400},
        {"a bare CR in a value", "GET /a HTTP/1.1\r\nHost: t\r\nX: a\rb\r\n\r\n", 400},
        {"HTTP/0.9", "GET /a\r\n\r\n", 400},
        {"HTTP/2.0", "GET /a HTTP/2.0\r\nHost: t\r\n\r\n", 400},
        {"HTTP/1.2", "GET /a HTTP/1.2\r\nHost: t\r\n\r\n", 400},
        {"a chunk's size in a word", post("Transfer-Encoding: chunked\r\n", "abc\n" + smuggled), 400},
        {"a chunk's size of more than 64 bits", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\na"), 400},
        {"a chunk longer than its size", post("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"), 400},
        {"an extension", post("Transfer-Encoding: chunked\r\n", "3;a=b\r\nabc\r\n0;c\r\n\r\n"), 200},
        {"a trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nX: y\r\n\r\n"), 200},
        {"a trailer that names a length", post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 9\r\n\r\n"), 400},
    };
}

}  // namespace leakline::test
