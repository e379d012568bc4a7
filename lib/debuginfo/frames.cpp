// Stacks of a stopped or copied process: frames by call frame information, and the variables in them.
#include <dwarf.h>

#include <algorithm>

#include "debuginfo/internal/state.hpp"
#include "debuginfo/type_name.hpp"

namespace leakline::debuginfo {

namespace {

constexpr std::size_t kMaxFrames = 1024;

#if defined(__aarch64__)
constexpr unsigned kStackPointer = 31, kProgramCounter = 32, kGeneral = 32;
#else
constexpr unsigned kStackPointer = 7, kProgramCounter = 16, kGeneral = 17;
#endif

// What libdwfl's callbacks see: one thread, and the memory of its process.
struct Unwinding {
    const Registers& registers;
    const ReadMemory& read;
    std::vector<StackFrame> frames;
};

constexpr pid_t kThread = 1;  // libdwfl asks for an id; there is one thread at a time

pid_t next_thread(Dwfl*, void* unwinding, void** thread) {
    if (*thread != nullptr) return 0;
    *thread = unwinding;
    return kThread;
}

bool get_thread(Dwfl*, pid_t, void* unwinding, void** thread) {
    *thread = unwinding;
    return true;
}

bool read_memory(Dwfl*, Dwarf_Addr address, Dwarf_Word* word, void* unwinding) {
    return (*static_cast<Unwinding**>(unwinding))->read(address, word, sizeof *word);
}

bool set_registers(Dwfl_Thread* thread, void* unwinding) {
    const Registers& registers = (*static_cast<Unwinding**>(unwinding))->registers;
    if (registers.size() <= kProgramCounter) return false;
    if (kProgramCounter >= kGeneral) ::dwfl_thread_state_register_pc(thread, registers[kProgramCounter]);
    return ::dwfl_thread_state_registers(thread, 0, kGeneral, registers.data());
}

int add_frame(Dwfl_Frame* state, void* argument) {
    auto& unwinding = *static_cast<Unwinding*>(argument);
    StackFrame frame;
    bool is_activation = false;
    if (!::dwfl_frame_pc(state, &frame.pc, &is_activation)) return DWARF_CB_ABORT;
    frame.caller = !is_activation;
    frame.registers.resize(kGeneral);
    for (unsigned i = 0; i < kGeneral; ++i)
        if (::dwfl_frame_reg(state, i, &frame.registers[i]) != 0) frame.registers[i] = 0;
    // The caller's stack pointer is what it was before the call: the end of the frame called.
    if (!unwinding.frames.empty()) {
        const std::uint64_t end = frame.registers[kStackPointer];
        if (end <= unwinding.frames.back().registers[kStackPointer]) return DWARF_CB_ABORT;
        unwinding.frames.back().end = end;
    }
    unwinding.frames.push_back(std::move(frame));
    return unwinding.frames.size() < kMaxFrames ? DWARF_CB_OK : DWARF_CB_ABORT;
}

bool in_function_tag(int tag) { return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block; }

// An address on the stack that a location expression names; nothing for registers and for expressions of other forms.
std::optional<std::uint64_t> address_in(Dwarf_Attribute& attribute, std::uint64_t pc, const StackFrame& frame,
                                        const std::optional<std::uint64_t>& base) {
    Dwarf_Op* operations = nullptr;
    std::size_t count = 0;
    if (::dwarf_getlocation_addr(&attribute, pc, &operations, &count, 1) != 1 || count != 1) return std::nullopt;
    const Dwarf_Op& one = operations[0];
    if (one.atom == DW_OP_call_frame_cfa) return frame.end == 0 ? std::nullopt : std::optional(frame.end);
    if (one.atom == DW_OP_fbreg && base) return *base + one.number;
    if (one.atom >= DW_OP_breg0 && one.atom < DW_OP_breg0 + frame.registers.size())
        return frame.registers[one.atom - DW_OP_breg0] + one.number;
    return std::nullopt;
}

// DW_AT_frame_base: the register itself may be it.
std::optional<std::uint64_t> frame_base(Dwarf_Die& function, std::uint64_t pc, const StackFrame& frame) {
    Dwarf_Attribute attribute;
    if (::dwarf_attr_integrate(&function, DW_AT_frame_base, &attribute) == nullptr) return std::nullopt;
    Dwarf_Op* operations = nullptr;
    std::size_t count = 0;
    if (::dwarf_getlocation_addr(&attribute, pc, &operations, &count, 1) == 1 && count == 1 && operations[0].atom >= DW_OP_reg0 &&
        operations[0].atom < DW_OP_reg0 + frame.registers.size())
        return frame.registers[operations[0].atom - DW_OP_reg0];
    return address_in(attribute, pc, frame, std::nullopt);
}

// The function that has its code at pc. Those of local classes (lambdas) stand within the functions that they are written in, whose own
// code is elsewhere: dwarf_getscopes does not find them.
bool find_function(Dwarf_Die& within, std::uint64_t pc, bool in_function, int depth, Dwarf_Die& function) {
    constexpr int kDeepest = 64;
    Dwarf_Die child;
    if (depth > kDeepest || ::dwarf_child(&within, &child) != 0) return false;
    do {
        const int tag = ::dwarf_tag(&child);
        if (tag == DW_TAG_subprogram && ::dwarf_haspc(&child, pc) > 0) {
            function = child;
            return true;
        }
        const bool is_class = tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
        const bool descend =
            tag == DW_TAG_namespace || tag == DW_TAG_subprogram || (in_function && (is_class || tag == DW_TAG_lexical_block));
        if (descend && find_function(child, pc, in_function || tag == DW_TAG_subprogram, depth + 1, function)) return true;
    } while (::dwarf_siblingof(&child, &child) == 0);
    return false;
}

// The function and, within it, the blocks and inlined functions around pc; the function first.
std::vector<Dwarf_Die> scopes_at(Dwarf_Die& unit, std::uint64_t pc) {
    std::vector<Dwarf_Die> scopes(1);
    if (!find_function(unit, pc, false, 0, scopes.front())) return {};
    for (bool deeper = true; deeper;) {
        deeper = false;
        Dwarf_Die child;
        if (::dwarf_child(&scopes.back(), &child) != 0) break;
        do {
            if (!in_function_tag(::dwarf_tag(&child)) || ::dwarf_tag(&child) == DW_TAG_subprogram || ::dwarf_haspc(&child, pc) <= 0)
                continue;
            scopes.push_back(child);
            deeper = true;
            break;
        } while (::dwarf_siblingof(&child, &child) == 0);
    }
    return scopes;
}

}  // namespace

std::vector<StackFrame> DebugInfo::unwind(const Registers& registers, const ReadMemory& read) {
    static const Dwfl_Thread_Callbacks thread_callbacks{next_thread, get_thread, read_memory, set_registers, nullptr, nullptr};
    State& state = *state_;
    Unwinding unwinding{registers, read, {}};
    if (!state.session || registers.size() <= kProgramCounter) return {};
    // The session keeps one pointer for good; what it leads to changes with each call.
    state.unwinding = &unwinding;
    if (!state.attached) state.attached = ::dwfl_attach_state(state.session.get(), nullptr, kThread, &thread_callbacks, &state.unwinding);
    if (state.attached) ::dwfl_getthread_frames(state.session.get(), kThread, add_frame, &unwinding);
    state.unwinding = nullptr;
    return std::move(unwinding.frames);
}

std::string DebugInfo::function_at(const StackFrame& frame) {
    Dwfl_Module* const module = ::dwfl_addrmodule(state_->session.get(), frame.pc);
    const char* name = module == nullptr ? nullptr : ::dwfl_module_addrname(module, frame.pc - (frame.caller ? 1 : 0));
    return name == nullptr ? std::string{} : short_type_name(demangle(name));
}

std::vector<Variable> DebugInfo::locals_of(const StackFrame& frame) {
    std::vector<Variable> variables;
    Module* const module = state_->module_at(frame.pc);
    if (module == nullptr || state_->debug_info_of(*module) == nullptr) return variables;
    Dwarf_Addr bias = 0;
    const std::uint64_t within = frame.pc - (frame.caller ? 1 : 0);
    Dwarf_Die* const unit = ::dwfl_module_addrdie(module->handle, within, &bias);
    const std::uint64_t pc = within - bias;
    if (unit == nullptr) return variables;
    std::vector<Dwarf_Die> scopes = scopes_at(*unit, pc);
    if (scopes.empty()) return variables;
    const std::optional<std::uint64_t> base = frame_base(scopes.front(), pc, frame);
    for (Dwarf_Die& scope : scopes) {
        Dwarf_Die child;
        if (::dwarf_child(&scope, &child) != 0) continue;
        do {
            const int tag = ::dwarf_tag(&child);
            Dwarf_Attribute attribute;
            if ((tag != DW_TAG_variable && tag != DW_TAG_formal_parameter) || ::dwarf_attr(&child, DW_AT_location, &attribute) == nullptr)
                continue;
            const auto address = address_in(attribute, pc, frame, base);
            const char* name = ::dwarf_diename(&child);
            if (!address || name == nullptr) continue;
            Variable variable;
            variable.name = name;
            variable.address = *address;
            state_->describe(variable, state_->number_of(*module), child);
            variables.push_back(std::move(variable));
        } while (::dwarf_siblingof(&child, &child) == 0);
    }
    return variables;
}

}  // namespace leakline::debuginfo
