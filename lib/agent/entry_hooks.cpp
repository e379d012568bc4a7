// Hooks of an allocator that is linked into the program (entry_patches.hpp), and how they keep apart its functions that call each other: operator
// new calls malloc. The outermost one counts the block: while it runs, all calls of the thread are due, and is_nested() then says that they do not
// count.
#include <cstddef>

#include "agent/internal/entry_stub.hpp"
#include "agent/internal/hook.hpp"
#include "agent/internal/sampled_calls.hpp"

namespace leakline::agent {

#if defined(__x86_64__)

namespace {

using Word = std::uint64_t;

}  // namespace

// operator new throws through a hook (Itanium C++ ABI, exception handling, 1.6.3), which is then no longer the outermost. No other code of a hook
// has to run.
extern "C" [[gnu::visibility("hidden"), gnu::used]] int leakline_leave_hook(int, int actions, Word, void*, void*) {
    constexpr int kCleanupPhase = 2, kContinue = 8;
    if ((actions & kCleanupPhase) != 0) draw_again(thread_state);
    return kContinue;
}
// Of the function that it stands in.
#define LEAKLINE_UNWOUND asm volatile(".cfi_personality 0x1b, leakline_leave_hook")

namespace {

struct Arguments {
    Word a, b, c, d, e;
};

// Which arguments say what, of each kind of call.
template <AllocatorCall call>
struct Reader {
    using enum AllocatorCall;
    static constexpr bool kResizes = call == resize_0 || call == resize_1 || call == resize_count_0 || call == resize_count_1;

    // False if the product is too large: the function will fail.
    [[gnu::always_inline]] static bool size(const Arguments& in, std::size_t& size) {
        switch (call) {
            case size_0: return size = in.a, true;
            case size_1:
            case resize_0: return size = in.b, true;
            case posix_memalign:
            case resize_1: return size = in.c, true;
            case count_0: return !__builtin_mul_overflow(in.a, in.b, &size);
            case count_1:
            case resize_count_0: return !__builtin_mul_overflow(in.b, in.c, &size);
            case resize_count_1: return !__builtin_mul_overflow(in.c, in.d, &size);
            case frees: return false;
        }
        return false;
    }
    [[gnu::always_inline]] static void* old(const Arguments& in) {
        return reinterpret_cast<void*>(call == resize_1 || call == resize_count_1 ? in.b : in.a);
    }
};

template <AllocatorCall call>
LEAKLINE_SLOW Word slow(Word a, Word b, Word c, Word d, Word e, const EntryPlace* place) {
    LEAKLINE_UNWOUND;
    const auto real = [&] { return place->real(a, b, c, d, e); };
    if (is_nested(thread_state)) return real();
    const Arguments in{a, b, c, d, e};
    std::size_t size = 0;
    Reader<call>::size(in, size);
    if constexpr (call == AllocatorCall::posix_memalign) {
        const bool chosen = choose(size);
        const Word error = outermost(real);
        if (chosen && static_cast<int>(error) == 0) record(*reinterpret_cast<void**>(a), size, LEAKLINE_FRAME);
        return error;
    } else if constexpr (Reader<call>::kResizes) {
        return reinterpret_cast<Word>(
            reallocated(Reader<call>::old(in), size, true, LEAKLINE_FRAME, [&] { return reinterpret_cast<void*>(outermost(real)); }));
    } else {
        return reinterpret_cast<Word>(allocated(size, LEAKLINE_FRAME, [&] { return reinterpret_cast<void*>(outermost(real)); }));
    }
}

template <AllocatorCall call>
Word hook(Word a, Word b, Word c, Word d, Word e, const EntryPlace* place) {
    LEAKLINE_UNWOUND;
    const Arguments in{a, b, c, d, e};
    std::size_t size;
    if (!Reader<call>::size(in, size)) return place->real(a, b, c, d, e);
    const std::uint64_t left = thread_state.left;
    if ((Reader<call>::kResizes && may_be_sample(Reader<call>::old(in))) || __builtin_expect(size >= left, 0))
        return slow<call>(a, b, c, d, e, place);
    thread_state.left = left - size;
    return outermost([&] { return place->real(a, b, c, d, e); });
}

LEAKLINE_SLOW Word slow_frees(Word a, Word b, Word c, Word d, Word e, const EntryPlace* place) {
    SampledBlock was;
    forget(reinterpret_cast<void*>(a), was);
    return place->real(a, b, c, d, e);
}
Word hook_frees(Word a, Word b, Word c, Word d, Word e, const EntryPlace* place) {
    if (may_be_sample(reinterpret_cast<void*>(a))) return slow_frees(a, b, c, d, e, place);
    return place->real(a, b, c, d, e);
}

}  // namespace

HookFunction hook_of(AllocatorCall call) {
    using enum AllocatorCall;
    switch (call) {
        case size_0: return hook<size_0>;
        case size_1: return hook<size_1>;
        case count_0: return hook<count_0>;
        case count_1: return hook<count_1>;
        case posix_memalign: return hook<posix_memalign>;
        case resize_0: return hook<resize_0>;
        case resize_1: return hook<resize_1>;
        case resize_count_0: return hook<resize_count_0>;
        case resize_count_1: return hook<resize_count_1>;
        case frees: break;
    }
    return hook_frees;
}

#endif

}  // namespace leakline::agent
