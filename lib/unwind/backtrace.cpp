#include "unwind/backtrace.hpp"

#include <dlfcn.h>

#include <cstddef>
#include <optional>

#include "unwind/internal/call_frame_info.hpp"
#include "unwind/internal/frame_memo.hpp"
#include "unwind/internal/rule_cache.hpp"
#include "unwind/stack_reach.hpp"
#include "unwind/system_call.hpp"

namespace leakline::unwind {

namespace {

// Globals of the recorded program, in which this runs. Both are all zeroes until they are used.
constinit RuleCache rules;
constexpr unsigned kMemoBits = 8;
constexpr std::size_t kMemos = std::size_t{1} << kMemoBits;
FrameMemo memos[kMemos];

// Any memo works; using the same one each time is faster. If another thread or an interrupted walk holds it,
// one of the next ones is used. Null if all of these are in use.
FrameMemo* take_memo() {
    const std::uintptr_t thread = thread_block();  // which is never moved, unlike the stack pointer
    constexpr std::size_t kTries = 4;
    const std::size_t first = thread * 0x9e3779b97f4a7c15u >> (64 - kMemoBits);
    for (std::size_t i = first; i < first + kTries; ++i)
        if (FrameMemo& memo = memos[i % kMemos]; memo.try_lock()) return &memo;
    return nullptr;
}

// A word of a stack: whatever type it has, and whoever wrote it. Only what StackReach has found to be readable.
using Word [[gnu::may_alias]] = std::uintptr_t;

__attribute__((no_sanitize("address", "thread"))) inline std::uintptr_t word_at(std::uintptr_t address) {
    return *reinterpret_cast<const Word*>(address);
}

FrameRule find_loaded_rule(std::uintptr_t return_address) {
    dl_find_object found;
    if (_dl_find_object(reinterpret_cast<void*>(return_address - 1), &found) != 0 || found.dlfo_eh_frame == nullptr) return {};
    return find_rule({static_cast<const std::uint8_t*>(found.dlfo_map_start), static_cast<const std::uint8_t*>(found.dlfo_map_end),
                      static_cast<const std::uint8_t*>(found.dlfo_eh_frame)},
                     return_address - 1);
}

// A return address below the first is invalid (libunwind's bound), as is one above the second.
constexpr std::uintptr_t kLowestCode = 0x4000, kHighestCode = RuleCache::kHighestAddress;

// A walk's place: the registers of a frame. Its bp is read only when a rule asks for it: most code has no use for a base
// pointer and keeps numbers in it.
struct Place {
    std::uintptr_t ip, sp, bp;
    std::uintptr_t bp_saved_at = 0;  // where bp stands; 0: in bp

    std::uintptr_t base() const { return bp_saved_at != 0 ? word_at(bp_saved_at) : bp; }
};

FrameRule rule_of(std::uintptr_t return_address, std::uint32_t generation) {
    if (return_address > kHighestCode) return {};
    if (const auto cached = rules.find(return_address, generation)) return *cached;
    const FrameRule rule = find_loaded_rule(return_address);
    rules.put(return_address, generation, rule);
    return rule;
}

bool fits(std::uintptr_t distance) { return distance + FrameRule::kLargestOffset <= 2 * FrameRule::kLargestOffset; }

// False if the frame cannot be followed: `frame` is then none. It is also none, though filled, if it depends on
// more of the stack than a KnownFrame says.
bool follow(const FrameRule& rule, const Place& at, KnownFrame& frame, StackReach& reach) {
    using Cfa = FrameRule::Cfa;
    frame = {};
    if (rule.cfa == Cfa::outermost) {
        frame.ip = at.ip;
        frame.outermost = true;
        return true;
    }
    const auto plus = [](std::uintptr_t base, std::int32_t offset) { return base + static_cast<std::uintptr_t>(std::intptr_t{offset}); };
    const bool bp_decides = rule.cfa == Cfa::bp_plus || rule.cfa == Cfa::at_bp_plus || rule.bp == FrameRule::Bp::at_bp_plus;
    const std::uintptr_t base = bp_decides ? at.base() : 0;
    if (bp_decides && !fits(base - at.sp)) return false;
    std::uintptr_t cfa = 0;
    bool by_contents = false;
    switch (rule.cfa) {
        case Cfa::sp_plus: cfa = plus(at.sp, rule.cfa_offset); break;
        case Cfa::bp_plus: cfa = plus(base, rule.cfa_offset); break;
        case Cfa::at_bp_plus: {
            const std::uintptr_t stands_at = plus(base, rule.cfa_offset);
            if (stands_at < at.sp || stands_at % sizeof(Word) != 0 || !reach.extend(stands_at + sizeof(Word))) return false;
            cfa = word_at(stands_at);
            by_contents = true;
            break;
        }
        default: return false;
    }
    // A caller's frame is further up, within reach, and aligned; otherwise something is wrong.
    const std::uintptr_t to_cfa = cfa - at.sp;
    if (to_cfa == 0 || to_cfa > std::uintptr_t{FrameRule::kLargestOffset} || cfa % sizeof(Word) != 0) return false;
    std::uintptr_t to_bp = 0;
    if (rule.bp != FrameRule::Bp::kept) {
        to_bp = plus(rule.bp == FrameRule::Bp::at_cfa_plus ? cfa : base, rule.bp_offset) - at.sp;
        if (to_bp >= to_cfa || (at.sp + to_bp) % sizeof(Word) != 0) return false;  // it is saved within the frame
    }
    frame.ip = by_contents ? 0 : at.ip;
    frame.to_cfa = static_cast<std::uint32_t>(to_cfa);
    frame.to_bp = rule.bp == FrameRule::Bp::kept ? KnownFrame::kBpKept : static_cast<std::uint32_t>(to_bp);
    frame.bp_decides = bp_decides;
    frame.bp_from_sp = static_cast<std::int32_t>(base - at.sp);
    return true;
}

bool is_known(const KnownFrame& frame, const Place& at) {
    return frame.ip == at.ip && (!frame.bp_decides || at.base() - at.sp == static_cast<std::uintptr_t>(std::intptr_t{frame.bp_from_sp}));
}

// The frame where it was not looked for first; null where it cannot be followed. Kept out of the loop over known frames,
// which is most of the time spent here.
[[gnu::noinline, gnu::cold]] KnownFrame* find_frame(const Place at, FrameMemo& memo, std::uint32_t generation, StackReach& reach) {
    KnownFrame& frame = memo.of(at.ip, at.sp);
    if (is_known(frame, at)) return &frame;
    if (!follow(rule_of(at.ip, generation), at, frame, reach)) return nullptr;
    frame.caller = &frame;  // anywhere in the memo: it will be found
    return &frame;
}

// Continues a walk that ended at its limit, to find out whether it was on the thread's own stack.
[[gnu::noinline, gnu::cold]] void search(Place at, FrameMemo& memo, std::uint32_t generation, StackReach& reach) {
    constexpr int kMaxFrames = 1 << 16;
    if (!reach.begin_search()) return;
    for (int i = 0; i < kMaxFrames && !reach.on_own_stack() && at.ip >= kLowestCode; ++i) {
        const KnownFrame* const frame = find_frame(at, memo, generation, reach);
        if (frame == nullptr) return;
        if (frame->outermost) return reach.outermost(at.sp);
        if (!reach.extend(at.sp + frame->to_cfa)) return;
        if (frame->to_bp != KnownFrame::kBpKept) at.bp_saved_at = at.sp + frame->to_bp;
        at.sp += frame->to_cfa;
        at.ip = word_at(at.sp - sizeof(Word));
    }
}

// Where a walk that returned -1 stopped, and the number of addresses written before.
struct Stop {
    Place at;
    int depth = 0;
};

int walk(const Registers& innermost, void** addresses, int limit, FrameMemo& memo, std::uint32_t generation, StackReach& reach,
         Stop& stop) {
    // Each in a register of its own, and the next frame's place from the frame before it: a walk takes as long as it takes
    // to get from place to place, while the rest is done beside that.
    std::uintptr_t ip = innermost.ip, sp = innermost.sp, bp_saved_at = 0, end = reach.end();
    const auto place = [&] { return Place{ip, sp, innermost.bp, bp_saved_at}; };
    KnownFrame* frame = &memo.of(ip, sp);
    KnownFrame* before = nullptr;
    for (int depth = 0; depth < limit; ++depth) {
        if (ip < kLowestCode) return depth;  // before the memo is asked: a place where it knows nothing has an ip of 0
        if (!is_known(*frame, place())) {
            frame = find_frame(place(), memo, generation, reach);
            if (frame == nullptr) {
                stop = {place(), depth};
                return -1;
            }
            if (before != nullptr) before->caller = frame;
        }
        addresses[depth] = reinterpret_cast<void*>(ip);
        if (frame->outermost) {
            reach.outermost(sp);
            return depth + 1;
        }
        const std::uintptr_t cfa = sp + frame->to_cfa;
        if (cfa > end) [[unlikely]] {
            // Nothing there, so no frame. (libunwind would find the same, or crash.)
            if (!reach.extend(cfa)) {
                stop = {place(), depth};
                return reach.at_unreadable() ? depth + 1 : -1;
            }
            end = reach.end();
        }
        if (frame->to_bp != KnownFrame::kBpKept) bp_saved_at = sp + frame->to_bp;
        sp = cfa;
        ip = word_at(sp - sizeof(Word));
        before = frame;
        frame = frame->caller;
    }
    if (!reach.on_own_stack()) search(place(), memo, generation, reach);
    return limit;
}

}  // namespace

int backtrace(const Registers& innermost, void** addresses, int limit) {
    const std::uint32_t generation = rules.generation();
    if (generation >= RuleCache::kLastGeneration) return -1;
    FrameMemo* const memo = take_memo();
    if (memo == nullptr) return -1;
    int depth = -1;
    if (memo->should_walk()) {
        memo->begin(generation);
        StackReach reach(innermost.sp);
        Stop stop{};
        depth = walk(innermost, addresses, limit, *memo, generation, reach, stop);
        reach.done();
        memo->walked(depth < 0);
    }
    memo->unlock();
    return depth;
}

PartialBacktrace walk_while_known(const Registers& innermost, void** addresses, int limit) {
    PartialBacktrace result;
    const std::uint32_t generation = rules.generation();
    if (generation >= RuleCache::kLastGeneration) return result;
    FrameMemo* const memo = take_memo();
    if (memo == nullptr) return result;
    memo->begin(generation);
    StackReach reach(innermost.sp);
    Stop stop{};
    const int depth = walk(innermost, addresses, limit, *memo, generation, reach, stop);
    reach.done();
    result.complete = depth >= 0;
    result.depth = depth >= 0 ? depth : stop.depth;
    if (depth < 0) result.stopped_at = {stop.at.ip, stop.at.sp, stop.at.base()};
    memo->unlock();
    return result;
}

void code_unloads() { rules.suspend(); }
void code_unloaded() { rules.forget_all(); }

}  // namespace leakline::unwind
