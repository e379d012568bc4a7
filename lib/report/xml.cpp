#include "report/internal/xml.hpp"

#include "base/utf8.hpp"
#include "model/request_jsonl.hpp"

namespace leakline::report {

namespace {

// Bytes of the UTF-8 character that text begins with; 0 if there is none.
std::size_t character(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    return length <= text.size() && is_utf8(text.substr(0, length)) ? length : 0;
}

}  // namespace

std::string xml_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const char c = text.front();
        std::size_t length = character(text);
        const std::string_view bytes = text.substr(0, length);
        if (length == 0 || bytes == "\xef\xbf\xbe" || bytes == "\xef\xbf\xbf") {
            out += "\xef\xbf\xbd";
            length = length == 0 ? 1 : length;
        } else if (length > 1) {
            out += bytes;
        } else {
            switch (c) {
                case '&': out += "&amp;"; break;
                case '<': out += "&lt;"; break;
                case '>': out += "&gt;"; break;
                case '"': out += "&quot;"; break;
                case '\'': out += "&#39;"; break;
                case '\t':
                case '\n': out += c; break;
                case '\r': out += "&#13;"; break;
                default: out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? std::string("\xef\xbf\xbd") : std::string(1, c);
            }
        }
        text.remove_prefix(length);
    }
    return out;
}

}  // namespace leakline::report
