// Strings with escapes, which are undone many bytes at a time: at every place of a block, and near the end of the text.

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "base/json_text.hpp"
#include "base/utf8.hpp"

#include "base/json_scan.hpp"

using namespace leakline;

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

namespace {

bool is_strict_json(const std::string& text) {
    Scratch scratch;
    scratch.reset(text.size());
    JsonScan scan(text, scratch, JsonRules::strict);
    return is_utf8(text) && scan.skip_value() && scan.at_end();
}

}  // namespace

TEST_CASE("strict rules take for JSON what nlohmann/json takes, on 60,000 mutations") {
    const std::string seeds[] = {
        R"({"user_id":"u","events":[{"type":"click","x":-1.5e+10,"y":[true,false,null],"s":"a\"\\\/\b\f\n\r\t\u00e4"}]})",
        R"([0,-0,1E5,0.1,{"":[]},[[]],"\ud83d\ude00",1234567890123456789012345])",
        R"(  {"a" : {"b" : {"c" : [ 1 , 2 ] } } }  )",
    };
    const std::string alphabet = "{}[]\",:\\0123456789-+.eEutfnl \n\x01\x7f\xc3\xa4\xff";
    std::mt19937 random(11);
    int taken = 0;
    for (int i = 0; i < 60'000; ++i) {
        std::string text = seeds[random() % std::size(seeds)];
        for (unsigned edits = random() % 3; edits > 0 && !text.empty(); --edits) {
            const std::size_t at = random() % text.size();
            switch (random() % 3) {
                case 0: text[at] = alphabet[random() % alphabet.size()]; break;
                case 1: text.erase(at, 1 + random() % 3); break;
                default: text.insert(at, 1, alphabet[random() % alphabet.size()]);
            }
        }
        if (is_strict_json(text) != nlohmann::json::accept(text)) FAIL("they differ on: " << text);
        taken += is_strict_json(text);
    }
    CHECK(taken > 10'000);  // the mutations are not all broken,
    CHECK(taken < 50'000);  // nor all harmless
}

TEST_CASE("nesting stops at the depth that was asked for") {
    const auto depth_taken = [](int depth, int max_depth) {
        const std::string text = std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
        Scratch scratch;
        scratch.reset(text.size());
        JsonScan scan(text, scratch, JsonRules::strict, max_depth);
        return scan.skip_value() && scan.at_end();
    };
    CHECK(depth_taken(64, 64));
    CHECK_FALSE(depth_taken(65, 64));
    CHECK(depth_taken(512, JsonScan::kMaxDepth));
    CHECK_FALSE(depth_taken(100'000, JsonScan::kMaxDepth));
}

TEST_CASE("lenient rules take what logs hold and strict rules refuse it") {
    for (const std::string& text : {std::string("\"a\\x41\""), std::string("\"\t\""), std::string("\"\\ud83d\""), std::string("007")}) {
        CAPTURE(text);
        Scratch scratch;
        scratch.reset(text.size());
        CHECK(JsonScan(text, scratch).skip_value());
        CHECK_FALSE(JsonScan(text, scratch, JsonRules::strict).skip_value());
    }
}

TEST_CASE("text written as a JSON string is read back") {
    std::string every;
    for (int c = 0; c < 128; ++c) every += static_cast<char>(c);
    every += "\xC3\xA4\xF0\x9F\x98\x80";
    std::string written;
    append_json_string(written, every);
    std::string found;
    REQUIRE(string_of(written, found));
    CHECK(found == every);
    CHECK(nlohmann::json::parse(written).get<std::string>() == every);
}

TEST_CASE("brackets and strings are followed a character at a time") {
    const std::string text = R"({"a\"]": ["}", 1]} )";
    JsonNesting nesting;
    std::string parts;
    for (const char c : text) parts += "oqte[]"[static_cast<int>(nesting.take(c))];
    CHECK(parts == R"([qteetqoo[qtqooo]]o)");
    CHECK(nesting.depth() == 0);
}

TEST_CASE("JSON escapes cover quotes, backslashes and control characters only") {
    std::string out;
    append_json_escaped(out, std::string_view("a\"b\\c\n\t\r\x01\x1f\xC3\xA4", 12));
    CHECK(out == "a\\\"b\\\\c\\n\\t\\r\\u0001\\u001f\xC3\xA4");
}
