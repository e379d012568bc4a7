#include "heap/internal/hex.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>

#include "heap/internal/byte_classes.hpp"

namespace {

using leakline::heap::parse_hex;

bool parse(const std::string& digits, std::uint64_t& value) {
    const std::string margin = "????????" + digits;  // its content must not matter
    return parse_hex(margin.data() + 8, margin.data() + margin.size(), value);
}

}  // namespace

TEST_CASE("hexadecimal numbers of every length are read exactly") {
    std::uint64_t expected = 0, value = 0;
    std::string digits;
    for (const char digit : std::string("fedcba9876543210")) {
        digits += digit;
        expected = std::stoull(digits, nullptr, 16);
        CAPTURE(digits);
        REQUIRE(parse(digits, value));
        CHECK(value == expected);
    }
    REQUIRE(parse("0", value));
    CHECK(value == 0);
    REQUIRE(parse("00000000000000ff", value));
    CHECK(value == 255);
}

TEST_CASE("every byte that is no lower-case hexadecimal digit is refused, wherever it stands") {
    std::uint64_t value = 0;
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        for (const std::size_t length : {1, 5, 8, 9, 16}) {
            for (std::size_t at = 0; at < length; ++at) {
                std::string digits(length, '7');
                digits[at] = c;
                CAPTURE(byte);
                CAPTURE(length);
                CHECK(parse(digits, value) == digit);
            }
        }
    }
}

TEST_CASE("an empty number and one of more than sixteen digits are refused") {
    std::uint64_t value = 0;
    CHECK_FALSE(parse("", value));
    CHECK_FALSE(parse("00000000000000001", value));
}

TEST_CASE("the last pair of characters is where a plain search finds it, whatever stands around the text") {
    std::mt19937_64 random(1);
    for (int round = 0; round < 20000; ++round) {
        const std::string margin(64, "\nc"[random() % 2]);
        std::string text;
        for (std::size_t i = random() % 90; i > 0; --i) text += "\nc ab"[random() % 5];
        const std::string padded = margin + text + margin;
        const std::string_view inside(padded.data() + margin.size(), text.size());
        REQUIRE(leakline::heap::last_pair(inside, '\n', 'c') == text.rfind("\nc"));
    }
}
