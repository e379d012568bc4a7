// The lengths of x86-64 instructions, and moving the first ones of a function elsewhere (Intel SDM, volume 2, chapter 2 and appendix A).
//
// Thread-safety: functions without state; any thread. Allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace leakline::agent {

using Code = std::span<const unsigned char>;

struct Instruction {
    enum class Flow : std::uint8_t {
        next,         // goes on behind it
        jump,         // to `relative`
        conditional,  // jumps to `relative`, or goes on
        loop,         // the same, but with no form for long distances (loop, jrcxz)
        call,         // to `relative`
        ends,         // ret, jumps and calls by pointers, traps
    };
    std::uint8_t size = 0;
    Flow flow = Flow::next;
    std::uint8_t opcode = 0;               // the last byte of it
    std::uint8_t rip_displacement_at = 0;  // of the 4 bytes that are added to the address of the next instruction; 0: none
    std::int32_t relative = 0;             // of branches, from the next instruction

    bool branches() const { return flow != Flow::next && flow != Flow::ends; }
    // Of a branch at this address.
    std::uint64_t target(std::uint64_t at) const { return at + size + static_cast<std::uint64_t>(std::int64_t{relative}); }
};

// The instruction that the code begins with. False if it is not one that is known, or is cut off.
bool decode(Code code, Instruction& instruction);

// Room for the moved instructions of a function, with the jump behind them.
constexpr std::size_t kMovedRoom = 64;
// A jump that replaces the beginning of a function.
constexpr std::size_t kJumpSize = 5;

// The size of the first instructions, at least kJumpSize bytes; 0 if they cannot be moved: one is unknown, the function is
// shorter, or its code up to 140 bytes from its beginning has an unknown instruction or jumps behind the first of them. function: all of it.
std::size_t movable_beginning(Code function);
// Whether a branch with 4 bytes of distance anywhere in this code leads into (begin, end). May see one where there is none. at: its address.
bool may_jump_into(Code code, std::uint64_t at, std::uint64_t begin, std::uint64_t end);
// Writes the first `size` bytes of the function (movable_beginning), as they must be at address `to`, and a jump to the rest. room: kMovedRoom
// bytes. False if it is too far away.
bool move_beginning(Code function, std::uint64_t from, std::size_t size, std::span<unsigned char> room, std::uint64_t to);
// jmp from one address to another; false if it is too far.
bool write_jump(unsigned char* code, std::uint64_t at, std::uint64_t target);

}  // namespace leakline::agent
