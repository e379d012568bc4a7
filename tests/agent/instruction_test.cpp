#include "agent/internal/instruction.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using namespace leakline::agent;

namespace {

using Bytes = std::vector<unsigned char>;
using Flow = Instruction::Flow;

Bytes with_padding(Bytes code) {
    code.resize(code.size() + 32, 0x90);
    return code;
}

}  // namespace

TEST_CASE("the lengths of instructions are those of the manual") {
    const Bytes kKnown[] = {
        {0x90},                                               // nop
        {0x55},                                               // push %rbp
        {0x41, 0x57},                                         // push %r15
        {0xc3},                                               // ret
        {0xf3, 0x0f, 0x1e, 0xfa},                             // endbr64
        {0x48, 0x89, 0xe5},                                   // mov %rsp, %rbp
        {0x48, 0x83, 0xec, 0x18},                             // sub $24, %rsp
        {0x48, 0x81, 0xec, 0x88, 0, 0, 0},                    // sub $136, %rsp
        {0x48, 0xc7, 0xc1, 0xb8, 0xf5, 0xff, 0xff},           // mov $-2632, %rcx
        {0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8},                 // movabs
        {0x66, 0xb8, 1, 2},                                   // mov $513, %ax
        {0xb8, 1, 2, 3, 4},                                   // mov $imm, %eax
        {0x66, 0x81, 0xf9, 1, 2},                             // cmp $513, %cx
        {0x48, 0x8d, 0x15, 1, 2, 3, 4},                       // lea (%rip), %rdx
        {0x80, 0x3d, 1, 2, 3, 4, 0},                          // cmpb $0, (%rip)
        {0x48, 0x8b, 0x44, 0x24, 8},                          // mov 8(%rsp), %rax
        {0x48, 0x8b, 0x04, 0x25, 1, 2, 3, 4},                 // mov disp32, %rax
        {0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0},        // mov %fs:40, %rax
        {0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0},  // long nop
        {0xf6, 0xc1, 1},                                      // test $1, %cl
        {0xf6, 0xd1},                                         // not %cl
        {0xf7, 0xc1, 1, 2, 3, 4},                             // test $imm, %ecx
        {0x48, 0xf7, 0xe1},                                   // mul %rcx
        {0x0f, 0xba, 0xe0, 3},                                // bt $3, %eax
        {0x66, 0x0f, 0x3a, 0x0f, 0xc1, 8},                    // palignr $8
        {0xc5, 0xf8, 0x77},                                   // vzeroupper
        {0xc4, 0xe2, 0xf1, 0xf7, 0xc0},                       // shlx, whose last opcode byte is that of test
        {0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x47, 1},              // vmovdqu64 64(%rdi), %zmm0
        {0xc8, 1, 2, 3},                                      // enter
        {0x70, 1},
        {0xe8, 1, 2, 3, 4},
        {0xe9, 1, 2, 3, 4},
        {0x0f, 0x84, 1, 2, 3, 4},
    };
    for (const Bytes& known : kKnown) {
        CAPTURE(known[0]);
        CAPTURE(known.size());
        Instruction instruction;
        REQUIRE(decode(with_padding(known), instruction));
        CHECK(instruction.size == known.size());
        for (std::size_t cut = 0; cut < known.size(); ++cut) CHECK_FALSE(decode(Code(known).first(cut), instruction));
    }
}

TEST_CASE("instructions that are invalid, privileged or rare are not known") {
    for (const Bytes& code : {Bytes{0x06}, Bytes{0x60}, Bytes{0x9a}, Bytes{0xd4}, Bytes{0xea}, Bytes{0xe4}, Bytes{0xf1}, Bytes{0x0f, 0x04},
                              Bytes{0xc7, 0xf8}, Bytes{0x8f, 0xe9}, Bytes{0xff, 0xf8}, Bytes{0x67, 0x48, 0x8d, 0x05}}) {
        CAPTURE(code[0]);
        Instruction instruction;
        CHECK_FALSE(decode(with_padding(code), instruction));
    }
}

TEST_CASE("branches say where they lead to") {
    Instruction instruction;
    REQUIRE(decode(with_padding({0x74, 0xfe}), instruction));
    CHECK(instruction.flow == Flow::conditional);
    CHECK(instruction.relative == -2);
    REQUIRE(decode(with_padding({0xe9, 0, 1, 0, 0}), instruction));
    CHECK(instruction.flow == Flow::jump);
    CHECK(instruction.relative == 256);
    REQUIRE(decode(with_padding({0xe3, 4}), instruction));
    CHECK(instruction.flow == Flow::loop);
    REQUIRE(decode(with_padding({0xff, 0xe0}), instruction));
    CHECK(instruction.flow == Flow::ends);
}

TEST_CASE("the beginning of a function is moved whole, or not at all") {
    const auto movable = [](const Bytes& function) { return movable_beginning(function); };
    CHECK(movable({0x55, 0x48, 0x89, 0xe5, 0x53, 0x90, 0xc3}) == 5);
    CHECK(movable({0x48, 0x81, 0xff, 0, 0x10, 0, 0, 0xc3}) == 7);
    CHECK(movable({0x55, 0x48, 0x89, 0xe5}) == 0);                          // shorter
    CHECK(movable({0x31, 0xc0, 0xc3, 0x90, 0x90, 0x90}) == 0);              // ends
    CHECK(movable({0xe8, 0, 1, 0, 0, 0xc3}) == 5);                          // a call
    CHECK(movable({0xff, 0xd0, 0x90, 0x90, 0x90, 0xc3}) == 0);              // a call by a pointer
    CHECK(movable({0xe3, 8, 0x90, 0x90, 0x90, 0x90, 0xc3}) == 0);           // jrcxz has no long form
    CHECK(movable({0xe9, 0, 1, 0, 0}) == 5);                                // a jump, and nothing else
    CHECK(movable({0xeb, 5, 0x90, 0x90, 0x90, 0xc3}) == 0);                 // something behind a short one
    CHECK(movable({0x90, 0x90, 0x90, 0x90, 0x90, 0x75, 0xfb, 0xc3}) == 0);  // a loop to the third byte
    CHECK(movable({0x90, 0x90, 0x90, 0x90, 0x90, 0x75, 0xf9, 0xc3}) == 5);  // to the first
    CHECK(movable({0x90, 0x90, 0x90, 0x90, 0x90, 0x75, 0xfe, 0xc3}) == 5);  // behind them
    CHECK(movable({0x90, 0x90, 0x90, 0x90, 0x90, 0x06, 0xc3}) == 0);        // unknown
    Bytes far(200, 0x90);
    CHECK(movable(far) == 5);
    const std::int32_t back = -(190 - 3);
    far[185] = 0xe9;
    std::memcpy(&far[186], &back, sizeof back);
    CHECK(movable(far) == 0);
}

TEST_CASE("moved instructions mean the same at their new place") {
    // je +2; mov 0x100(%rip), %eax; ...
    const Bytes function = {0x74, 2, 0x8b, 0x05, 0, 1, 0, 0, 0xc3};
    unsigned char room[kMovedRoom];
    constexpr std::uint64_t kFrom = 0x1000, kTo = 0x5000;
    REQUIRE(move_beginning(function, kFrom, 8, room, kTo));
    const auto word = [&](std::size_t at) {
        std::int32_t value;
        std::memcpy(&value, room + at, sizeof value);
        return static_cast<std::uint64_t>(std::int64_t{value});
    };
    CHECK(room[0] == 0x0f);
    CHECK(room[1] == 0x84);
    CHECK(kTo + 6 + word(2) == kFrom + 4);
    CHECK(room[6] == 0x8b);
    CHECK(kTo + 12 + word(8) == kFrom + 8 + 0x100);
    CHECK(room[12] == 0xe9);
    CHECK(kTo + 17 + word(13) == kFrom + 8);
    CHECK_FALSE(move_beginning(function, kFrom, 8, room, std::uint64_t{1} << 40));
}
