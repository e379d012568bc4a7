// Responses as they come: whole, torn anywhere, cut, with something behind them.
#include "http/internal/response_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/internal/ordinary_head.hpp"

using namespace leakline;
using http::ResponseReader;
using Step = ResponseReader::Step;

namespace {

struct Case {
    std::string text;
    int status = 200;
    bool reusable = true;
    bool answers_head = false;
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
        {"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length:5  \r\nConnection: Keep-Alive\r\n\r\nhello"},
        {"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", 404},
        {"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", 404},
        {"HTTP/1.0 200\r\nContent-Length: 2\r\n\r\nok", 200, false},
        {"HTTP/1.1 100\r\n\r\nHTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
        {"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", 503, false},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", 304},
        {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 200, true, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, true, true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, false},
        {"HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 2\r\n\r\nok", 200, false},
        {"HTTP/1.1 200 OK\r\nX: folded\r\n line\r\nContent-Length: 2\r\n\r\nok"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nx", 201},
    };
    return all;
}

// Gives the pieces one by one; the step that ended it, else more.
Step take(ResponseReader& reader, const std::vector<std::string>& pieces) {
    for (const std::string& piece : pieces) {
        if (piece.empty()) continue;
        if (const Step step = reader.take(piece); step != Step::more) return step;
    }
    return Step::more;
}

}  // namespace

TEST_CASE("a response torn at any byte is the response that comes whole") {
    ResponseReader reader(4096);
    for (const Case& response : cases()) {
        CAPTURE(response.text);
        for (std::size_t at = 0; at < response.text.size(); ++at) {
            CAPTURE(at);
            reader.begin(response.answers_head);
            CHECK_FALSE(reader.started());
            REQUIRE(take(reader, {response.text.substr(0, at), response.text.substr(at)}) == Step::whole);
            CHECK(reader.started());
            CHECK(reader.status() == response.status);
            CHECK(reader.reusable() == response.reusable);
        }
        std::vector<std::string> bytes;
        for (const char c : response.text) bytes.emplace_back(1, c);
        reader.begin(response.answers_head);
        REQUIRE(take(reader, bytes) == Step::whole);
        CHECK(reader.status() == response.status);
        CHECK(reader.reusable() == response.reusable);
    }
}

TEST_CASE("what lies behind a response makes its connection useless, and nothing else of it") {
    ResponseReader reader(4096);
    for (const Case& response : cases()) {
        CAPTURE(response.text);
        for (const std::string& garbage : {std::string("\n"), response.text, std::string(5000, 'x')}) {
            for (std::size_t at = 0; at < response.text.size(); ++at) {
                reader.begin(response.answers_head);
                REQUIRE(take(reader, {response.text.substr(0, at), response.text.substr(at) + garbage}) == Step::whole);
                CHECK(reader.status() == response.status);
                CHECK_FALSE(reader.reusable());
            }
        }
    }
}

TEST_CASE("a connection that ends within a response leaves it cut, wherever that is") {
    ResponseReader reader(4096);
    for (const Case& response : cases()) {
        CAPTURE(response.text);
        for (std::size_t at = 0; at < response.text.size(); ++at) {
            reader.begin(response.answers_head);
            REQUIRE(take(reader, {response.text.substr(0, at)}) == Step::more);
            CHECK(reader.end() == Step::more);
        }
    }
}

TEST_CASE("a body without a length ends with its connection, once its head was there") {
    ResponseReader reader(4096);
    const std::string head = "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", body = "to the end";
    for (std::size_t at = 0; at <= head.size() + body.size(); ++at) {
        CAPTURE(at);
        const std::string text = (head + body).substr(0, at);
        reader.begin(false);
        REQUIRE(take(reader, {text.substr(0, at / 2), text.substr(at / 2)}) == Step::more);
        CHECK(reader.end() == (at >= head.size() ? Step::whole : Step::more));
        if (at < head.size()) continue;
        CHECK(reader.status() == 200);
        CHECK_FALSE(reader.reusable());
    }
}

TEST_CASE("what is no response, too large a head and a switch of protocols are malformed") {
    const std::string long_head = "HTTP/1.1 200 OK\r\nX: " + std::string(5000, 'x') + "\r\nContent-Length: 0\r\n\r\n";
    std::string endless;
    for (int i = 0; i < 20; ++i) endless += "HTTP/1.1 102 Processing\r\n\r\n";
    for (const std::string& text :
         {std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("HTTP/1.1 2x0 OK\r\n\r\n"),
          std::string("HTTP/1.1 200 OK\r\nX\x01: y\r\n\r\n"),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
          std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nBad name: 1\r\n\r\n"),
          std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), long_head, endless}) {
        CAPTURE(text);
        ResponseReader reader(4096);
        reader.begin(false);
        CHECK(take(reader, {text}) == Step::malformed);
        reader.begin(false);
        CHECK(take(reader, {text.substr(0, text.size() / 2), text.substr(text.size() / 2)}) == Step::malformed);
    }
    ResponseReader patient(8192);
    patient.begin(false);
    CHECK(take(patient, {long_head}) == Step::whole);
}

TEST_CASE("one reader follows ordinary and odd responses in turn") {
    ResponseReader reader(4096);
    for (int round = 0; round < 3; ++round) {
        for (const Case& response : cases()) {
            CAPTURE(response.text);
            reader.begin(response.answers_head);
            REQUIRE(take(reader, {response.text}) == Step::whole);
            CHECK(reader.status() == response.status);
        }
        reader.begin(false);
        REQUIRE(take(reader, {"HTTP/1.1 200 OK\r\nContent-Le"}) == Step::more);  // given up, by a deadline say
    }
}

TEST_CASE("an ordinary head is recognized with all that it says, any other is left alone") {
    const auto head = http::ordinary_head("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 12345\r\nConnection: close\r\n\r\nbody");
    REQUIRE(head);
    CHECK(head->status == 200);
    CHECK(head->length == 12345);
    CHECK_FALSE(head->keep_alive);
    CHECK(head->size == std::string_view("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 12345\r\nConnection: close\r\n\r\n").size());
    for (const std::string_view odd :
         {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
          "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive, x\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nUpgrade: h2c\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nProxy-Connection: close\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\nb\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n: x\r\n\r\n",
          "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n"}) {
        CAPTURE(odd);
        CHECK_FALSE(http::ordinary_head(odd));
    }
}
