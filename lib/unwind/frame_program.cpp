#include "unwind/internal/frame_program.hpp"

namespace leakline::unwind {

namespace {

// x86-64's numbers of registers (System V ABI, figure 3.36).
constexpr std::uint64_t kBp = 6, kSp = 7;

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
        return number == kBp ? &bp : number == kSp ? &sp : number == kReturnAddressColumn ? &return_address : nullptr;
    }
};

// DW_OP_breg6 (bp) and a constant; with `deref` also DW_OP_deref. That is all that compilers use for a realigned stack.
bool bp_plus_constant(ByteCursor expression, bool deref, std::int64_t& offset) {
    constexpr std::uint8_t kBreg6 = 0x76, kDeref = 0x06;
    if (expression.byte() != kBreg6) return false;
    offset = expression.sleb();
    if (deref && expression.byte() != kDeref) return false;
    return !expression.bad() && expression.at_end();
}

class Program {
  public:
    Program(const FrameAlignment& alignment, std::uint64_t wanted) : alignment_(alignment), wanted_(wanted) {}

    // Runs until the row that holds at the wanted distance from the function's start is complete. False where it is
    // damaged or uses something unknown.
    bool run(ByteCursor from) {
        while (!from.at_end() && !done_) step(from);
        return !from.bad();
    }
    void initial_rules_end() { initial_ = row_; }
    const Row& row() const { return row_; }

  private:
    enum Op : std::uint8_t {
        nop = 0,
        set_loc,
        advance1,
        advance2,
        advance4,
        offset_extended,
        restore_extended,
        undefined,
        same_value,
        in_register,
        remember_state,
        restore_state,
        def_cfa,
        def_cfa_register,
        def_cfa_offset,
        def_cfa_expression,
        expression,
        offset_extended_sf,
        def_cfa_sf,
        def_cfa_offset_sf,
        val_offset,
        val_offset_sf,
        val_expression,
        gnu_args_size = 0x2e,
        gnu_negative_offset_extended = 0x2f,
        advance = 0x40,
        offset = 0x80,
        restore = 0xc0  // these hold an operand in their low 6 bits
    };

    void advance_by(std::uint64_t units) {
        location_ += units * alignment_.code;
        done_ = location_ > wanted_;  // the row so far holds up to the new location, which lies behind ours
    }
    void save(std::uint64_t number, Row::Kind kind, std::int64_t value = 0) {
        if (Row::Saved* saved = row_.saved(number)) *saved = {kind, value};
    }
    void save_factored(std::uint64_t number, std::int64_t factor) {
        std::int64_t value = 0;
        const bool overflows = __builtin_mul_overflow(factor, alignment_.data, &value);
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
        if (__builtin_mul_overflow(value, alignment_.data, &result)) row_.cfa_unsupported = true;
        return result;
    }

    void step(ByteCursor& from) {
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
                if (depth_ == kStates)
                    from.spoil();
                else
                    states_[depth_++] = row_;
                break;
            case restore_state:
                if (depth_ == 0)
                    from.spoil();
                else
                    row_ = states_[--depth_];
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
            case def_cfa_register:
                row_.cfa_register = from.uleb();
                row_.cfa_unsupported |= row_.cfa_is_expression;
                break;
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

    static constexpr std::size_t kStates = 8;  // remembered at once: compilers nest them once

    const FrameAlignment& alignment_;
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
    rule.cfa = row.cfa_is_expression     ? FrameRule::Cfa::at_bp_plus
               : row.cfa_register == kSp ? FrameRule::Cfa::sp_plus
                                         : FrameRule::Cfa::bp_plus;
    return rule;
}

}  // namespace

FrameRule run_programs(ByteCursor shared, ByteCursor own, const FrameAlignment& alignment, std::uint64_t offset) {
    Program program(alignment, offset);
    if (!program.run(shared)) return {};
    program.initial_rules_end();
    return program.run(own) ? as_rule(program.row()) : FrameRule{};
}

}  // namespace leakline::unwind
