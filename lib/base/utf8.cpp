#include "base/utf8.hpp"

#include <cstring>

namespace leakline {

std::size_t utf8_prefix(std::string_view text) {
    std::size_t i = 0;
    while (i < text.size()) {
        std::uint64_t word = 0;  // most text is ASCII: eight bytes at a time
        for (; i + 8 <= text.size(); i += 8) {
            std::memcpy(&word, text.data() + i, 8);
            if ((word & 0x8080808080808080U) != 0) break;
        }
        if (i == text.size()) break;
        const std::size_t length = utf8_length(text.substr(i));
        if (length == 0) break;
        i += length;
    }
    return i;
}

}  // namespace leakline
