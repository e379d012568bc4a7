#include "unwind/call_frame_info.hpp"

#include <cstddef>
#include <cstring>

namespace leakline::unwind {

namespace {

// x86-64's numbers of registers (System V ABI, figure 3.36).
constexpr std::uint64_t kBp = 6, kSp = 7, kReturnAddress = 16;

// A place in the object. Reading past its end gives 0 and makes it bad for ever.
class Cursor {
  public:
    Cursor(const std::uint8_t* at, const std::uint8_t* end) : at_(at), end_(end) {}

    bool bad() const { return bad_; }
    bool at_end() const { return bad_ || at_ == end_; }
    const std::uint8_t* at() const { return at_; }
    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

    template <typename Number> Number number() {
        Number value{};
        if (const std::uint8_t* bytes = take(sizeof value)) std::memcpy(&value, bytes, sizeof value);
        return value;
    }
    std::uint8_t byte() { return number<std::uint8_t>(); }
    std::uint64_t uleb() {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const std::uint8_t part = byte();
            if (shift > 63) bad_ = true;
            if (bad_) return 0;
            value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
            if ((part & 0x80) == 0) return value;
        }
    }
    std::int64_t sleb() {
        std::uint64_t value = 0;
        for (unsigned shift = 0;;) {
            const std::uint8_t part = byte();
            if (shift > 63) bad_ = true;
            if (bad_) return 0;
            value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
            shift += 7;
            if ((part & 0x80) != 0) continue;
            if (shift < 64 && (part & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
            return static_cast<std::int64_t>(value);
        }
    }
    const std::uint8_t* take(std::uint64_t count) {
        if (bad_ || count > left()) {
            bad_ = true;
            return nullptr;
        }
        const std::uint8_t* bytes = at_;
        at_ += count;
        return bytes;
    }
    // The next `count` bytes as a place of their own.
    Cursor part(std::uint64_t count) {
        const std::uint8_t* bytes = take(count);
        Cursor result(bytes, bytes ? bytes + count : nullptr);
        result.bad_ = bad_;
        return result;
    }
    void spoil() { bad_ = true; }

  private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
    bool bad_ = false;
};

// Pointer encodings (LSB 5, 10.5): the low half says how it is stored, the high half what it counts from.
constexpr std::uint8_t kOmitted = 0xff, kIndirect = 0x80;
enum Stored : std::uint8_t { absolute = 0, udata2 = 2, udata4 = 3, udata8 = 4, sdata2 = 10, sdata4 = 11, sdata8 = 12 };
constexpr std::uint8_t kFromHere = 0x10;

std::uint64_t encoded(Cursor& from, std::uint8_t encoding) {
    const auto here = reinterpret_cast<std::uintptr_t>(from.at());
    std::uint64_t value = 0;
    switch (encoding & 15) {
        case absolute: case udata8: case sdata8: value = from.number<std::uint64_t>(); break;
        case udata2: value = from.number<std::uint16_t>(); break;
        case udata4: value = from.number<std::uint32_t>(); break;
        case sdata2: value = static_cast<std::uint64_t>(std::int64_t{from.number<std::int16_t>()}); break;
        case sdata4: value = static_cast<std::uint64_t>(std::int64_t{from.number<std::int32_t>()}); break;
        default: from.spoil();
    }
    const std::uint8_t base = encoding & 0x70;
    if (base == kFromHere) return here + value;
    if (base != 0) from.spoil();  // from the text, the data or the function: not for code addresses here
    return value;
}

// One entry of .eh_frame, without its length.
Cursor entry_at(const ObjectImage& object, const std::uint8_t* at) {
    Cursor from(at, object.end);
    if (at < object.begin || at >= object.end) from.spoil();
    const auto length = from.number<std::uint32_t>();
    if (length == 0 || length == 0xffffffffu) from.spoil();  // the end; the 64-bit form, which no x86-64 tool writes
    return from.part(length);
}

struct CommonInformation {
    std::uint64_t code_alignment = 0;
    std::int64_t data_alignment = 0;
    std::uint8_t pointer_encoding = absolute;
    bool has_augmentation = false;
    Cursor program{nullptr, nullptr};
};

// False where there is something in it that is not followed.
bool read_common(Cursor entry, CommonInformation& result) {
    if (entry.number<std::uint32_t>() != 0) return false;  // a function's entry, not the common one
    const std::uint8_t version = entry.byte();
    if (version != 1 && version != 3) return false;
    char augmentation[8] = {};
    for (std::size_t i = 0;; ++i) {
        if (i == sizeof augmentation) return false;
        augmentation[i] = static_cast<char>(entry.byte());
        if (augmentation[i] == 0) break;
    }
    result.code_alignment = entry.uleb();
    result.data_alignment = entry.sleb();
    if ((version == 1 ? entry.byte() : entry.uleb()) != kReturnAddress) return false;
    const char* letter = augmentation;
    if (*letter == 'z') {
        ++letter;
        result.has_augmentation = true;
        Cursor data = entry.part(entry.uleb());
        for (; *letter != 0; ++letter) {
            switch (*letter) {
                case 'R': result.pointer_encoding = data.byte(); break;
                case 'P': encoded(data, data.byte() & static_cast<std::uint8_t>(~(kIndirect | 0x70))); break;  // only passed over
                case 'L': data.byte(); break;
                default: return false;  // 'S', a signal's frame, above all
            }
        }
        if (data.bad()) return false;
    }
    result.program = entry;
    return *letter == 0 && !entry.bad();
}

// What the program of an entry sets, for the registers that a FrameRule knows.
struct Row {
    enum class Kind : std::uint8_t { kept, undefined, offset, expression, unsupported };
    struct Saved {
        Kind kind = Kind::kept;
        std::int64_t offset = 0;  // from the CFA; for an expression, from bp
    };
    std::uint64_t cfa_register = 0;
    std::int64_t cfa_offset = 0;
    bool cfa_is_expression = false;  // what stands at cfa_register + cfa_offset
    bool cfa_unsupported = true;     // until something defines it
    Saved bp, sp, return_address;

    Saved* saved(std::uint64_t number) {
        return number == kBp ? &bp : number == kSp ? &sp : number == kReturnAddress ? &return_address : nullptr;
    }
};

// DW_OP_breg6 (bp) and a constant; with `deref` also DW_OP_deref. That is all that compilers use for a realigned stack.
bool bp_plus_constant(Cursor expression, bool deref, std::int64_t& offset) {
    constexpr std::uint8_t kBreg6 = 0x76, kDeref = 0x06;
    if (expression.byte() != kBreg6) return false;
    offset = expression.sleb();
    if (deref && expression.byte() != kDeref) return false;
    return !expression.bad() && expression.at_end();
}

class Program {
  public:
    Program(const CommonInformation& common, std::uint64_t wanted) : common_(common), wanted_(wanted) {}

    // Runs until the row that holds at the wanted distance from the function's start is complete. False where it is
    // damaged or uses what is not known.
    bool run(Cursor from) {
        while (!from.at_end() && !done_) step(from);
        return !from.bad();
    }
    void initial_rules_end() { initial_ = row_; }
    const Row& row() const { return row_; }

  private:
    enum Op : std::uint8_t {
        nop = 0, set_loc, advance1, advance2, advance4, offset_extended, restore_extended, undefined, same_value, in_register,
        remember_state, restore_state, def_cfa, def_cfa_register, def_cfa_offset, def_cfa_expression, expression,
        offset_extended_sf, def_cfa_sf, def_cfa_offset_sf, val_offset, val_offset_sf, val_expression,
        gnu_args_size = 0x2e, gnu_negative_offset_extended = 0x2f,
        advance = 0x40, offset = 0x80, restore = 0xc0  // these hold an operand in their low 6 bits
    };

    void advance_by(std::uint64_t units) {
        location_ += units * common_.code_alignment;
        done_ = location_ > wanted_;  // the row so far holds up to the new location, which lies behind ours
    }
    void save(std::uint64_t number, Row::Kind kind, std::int64_t value = 0) {
        if (Row::Saved* saved = row_.saved(number)) *saved = {kind, value};
    }
    void save_factored(std::uint64_t number, std::int64_t factor) {
        std::int64_t value = 0;
        const bool overflows = __builtin_mul_overflow(factor, common_.data_alignment, &value);
        save(number, overflows ? Row::Kind::unsupported : Row::Kind::offset, value);
    }
    void define(std::uint64_t number, std::int64_t value) {
        row_.cfa_register = number;
        row_.cfa_offset = value;
        row_.cfa_is_expression = row_.cfa_unsupported = false;
    }
    void back_to_initial(std::uint64_t number) {
        if (Row::Saved* saved = row_.saved(number)) *saved = *initial_.saved(number);
    }
    std::int64_t factored(std::int64_t value) {
        std::int64_t result = 0;
        if (__builtin_mul_overflow(value, common_.data_alignment, &result)) row_.cfa_unsupported = true;
        return result;
    }

    void step(Cursor& from) {
        const std::uint8_t op = from.byte();
        const std::uint8_t operand = op & 0x3f;
        switch (op & 0xc0) {
            case advance: return advance_by(operand);
            case offset: return save_factored(operand, static_cast<std::int64_t>(from.uleb()));
            case restore: return back_to_initial(operand);
            default: break;
        }
        switch (op) {
            case nop: break;
            case advance1: advance_by(from.byte()); break;
            case advance2: advance_by(from.number<std::uint16_t>()); break;
            case advance4: advance_by(from.number<std::uint32_t>()); break;
            case offset_extended: {
                const std::uint64_t number = from.uleb();
                save_factored(number, static_cast<std::int64_t>(from.uleb()));
                break;
            }
            case offset_extended_sf: {
                const std::uint64_t number = from.uleb();
                save_factored(number, from.sleb());
                break;
            }
            case restore_extended: back_to_initial(from.uleb()); break;
            case undefined: save(from.uleb(), Row::Kind::undefined); break;
            case same_value: save(from.uleb(), Row::Kind::kept); break;
            case in_register:
                save(from.uleb(), Row::Kind::unsupported);
                from.uleb();
                break;
            case remember_state:
                if (depth_ == kStates) from.spoil();
                else states_[depth_++] = row_;
                break;
            case restore_state:
                if (depth_ == 0) from.spoil();
                else row_ = states_[--depth_];
                break;
            case def_cfa: {
                const std::uint64_t number = from.uleb();
                define(number, static_cast<std::int64_t>(from.uleb()));
                break;
            }
            case def_cfa_sf: {
                const std::uint64_t number = from.uleb();
                define(number, factored(from.sleb()));
                break;
            }
            // These two change half of a definition: after an expression there is none.
            case def_cfa_register: row_.cfa_register = from.uleb(); row_.cfa_unsupported |= row_.cfa_is_expression; break;
            case def_cfa_offset:
                row_.cfa_offset = static_cast<std::int64_t>(from.uleb());
                row_.cfa_unsupported |= row_.cfa_is_expression;
                break;
            case def_cfa_offset_sf:
                row_.cfa_offset = factored(from.sleb());
                row_.cfa_unsupported |= row_.cfa_is_expression;
                break;
            case def_cfa_expression: {
                row_.cfa_register = kBp;
                row_.cfa_is_expression = true;
                row_.cfa_unsupported = !bp_plus_constant(from.part(from.uleb()), true, row_.cfa_offset);
                break;
            }
            case expression: {
                const std::uint64_t number = from.uleb();
                std::int64_t value = 0;
                const bool known = bp_plus_constant(from.part(from.uleb()), false, value);
                save(number, known ? Row::Kind::expression : Row::Kind::unsupported, value);
                break;
            }
            case val_offset:
            case val_offset_sf:
                save(from.uleb(), Row::Kind::unsupported);
                from.uleb();
                break;
            case val_expression:
                save(from.uleb(), Row::Kind::unsupported);
                from.take(from.uleb());
                break;
            case gnu_args_size: from.uleb(); break;
            case gnu_negative_offset_extended: {
                const std::uint64_t number = from.uleb();
                save_factored(number, static_cast<std::int64_t>(0 - from.uleb()));
                break;
            }
            default: from.spoil();  // set_loc too, which no x86-64 tool writes
        }
    }

    static constexpr std::size_t kStates = 8;

    const CommonInformation& common_;
    const std::uint64_t wanted_;  // bytes from the function's start
    std::uint64_t location_ = 0;
    Row row_, initial_, states_[kStates];
    std::size_t depth_ = 0;
    bool done_ = false;
};

bool fits(std::int64_t offset) { return offset >= -FrameRule::kLargestOffset && offset <= FrameRule::kLargestOffset; }

FrameRule as_rule(const Row& row) {
    FrameRule rule;
    if (row.return_address.kind == Row::Kind::undefined) {  // _start and clone say so
        rule.cfa = FrameRule::Cfa::outermost;
        return rule;
    }
    const bool plain = !row.cfa_unsupported && row.return_address.kind == Row::Kind::offset && row.return_address.offset == -8 &&
                       row.sp.kind == Row::Kind::kept && (row.cfa_register == kSp || row.cfa_register == kBp) && fits(row.cfa_offset);
    if (!plain) return rule;
    switch (row.bp.kind) {
        case Row::Kind::kept: break;
        case Row::Kind::offset: rule.bp = FrameRule::Bp::at_cfa_plus; break;
        case Row::Kind::expression: rule.bp = FrameRule::Bp::at_bp_plus; break;
        default: return rule;
    }
    if (!fits(row.bp.offset)) return rule;
    if (rule.bp != FrameRule::Bp::kept) rule.bp_offset = static_cast<std::int32_t>(row.bp.offset);
    rule.cfa_offset = static_cast<std::int32_t>(row.cfa_offset);
    rule.cfa = row.cfa_is_expression       ? FrameRule::Cfa::at_bp_plus
               : row.cfa_register == kSp ? FrameRule::Cfa::sp_plus
                                         : FrameRule::Cfa::bp_plus;
    return rule;
}

// The entry of the last function that begins at or before `pc`: null where there is none. .eh_frame_hdr is
//   version, encoding of the pointer to .eh_frame, of the count, of the table; the pointer; the count;
//   table of (function's start, its entry), ascending, both int32 from the header's start
const std::uint8_t* find_entry(const ObjectImage& object, std::uintptr_t pc) {
    Cursor header(object.frame_header, object.end);
    if (object.frame_header < object.begin || object.frame_header >= object.end) return nullptr;
    const std::uint8_t version = header.byte(), frames = header.byte(), counts = header.byte(), table = header.byte();
    if (version != 1 || table != (0x30 | sdata4) || counts == kOmitted) return nullptr;
    encoded(header, frames);
    const std::uint64_t count = encoded(header, counts);
    if (header.bad() || count > header.left() / 8) return nullptr;
    const auto base = reinterpret_cast<std::uintptr_t>(object.frame_header);
    const auto at = [&](std::uint64_t row, std::size_t column) {
        std::int32_t value;
        std::memcpy(&value, header.at() + row * 8 + column, sizeof value);
        return base + static_cast<std::uintptr_t>(std::intptr_t{value});
    };
    std::uint64_t low = 0, high = count;  // the rows before low begin at or before pc
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (at(middle, 0) <= pc) low = middle + 1;
        else high = middle;
    }
    return low == 0 ? nullptr : reinterpret_cast<const std::uint8_t*>(at(low - 1, 4));
}

}  // namespace

FrameRule find_rule(const ObjectImage& object, std::uintptr_t pc) {
    const std::uint8_t* const at = find_entry(object, pc);
    if (at == nullptr) return {};
    Cursor entry = entry_at(object, at);
    const auto back = reinterpret_cast<std::uintptr_t>(entry.at());
    const auto distance = entry.number<std::uint32_t>();  // back to the common entry, from this field
    CommonInformation common;
    if (entry.bad() || distance == 0 || !read_common(entry_at(object, reinterpret_cast<const std::uint8_t*>(back - distance)), common))
        return {};
    const std::uint64_t start = encoded(entry, common.pointer_encoding);
    const std::uint64_t length = encoded(entry, common.pointer_encoding & 15);
    if (common.has_augmentation) entry.take(entry.uleb());
    if (entry.bad() || pc < start || pc - start >= length) return {};
    Program program(common, pc - start);
    if (!program.run(common.program)) return {};
    program.initial_rules_end();
    return program.run(entry) ? as_rule(program.row()) : FrameRule{};
}

}  // namespace leakline::unwind
