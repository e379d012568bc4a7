// Strings with escapes, which are undone many bytes at a time: at every place of a block, and near the end of the text.
#include "replay/json_scan.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>

using namespace leakline::replay;

namespace {

std::string in_quotes(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

// Scanned from memory that ends where the text does, so that a sanitizer sees a byte too many.
bool string_of(const std::string& text, std::string& out) {
    const auto exact = std::make_unique<char[]>(text.size());
    text.copy(exact.get(), text.size());
    Scratch scratch;
    scratch.reset(text.size());
    JsonScan scan({exact.get(), text.size()}, scratch);
    std::string_view view;
    if (!scan.string(view)) return false;
    out = view;
    return scan.at_end();
}

}  // namespace

TEST_CASE("an escape is undone wherever it stands") {
    for (const std::string& escape :
         {std::string("\""), std::string("\\"), std::string("\n"), std::string("\\\\\\\\"), std::string("\"\"")}) {
        for (std::size_t before = 0; before < 140; ++before) {
            for (const std::size_t behind : {0, 1, 31, 32, 33, 95, 96, 97, 200}) {
                const std::string text = std::string(before, 'a') + escape + std::string(behind, 'b');
                std::string found;
                REQUIRE(string_of(in_quotes(text), found));
                REQUIRE(found == text);
            }
        }
    }
}

TEST_CASE("strings of any mixture of plain and escaped bytes come back") {
    std::mt19937_64 random(20240607);
    for (int i = 0; i < 3000; ++i) {
        std::string text;
        const std::size_t size = random() % 600, rarity = 1 + random() % 20;
        for (std::size_t k = 0; k < size; ++k)
            text += random() % rarity == 0 ? "\"\\\nx"[random() % 4] : static_cast<char>('a' + random() % 26);
        std::string found;
        REQUIRE(string_of(in_quotes(text), found));
        REQUIRE(found == text);
    }
}

TEST_CASE("a string that does not end, or ends in its escape, is none") {
    for (std::size_t size = 0; size < 300; ++size) {
        std::string found;
        const std::string begin = "\"\\\"" + std::string(size, 'x');
        REQUIRE_FALSE(string_of(begin, found));
        REQUIRE_FALSE(string_of(begin + "\\", found));
        REQUIRE_FALSE(string_of(begin + "\\\"", found));
        REQUIRE_FALSE(string_of(begin + "\\q\"" + std::string(200, 'y') + "\"", found));
    }
}

TEST_CASE("an integer ends where its number does") {
    const auto integer_of = [](const std::string& text, std::int64_t& out) {
        Scratch scratch;
        scratch.reset(text.size());
        JsonScan scan(text, scratch);
        return scan.integer(out) && scan.at_end();
    };
    std::int64_t value = 0;
    CHECK((integer_of("1700000000000000000", value) && value == 1'700'000'000'000'000'000));
    CHECK((integer_of(" -5 ", value) && value == -5));
    CHECK((integer_of("1.5e3", value) && value == 1500));
    for (const char* text : {"", "x", "\"5\"", "5x", "1e30", "99999999999999999999", "5,"}) CHECK_FALSE(integer_of(text, value));
}
