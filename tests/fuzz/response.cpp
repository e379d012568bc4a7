// Any bytes as a response: the first says where it is torn and whether it answers HEAD, the rest comes over the connection.
// What is taken for an ordinary head is what Beast's parser makes of it, and how a response is torn does not change it.
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>
#include <string_view>

#include "http/internal/ordinary_head.hpp"
#include "http/internal/response_reader.hpp"
#include "require.hpp"

namespace {

using namespace leakline::http;
using Step = ResponseReader::Step;

constexpr std::size_t kMaxHeader = 4096;

using leakline::fuzz::require;

void check_head(std::string_view bytes) {
    const auto head = ordinary_head(bytes);
    if (!head) return;
    boost::beast::http::response_parser<boost::beast::http::empty_body> parser;
    parser.header_limit(1 << 24);
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    require(!error && parser.is_header_done() && used == head->size);
    require(parser.get().result_int() == static_cast<unsigned>(head->status) && parser.get().version() == 11);
    require(parser.keep_alive() == head->keep_alive && !parser.chunked() && !parser.need_eof());
    if (head->status != 204 && head->status != 304) require(parser.content_length().value_or(0) == head->length);
}

// The end of the response that comes in pieces: of the first bytes, then byte by byte.
Step follow(ResponseReader& reader, bool head, std::string_view bytes, std::size_t first, KeptResponse* keep = nullptr) {
    reader.begin(head, keep);
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, first);
        bytes.remove_prefix(piece.size());
        first = 1;
        if (const Step step = reader.take(piece); step != Step::more) return step;
    }
    return reader.end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    check_head(bytes);
    const bool head = (data[0] & 1) != 0;
    ResponseReader whole(kMaxHeader), torn(kMaxHeader);
    const Step expected = follow(whole, head, bytes, bytes.size());
    const Step found = follow(torn, head, bytes, 1 + data[0] % bytes.size());
    if (expected == Step::whole) {
        require(found == Step::whole && torn.status() == whole.status());
        require(!whole.reusable() || torn.reusable());  // byte by byte, nothing comes behind it
    }
    // Keeping the response changes nothing, and what is kept does not depend on how it is torn.
    KeptResponse of_whole, of_torn;
    require(follow(whole, head, bytes, bytes.size(), &of_whole) == expected);
    require(follow(torn, head, bytes, 1 + data[0] % bytes.size(), &of_torn) == found);
    if (expected == Step::whole) require(of_whole.headers == of_torn.headers && of_whole.body == of_torn.body);
    return 0;
}
