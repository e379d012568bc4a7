#include "system/chunk_buffer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "system/byte_source.hpp"

using namespace leakline;

TEST_CASE("lines come without their ends, the last one even when torn") {
    ChunkBuffer lines(memory_source("one\r\n\ntwo\nthree"));
    CHECK(lines.next_line() == "one");
    CHECK(lines.next_line() == "");
    CHECK(lines.next_line() == "two");
    CHECK_FALSE(lines.torn());
    CHECK(lines.next_line() == "three");
    CHECK(lines.torn());
    CHECK(lines.pieces() == 4);
    CHECK_FALSE(lines.next_line().has_value());
}

TEST_CASE("lines longer than the buffer come whole, and beyond the limit only their head is kept") {
    const std::string big(300'000, 'x');
    const std::string text = big + "\nshort\n";
    ChunkBuffer lines(memory_source(text));
    CHECK(lines.next_line() == big);
    CHECK(lines.next_line() == "short");

    const std::string monstrous(2 * ChunkBuffer::kMaxPiece + 1'000'000, 'y');
    const std::string with_monster = monstrous + "\nafter\n";
    ChunkBuffer cut(memory_source(with_monster));
    CHECK(cut.next_line()->size() == 4096);
    CHECK(cut.too_long());
    CHECK(cut.next_line() == "after");
    CHECK_FALSE(cut.too_long());
    CHECK(cut.pieces() == 2);
}

TEST_CASE("pieces are cut at separators wherever the chunks end") {
    std::string text;
    std::vector<std::string> pieces;
    std::mt19937 random(3);
    for (int i = 0; i < 400; ++i) {
        pieces.push_back(std::string(random() % 4000, static_cast<char>('a' + i % 26)) + "|");
        text += pieces.back() + (i < 399 ? "|#" : "");
    }
    ChunkBuffer chunks(memory_source(text));
    CHECK(chunks.peek(5) == text.substr(0, 5));
    CHECK(chunks.part() == 0);
    std::uint64_t offset = 0;
    for (const std::string& piece : pieces) {
        const auto found = chunks.next("|#", 1);
        REQUIRE(found);
        CHECK(*found == piece);
        CHECK(chunks.offset() == offset);
        offset += piece.size() + 2;
        CHECK(chunks.part() ==
              doctest::Approx(std::min(1.0, static_cast<double>(offset) / static_cast<double>(text.size()))).epsilon(1e-6));
    }
    CHECK(chunks.torn());
    CHECK_FALSE(chunks.next("|#", 1));
}
