#include "agent/internal/instruction.hpp"

#include <string.h>

namespace leakline::agent {

namespace {

enum class Immediate : std::uint8_t { none, one, two, three, four, pointer, word };  // four: 2 with the prefix 66; word: 8 with REX.W

// What follows an opcode. `known` is false for those that are invalid in 64-bit mode, privileged or rare.
struct Form {
    bool known = false, modrm = false;
    Immediate immediate = Immediate::none;
};
constexpr Form kUnknown{}, kPlain{true, false, Immediate::none}, kModrm{true, true, Immediate::none};
constexpr Form plain(Immediate immediate) { return {true, false, immediate}; }
constexpr Form modrm(Immediate immediate) { return {true, true, immediate}; }
constexpr bool between(unsigned value, unsigned first, unsigned last) { return value - first <= last - first; }

constexpr Form form_of_one_byte(unsigned opcode) {
    if (opcode < 0x40) {
        switch (opcode & 7) {
            case 4: return plain(Immediate::one);
            case 5: return plain(Immediate::four);
            case 6:
            case 7: return kUnknown;
            default: return kModrm;
        }
    }
    if (between(opcode, 0x50, 0x5f) || between(opcode, 0x90, 0x99) || between(opcode, 0x9b, 0x9f) || between(opcode, 0xa4, 0xa7) ||
        between(opcode, 0xaa, 0xaf) || between(opcode, 0xf8, 0xfd))
        return kPlain;
    if (between(opcode, 0x70, 0x7f) || between(opcode, 0xb0, 0xb7) || between(opcode, 0xe0, 0xe3)) return plain(Immediate::one);
    if (between(opcode, 0xb8, 0xbf)) return plain(Immediate::word);
    if (between(opcode, 0xa0, 0xa3)) return plain(Immediate::pointer);
    if (between(opcode, 0x84, 0x8f) || between(opcode, 0xd0, 0xd3) || between(opcode, 0xd8, 0xdf)) return kModrm;
    switch (opcode) {
        case 0x63:
        case 0xf6:  // the immediates of these two depend on the ModRM byte
        case 0xf7:
        case 0xfe:
        case 0xff: return kModrm;
        case 0x68:
        case 0xa9:
        case 0xe8:
        case 0xe9: return plain(Immediate::four);
        case 0x69:
        case 0x81:
        case 0xc7: return modrm(Immediate::four);
        case 0x6a:
        case 0xa8:
        case 0xcd:
        case 0xeb: return plain(Immediate::one);
        case 0x6b:
        case 0x80:
        case 0x83:
        case 0xc0:
        case 0xc1:
        case 0xc6: return modrm(Immediate::one);
        case 0xc2: return plain(Immediate::two);
        case 0xc8: return plain(Immediate::three);
        case 0xc3:
        case 0xc9:
        case 0xcc:
        case 0xd7:
        case 0xf4:
        case 0xf5: return kPlain;
        default: return kUnknown;
    }
}

constexpr bool has_byte_in_0f(unsigned opcode) { return between(opcode, 0x70, 0x73) || opcode == 0xc2 || between(opcode, 0xc4, 0xc6); }

constexpr Form form_of_0f(unsigned opcode) {
    if (has_byte_in_0f(opcode) || opcode == 0xa4 || opcode == 0xac || opcode == 0xba) return modrm(Immediate::one);
    if (between(opcode, 0x80, 0x8f)) return plain(Immediate::four);
    if (between(opcode, 0xc8, 0xcf) || between(opcode, 0xa0, 0xa2) || opcode == 0xa8 || opcode == 0xa9 || opcode == 0x05 ||
        opcode == 0x0b || opcode == 0x31 || opcode == 0x77)
        return kPlain;
    if (opcode == 0x01 || opcode == 0x0d || between(opcode, 0x10, 0x1f) || between(opcode, 0x28, 0x2f) || between(opcode, 0x40, 0x6f) ||
        between(opcode, 0x74, 0x76) || between(opcode, 0x78, 0x7f) || between(opcode, 0x90, 0x9f) || opcode == 0xa3 || opcode == 0xa5 ||
        opcode == 0xab || between(opcode, 0xad, 0xb9) || between(opcode, 0xbb, 0xc1) || opcode == 0xc3 || opcode == 0xc7 || opcode >= 0xd0)
        return kModrm;
    return kUnknown;
}

class Decoder {
  public:
    Decoder(Code code, Instruction& instruction) : code_(code), instruction_(instruction) {}

    bool run() {
        instruction_ = {};
        Form form;
        if (!read_prefixes() || !read_opcode(form) || !form.known) return false;
        if (form.modrm && !read_modrm(form)) return false;
        if (!read_immediate(form.immediate)) return false;
        constexpr std::size_t kLongest = 15;
        if (at_ > kLongest) return false;
        instruction_.size = static_cast<std::uint8_t>(at_);
        return true;
    }

  private:
    bool has(std::size_t size) const { return at_ + size <= code_.size(); }

    bool read_prefixes() {
        for (; has(1); ++at_) {
            switch (code_[at_]) {
                case 0x66: short_operands_ = true; break;
                case 0x67: short_addresses_ = true; break;
                case 0x2e:
                case 0x36:
                case 0x3e:
                case 0x26:
                case 0x64:
                case 0x65:
                case 0xf0:
                case 0xf2:
                case 0xf3: break;
                default:
                    if ((code_[at_] & 0xf0) == 0x40) wide_ = (code_[at_++] & 8) != 0;  // REX is the last prefix
                    return has(1);
            }
        }
        return false;
    }

    bool read_opcode(Form& form) {
        unsigned opcode = code_[at_++];
        if (opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62) return read_vector_opcode(opcode, form);
        if (opcode != 0x0f) {
            form = form_of_one_byte(opcode);
            one_byte_ = true;
            set_flow(opcode);
        } else {
            if (!has(1)) return false;
            opcode = code_[at_++];
            if (opcode == 0x38 || opcode == 0x3a) {
                if (!has(1)) return false;
                form = modrm(opcode == 0x3a ? Immediate::one : Immediate::none);
                opcode = code_[at_++];
            } else {
                form = form_of_0f(opcode);
                if (between(opcode, 0x80, 0x8f)) instruction_.flow = Instruction::Flow::conditional;
                if (opcode == 0x0b) instruction_.flow = Instruction::Flow::ends;
            }
        }
        instruction_.opcode = static_cast<std::uint8_t>(opcode);
        return true;
    }

    // VEX and EVEX: the map of opcodes is in the prefix.
    bool read_vector_opcode(unsigned prefix, Form& form) {
        const std::size_t more = prefix == 0xc5 ? 1 : prefix == 0xc4 ? 2 : 3;
        if (!has(more + 1)) return false;
        const unsigned map = prefix == 0xc5 ? 1 : code_[at_] & (prefix == 0xc4 ? 0x1f : 7);
        at_ += more;
        const unsigned opcode = code_[at_++];
        instruction_.opcode = static_cast<std::uint8_t>(opcode);
        if (map == 1)
            form = opcode == 0x77 && prefix != 0x62 ? kPlain : modrm(has_byte_in_0f(opcode) ? Immediate::one : Immediate::none);
        else if (map == 2 || map == 3)
            form = modrm(map == 3 ? Immediate::one : Immediate::none);
        else
            return false;
        return true;
    }

    void set_flow(unsigned opcode) {
        using Flow = Instruction::Flow;
        if (between(opcode, 0x70, 0x7f)) instruction_.flow = Flow::conditional;
        if (between(opcode, 0xe0, 0xe3)) instruction_.flow = Flow::loop;
        if (opcode == 0xe8) instruction_.flow = Flow::call;
        if (opcode == 0xe9 || opcode == 0xeb) instruction_.flow = Flow::jump;
        if (opcode == 0xc2 || opcode == 0xc3 || opcode == 0xcc || opcode == 0xcd || opcode == 0xf4) instruction_.flow = Flow::ends;
    }

    bool read_modrm(Form& form) {
        if (!has(1)) return false;
        const unsigned byte = code_[at_++], mode = byte >> 6, operation = byte >> 3 & 7;
        unsigned base = byte & 7;
        if (one_byte_ && !take_operation(operation, form)) return false;
        if (mode == 3) return true;
        if (base == 4) {
            if (!has(1)) return false;
            base = code_[at_++] & 7;
            if (mode == 0 && base == 5) at_ += 4;
        } else if (mode == 0 && base == 5) {
            if (short_addresses_) return false;
            instruction_.rip_displacement_at = static_cast<std::uint8_t>(at_);
            at_ += 4;
        }
        if (mode == 1) at_ += 1;
        if (mode == 2) at_ += 4;
        return has(0);
    }

    // Opcodes that are several instructions.
    bool take_operation(unsigned operation, Form& form) {
        switch (instruction_.opcode) {
            case 0x8f:                         // otherwise XOP of AMD
            case 0xc6:                         // xabort
            case 0xc7: return operation == 0;  // xbegin
            case 0xf6: form.immediate = operation < 2 ? Immediate::one : Immediate::none; return true;
            case 0xf7: form.immediate = operation < 2 ? Immediate::four : Immediate::none; return true;
            case 0xff:
                if (operation == 2 || operation == 4) instruction_.flow = Instruction::Flow::ends;
                return operation != 3 && operation != 5 && operation != 7;
            default: return true;
        }
    }

    bool read_immediate(Immediate immediate) {
        std::size_t size = 0;
        switch (immediate) {
            case Immediate::none: break;
            case Immediate::one: size = 1; break;
            case Immediate::two: size = 2; break;
            case Immediate::three: size = 3; break;
            case Immediate::four: size = short_operands_ && !wide_ ? 2 : 4; break;
            case Immediate::pointer: size = short_addresses_ ? 4 : 8; break;
            case Immediate::word: size = wide_ ? 8 : short_operands_ ? 2 : 4; break;
        }
        const bool branches = instruction_.branches();
        if (branches && size == 2) size = 4;  // processors differ: Intel's ignore the prefix here
        if (!has(size)) return false;
        if (branches && size == 1) instruction_.relative = static_cast<signed char>(code_[at_]);
        if (branches && size == 4) memcpy(&instruction_.relative, &code_[at_], 4);
        at_ += size;
        return true;
    }

    Code code_;
    Instruction& instruction_;
    std::size_t at_ = 0;
    bool short_operands_ = false, short_addresses_ = false, wide_ = false, one_byte_ = false;
};

bool is_prefixed(Code code) { return code[0] == 0x66 || code[0] == 0x67; }

// Of a call, the return address remains that of the function, which must lie behind the jump that replaces its beginning.
bool can_move(Code code, const Instruction& instruction, std::size_t at) {
    using Flow = Instruction::Flow;
    switch (instruction.flow) {
        case Flow::next: return true;
        // Prefixes of branches say nothing that is needed, but for 66.
        case Flow::jump:
        case Flow::conditional: return !is_prefixed(code);
        case Flow::call: return !is_prefixed(code) && at + instruction.size >= kJumpSize;
        default: return false;
    }
}

bool fits(std::int64_t distance) { return distance == static_cast<std::int32_t>(distance); }

}  // namespace

bool decode(Code code, Instruction& instruction) { return Decoder(code, instruction).run(); }

std::size_t movable_beginning(Code function) {
    // No jump with one byte of distance reaches further back.
    constexpr std::size_t kReach = 140;
    std::size_t moved = 0;
    bool ended = false;
    Instruction instruction;
    std::size_t end = 0;
    for (std::size_t at = 0; at < function.size() && at < kReach; end = at += instruction.size) {
        const Code rest = function.subspan(at);
        if (!decode(rest, instruction)) return 0;
        if (moved < kJumpSize) {
            if (ended || !can_move(rest, instruction, at)) return 0;
            ended = instruction.flow == Instruction::Flow::jump;
            moved = at + instruction.size;
        }
    }
    if (moved < kJumpSize) return 0;
    for (std::size_t at = 0; at < function.size() && at < kReach; at += instruction.size) {
        decode(function.subspan(at), instruction);
        const std::uint64_t target = instruction.target(at);
        if (instruction.branches() && target > 0 && target < moved) return 0;
    }
    return may_jump_into(function.subspan(end), end, 0, moved) ? 0 : moved;
}

bool may_jump_into(Code code, std::uint64_t at, std::uint64_t begin, std::uint64_t end) {
    for (std::size_t i = 0; i + 4 <= code.size(); ++i) {
        std::int32_t distance;
        memcpy(&distance, &code[i], sizeof distance);
        const std::uint64_t target = at + i + 4 + static_cast<std::uint64_t>(std::int64_t{distance});
        if (target > begin && target < end) return true;
    }
    return false;
}

bool write_jump(unsigned char* code, std::uint64_t at, std::uint64_t target) {
    const auto distance = static_cast<std::int64_t>(target - (at + kJumpSize));
    if (!fits(distance)) return false;
    const auto written = static_cast<std::int32_t>(distance);
    code[0] = 0xe9;
    memcpy(code + 1, &written, sizeof written);
    return true;
}

bool move_beginning(Code function, std::uint64_t from, std::size_t size, std::span<unsigned char> room, std::uint64_t to) {
    constexpr std::size_t kLongestMoved = 19;
    std::size_t out = 0;
    Instruction instruction;
    for (std::size_t at = 0; at < size; at += instruction.size) {
        if (!decode(function.subspan(at), instruction) || out + kLongestMoved + kJumpSize > room.size()) return false;
        const std::uint64_t next = from + at + instruction.size, target = instruction.target(from + at);
        if (instruction.flow == Instruction::Flow::jump) return write_jump(&room[out], to + out, target);
        if (instruction.flow == Instruction::Flow::call) {
            // push 5(%rip); jmp target; and the return address
            constexpr unsigned char kPush[] = {0xff, 0x35, kJumpSize, 0, 0, 0};
            memcpy(&room[out], kPush, sizeof kPush);
            memcpy(&room[out + sizeof kPush + kJumpSize], &next, sizeof next);
            return write_jump(&room[out + sizeof kPush], to + out + sizeof kPush, target);
        }
        if (instruction.flow == Instruction::Flow::conditional) {
            // 0f 8x with 4 bytes of distance; x is the condition in the short form too.
            room[out] = 0x0f;
            if (!write_jump(&room[out + 1], to + out + 1, target)) return false;
            room[out + 1] = static_cast<unsigned char>(0x80 | (instruction.opcode & 0x0f));
            out += 6;
            continue;
        }
        memcpy(&room[out], &function[at], instruction.size);
        if (instruction.rip_displacement_at != 0) {
            std::int32_t displacement;
            memcpy(&displacement, &function[at + instruction.rip_displacement_at], sizeof displacement);
            const auto moved =
                static_cast<std::int64_t>(next + static_cast<std::uint64_t>(std::int64_t{displacement}) - (to + out + instruction.size));
            if (!fits(moved)) return false;
            displacement = static_cast<std::int32_t>(moved);
            memcpy(&room[out + instruction.rip_displacement_at], &displacement, sizeof displacement);
        }
        out += instruction.size;
    }
    return write_jump(&room[out], to + out, from + size);
}

}  // namespace leakline::agent
