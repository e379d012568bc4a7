#include "unwind/backtrace.hpp"

#include <dlfcn.h>

#include <cstddef>
#include <optional>

#include "unwind/call_frame_info.hpp"
#include "unwind/frame_memo.hpp"
#include "unwind/rule_cache.hpp"

namespace leakline::unwind {

namespace {

// The program's globals, since this runs in a program that knows nothing of it. Both are all zeroes until they are used.
constinit RuleCache rules;
constexpr unsigned kMemoBits = 8;
constexpr std::size_t kMemos = std::size_t{1} << kMemoBits;
FrameMemo memos[kMemos];

// Any memo would do; the same one each time is worth having. Where another thread, or what a signal interrupted, has it,
// one of those behind it. Null where all of these are taken.
FrameMemo* take_memo() {
    std::uintptr_t thread;
    asm("mov %%fs:0, %0" : "=r"(thread));  // the thread's own block: never moved, unlike the stack pointer
    constexpr std::size_t kTries = 4;
    const std::size_t first = thread * 0x9e3779b97f4a7c15u >> (64 - kMemoBits);
    for (std::size_t i = first; i < first + kTries; ++i)
        if (FrameMemo& memo = memos[i % kMemos]; memo.try_lock()) return &memo;
    return nullptr;
}

// A word of a stack: whatever type it has, and whoever wrote it.
using Word [[gnu::may_alias]] = std::uintptr_t;

[[gnu::no_sanitize("address", "thread")]] inline std::uintptr_t word_at(std::uintptr_t address) {
    return *reinterpret_cast<const Word*>(address);
}

FrameRule find_loaded_rule(std::uintptr_t return_address) {
    dl_find_object found;
    if (_dl_find_object(reinterpret_cast<void*>(return_address - 1), &found) != 0 || found.dlfo_eh_frame == nullptr) return {};
    return find_rule({static_cast<const std::uint8_t*>(found.dlfo_map_start), static_cast<const std::uint8_t*>(found.dlfo_map_end),
                      static_cast<const std::uint8_t*>(found.dlfo_eh_frame)},
                     return_address - 1);
}

// A return address below this is none (libunwind's bound).
constexpr std::uintptr_t kLowestCode = 0x4000;

// A walk's place: the registers of a frame. Its bp is read only when a rule asks for it: most code has no use for a base
// pointer and keeps numbers in it.
struct Place {
    std::uintptr_t ip, sp, bp;
    std::uintptr_t bp_saved_at = 0;  // where bp stands; 0: in bp

    std::uintptr_t base() const { return bp_saved_at != 0 ? word_at(bp_saved_at) : bp; }
};

FrameRule rule_of(std::uintptr_t return_address, std::uint32_t generation) {
    if (const auto cached = rules.find(return_address, generation)) return *cached;
    const FrameRule rule = find_loaded_rule(return_address);
    rules.put(return_address, generation, rule);
    return rule;
}

// False where the frame cannot be followed. Nothing of `frame` is left as it was.
bool follow(const FrameRule& rule, const Place& at, KnownFrame& frame) {
    using Cfa = FrameRule::Cfa;
    frame.ip = at.ip;
    frame.sp = at.sp;
    frame.to_cfa = frame.to_bp = 0;
    frame.outermost = rule.cfa == Cfa::outermost;
    frame.bp_decides = rule.cfa == Cfa::bp_plus || rule.cfa == Cfa::at_bp_plus || rule.bp == FrameRule::Bp::at_bp_plus;
    if (frame.outermost) return true;
    const auto plus = [](std::uintptr_t base, std::int32_t offset) { return base + static_cast<std::uintptr_t>(std::intptr_t{offset}); };
    const std::uintptr_t base = frame.bp_decides ? frame.bp = at.base() : 0;
    std::uintptr_t cfa = 0;
    switch (rule.cfa) {
        case Cfa::sp_plus: cfa = plus(at.sp, rule.cfa_offset); break;
        case Cfa::bp_plus: cfa = plus(base, rule.cfa_offset); break;
        case Cfa::at_bp_plus: {
            const std::uintptr_t stands_at = plus(base, rule.cfa_offset);
            if (stands_at < at.sp || stands_at % sizeof(Word) != 0) return false;
            cfa = word_at(stands_at);
            frame.sp = 0;  // it depends on the stack's contents: not to be known again
            break;
        }
        default: return false;
    }
    // A caller's frame is further up, not out of all reach, and begins with whole words: else something is not as it should be.
    const std::uintptr_t to_cfa = cfa - at.sp;
    if (to_cfa == 0 || to_cfa > std::uintptr_t{FrameRule::kLargestOffset} || cfa % sizeof(Word) != 0) return false;
    frame.to_cfa = static_cast<std::uint32_t>(to_cfa);
    if (rule.bp == FrameRule::Bp::kept) return true;
    const std::uintptr_t to_bp = plus(rule.bp == FrameRule::Bp::at_cfa_plus ? cfa : base, rule.bp_offset) - at.sp;
    frame.to_bp = static_cast<std::uint32_t>(to_bp) & ((1u << 30) - 1);
    return to_bp != 0 && to_bp < to_cfa;  // the caller's bp is saved within the frame
}

// Kept out of the loop over known frames, which is most of the time spent here. False as follow().
[[gnu::noinline, gnu::cold]] bool learn(const Place at, std::uint32_t generation, FrameMemo& memo, KnownFrame& frame) {
    if (!follow(rule_of(at.ip, generation), at, frame)) {
        frame = {};
        return false;
    }
    if (!frame.bp_decides) frame.caller = &memo.of(at.sp + frame.to_cfa);
    return true;
}

int walk(const Registers& innermost, void** addresses, int limit, FrameMemo& memo, std::uint32_t generation) {
    // Each in a register of its own, and the next frame's place from the frame itself: a walk takes as long as it takes to
    // get from place to place, while the rest is done beside that.
    std::uintptr_t ip = innermost.ip, sp = innermost.sp, bp_saved_at = 0;
    const auto place = [&] { return Place{ip, sp, innermost.bp, bp_saved_at}; };
    KnownFrame* frame = &memo.of(sp);
    for (int depth = 0; depth < limit; ++depth) {
        if (frame->sp != sp || frame->ip != ip || (frame->bp_decides && frame->bp != place().base())) {
            if (ip < kLowestCode) return depth;
            if (!learn(place(), generation, memo, *frame)) return -1;
        }
        addresses[depth] = reinterpret_cast<void*>(ip);
        if (frame->outermost) return depth + 1;
        if (frame->to_bp != 0) bp_saved_at = sp + frame->to_bp;
        sp += frame->to_cfa;
        ip = word_at(sp - sizeof(Word));
        if (frame->bp_decides) [[unlikely]] frame = &memo.of(sp);
        else frame = frame->caller;
    }
    return limit;
}

}  // namespace

int backtrace(const Registers& innermost, void** addresses, int limit) {
    const std::uint32_t generation = rules.generation();
    if (generation >= RuleCache::kLastGeneration) return -1;
    FrameMemo* const memo = take_memo();
    if (memo == nullptr) return -1;
    memo->begin(generation);
    const int depth = walk(innermost, addresses, limit, *memo, generation);
    memo->unlock();
    return depth;
}

void code_unloaded() { rules.forget_all(); }

}  // namespace leakline::unwind
