#include "unwind/internal/call_frame_info.hpp"

#include <doctest/doctest.h>

#include <random>

#include "image.hpp"

using namespace leakline;
using test::Image;
using test::ImageParts;
using unwind::FrameRule;
using Cfa = FrameRule::Cfa;
using Bp = FrameRule::Bp;

namespace {

FrameRule rule_of(const test::Bytes& program, std::uint64_t offset = 0x50) {
    ImageParts parts;
    parts.program = program;
    return Image(parts).rule(offset);
}

FrameRule in_common(ImageParts parts) { return Image(parts).rule(0); }

constexpr FrameRule kUnsupported{};
constexpr FrameRule kAtCall{Cfa::sp_plus, Bp::kept, 8, 0};

}  // namespace

TEST_CASE("a rule comes back from the word that it is packed into") {
    for (const std::int32_t offset : {0, 8, -8, 134217727, -134217727})
        for (const Cfa cfa : {Cfa::unsupported, Cfa::sp_plus, Cfa::bp_plus, Cfa::at_bp_plus, Cfa::outermost})
            for (const Bp bp : {Bp::kept, Bp::at_cfa_plus, Bp::at_bp_plus}) {
                const FrameRule rule{cfa, bp, offset, -offset};
                CHECK(FrameRule::unpacked(rule.packed()) == rule);
            }
}

TEST_CASE("the rule is that of the row at the instruction, through a function with a base pointer") {
    ImageParts parts;
    parts.program = {
        0x41, 0x0e, 16,   0x86, 2,  // after 1 byte (push bp): CFA is sp + 16, bp at CFA - 16
        0x43, 0x0d, 6,              // after 3 more (mov sp, bp): CFA is bp + 16
        0x02, 0x60, 0x0a,           // after 0x60 more, remember
        0xc6, 0x0c, 7,    8,        // leave: bp restored, CFA is sp + 8
        0x41, 0x0b,                 // after 1 more (ret): as remembered
    };
    const Image image(parts);
    const FrameRule pushed{Cfa::sp_plus, Bp::at_cfa_plus, 16, -16}, body{Cfa::bp_plus, Bp::at_cfa_plus, 16, -16};
    CHECK(image.rule(0) == kAtCall);
    CHECK(image.rule(1) == pushed);
    CHECK(image.rule(3) == pushed);
    CHECK(image.rule(4) == body);
    CHECK(image.rule(0x63) == body);
    CHECK(image.rule(0x64) == kAtCall);
    CHECK(image.rule(0x65) == body);
    CHECK(image.rule(0xff) == body);
    CHECK(image.rule(0x100) == kUnsupported);
}

TEST_CASE("each instruction of a program does what DWARF says") {
    struct Case {
        std::string what;
        test::Bytes program;
        FrameRule rule;
    };
    const std::vector<Case> cases = {
        {"nothing", {}, kAtCall},
        {"nops", {0, 0, 0}, kAtCall},
        {"def_cfa_offset, two bytes long", {0x0e, 0x90, 0x02}, {Cfa::sp_plus, Bp::kept, 272, 0}},
        {"def_cfa_sf: -2 times -8", {0x12, 7, 0x7e}, {Cfa::sp_plus, Bp::kept, 16, 0}},
        {"def_cfa_offset_sf: -3 times -8", {0x13, 0x7d}, {Cfa::sp_plus, Bp::kept, 24, 0}},
        {"advance1 up to here", {0x02, 0x50, 0x0e, 32}, {Cfa::sp_plus, Bp::kept, 32, 0}},
        {"advance1 past here", {0x02, 0x51, 0x0e, 32}, kAtCall},
        {"advance2", {0x03, 0x50, 0, 0x0e, 32}, {Cfa::sp_plus, Bp::kept, 32, 0}},
        {"advance4", {0x04, 0x51, 0, 0, 0, 0x0e, 32}, kAtCall},
        {"offset_extended of bp", {0x05, 6, 3}, {Cfa::sp_plus, Bp::at_cfa_plus, 8, -24}},
        {"offset_extended_sf of bp", {0x11, 6, 3}, {Cfa::sp_plus, Bp::at_cfa_plus, 8, -24}},
        {"GNU_negative_offset_extended of bp", {0x2f, 6, 3}, {Cfa::sp_plus, Bp::at_cfa_plus, 8, 24}},
        {"restore_extended of bp", {0x86, 2, 0x06, 6}, kAtCall},
        {"same_value of bp", {0x86, 2, 0x08, 6}, kAtCall},
        {"other registers are no matter", {0x83, 5, 0x8c, 4, 0x09, 3, 12, 0x16, 3, 1, 0x30, 0x14, 12, 1}, kAtCall},
        {"GNU_args_size", {0x2e, 0x80, 1}, kAtCall},
        {"undefined return address", {0x07, 16}, {Cfa::outermost, Bp::kept, 0, 0}},
        {"a realigned stack", {0x0f, 3, 0x76, 0x78, 6, 0x10, 6, 2, 0x76, 0}, {Cfa::at_bp_plus, Bp::at_bp_plus, -8, 0}},
        {"a realigned stack, left again", {0x0f, 3, 0x76, 0x78, 6, 0x0c, 7, 8}, kAtCall},
        {"CFA from another register", {0x0c, 10, 0}, kUnsupported},
        {"CFA by another expression", {0x0f, 2, 0x77, 8}, kUnsupported},
        {"CFA by half of an expression", {0x0f, 3, 0x76, 0x78, 6, 0x0e, 16}, kUnsupported},
        {"a CFA too far off", {0x0e, 0x80, 0x80, 0x80, 0x80, 1}, kUnsupported},
        {"bp in another register", {0x09, 6, 3}, kUnsupported},
        {"bp undefined", {0x07, 6}, kUnsupported},
        {"bp by a value", {0x14, 6, 1}, kUnsupported},
        {"sp by a value", {0x14, 7, 1}, kUnsupported},
        {"the return address elsewhere", {0x90, 2}, kUnsupported},
        {"restore_state of none", {0x0b}, kUnsupported},
        {"states without end", {0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a}, kUnsupported},
        {"an unknown instruction", {0x3c}, kUnsupported},
        {"a cut operand", {0x0e}, kUnsupported},
        {"a number without end", {0x0e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, kUnsupported},
        {"an expression longer than the rest", {0x0f, 9, 0x76, 0}, kUnsupported},
    };
    for (const Case& one : cases) {
        CAPTURE(one.what);
        CHECK(rule_of(one.program) == one.rule);
    }
}

TEST_CASE("what the common entry says is followed, or the whole is not") {
    ImageParts parts;
    CHECK(in_common(parts) == kAtCall);
    parts.augmentation = "zPLR";
    CHECK(in_common(parts) == kAtCall);
    parts.version = 3;
    CHECK(in_common(parts) == kAtCall);
    parts.version = 2;
    CHECK(in_common(parts) == kUnsupported);
    parts = {};
    parts.augmentation = "zRS";  // a signal's frame
    CHECK(in_common(parts) == kUnsupported);
    parts.augmentation = "zRQ";
    CHECK(in_common(parts) == kUnsupported);
    parts = {};
    parts.return_address = 17;
    CHECK(in_common(parts) == kUnsupported);
    parts = {};
    parts.common = {};  // nothing defines the CFA
    CHECK(in_common(parts) == kUnsupported);
}

TEST_CASE("a function is found by its range only") {
    const Image image(ImageParts{});
    CHECK(image.rule(0xff) == kAtCall);
    CHECK(image.rule(0x100) == kUnsupported);
    CHECK(image.rule(-std::uint64_t{1}) == kUnsupported);
}

TEST_CASE("damage gives no rule or another one, and nothing outside of the object is read") {
    ImageParts parts;
    parts.augmentation = "zPLR";
    parts.program = {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x0f, 3, 0x76, 0x78, 6, 0x02, 0x60, 0x0a, 0xc6, 0x0c, 7, 8, 0x41, 0x0b};
    const Image image(parts);
    // Cut anywhere: the copies are of the exact size, so that the address sanitizer sees a read past their end.
    for (std::size_t size = 0; size < image.bytes().size(); ++size) {
        const test::Bytes cut(image.bytes().begin(), image.bytes().begin() + static_cast<std::ptrdiff_t>(size));
        if (size == 0) continue;
        CHECK(image.rule_in(cut, 0x50) == kUnsupported);
    }
    std::mt19937 random(1);
    for (int i = 0; i < 20000; ++i) {
        test::Bytes damaged = image.bytes();
        for (unsigned k = 0; k < 1 + random() % 3; ++k) damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
        image.rule_in(damaged, 0x50);
    }
}
