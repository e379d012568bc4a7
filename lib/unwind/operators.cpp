// operator new and delete as libstdc++ has them, for programs whose allocator brings its own (jemalloc, tcmalloc, mimalloc as
// shared libraries): those allocate without a call of malloc, so the tracker, which stands before malloc, sees nothing of C++.
// A second build of the preloaded library has them; it is chosen only where such an allocator is loaded, since over libstdc++'s
// own every allocation would have a frame more.
//
// They behave as the standard requires (new.delete): the plain forms call malloc and free, and all others call
// the plain form that the *program* has, which may be one of its own. They are named as the linker knows them: a compiler
// knows more of operators than it should here. Nothing here keeps state, throws, or allocates by itself.
#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>

using Size = std::size_t;
struct Nothrow;  // std::nothrow_t, by reference

#define LEAKLINE_OPERATOR extern "C" [[gnu::visibility("default"), gnu::noinline]]

LEAKLINE_OPERATOR void* _Znwm(Size size);
LEAKLINE_OPERATOR void* _ZnwmSt11align_val_t(Size size, Size alignment);
LEAKLINE_OPERATOR void _ZdlPv(void* block) noexcept;
LEAKLINE_OPERATOR void _ZdlPvSt11align_val_t(void* block, Size alignment) noexcept;

namespace {

// What the program had without this library: it knows the new-handler, and throws. What it returns may go to free, as all that
// these allocators hand out may.
template <typename Function>
Function next(const char* name) {
    void* const found = ::dlsym(RTLD_NEXT, name);
    if (found == nullptr) std::abort();  // a program without operator new does not call it
    return reinterpret_cast<Function>(found);
}

void* aligned(Size size, Size alignment) {
    void* block = nullptr;
    if (alignment < sizeof(void*)) alignment = sizeof(void*);
    return ::posix_memalign(&block, alignment, size == 0 ? 1 : size) == 0 ? block : nullptr;
}

// The definition in this library, whatever the program's is.
extern "C" [[gnu::visibility("hidden"), gnu::alias("_Znwm")]] void* leakline_own_new(Size size);
extern "C" [[gnu::visibility("hidden"), gnu::alias("_ZnwmSt11align_val_t")]] void* leakline_own_aligned_new(Size size, Size alignment);

// Asked of the linked addresses, which the compiler must not compare by itself.
bool same(void* one, void* other) {
    asm("" : "+r"(one), "+r"(other));
    return one == other;
}
bool program_has_our_new() { return same(reinterpret_cast<void*>(&_Znwm), reinterpret_cast<void*>(&leakline_own_new)); }
bool program_has_our_aligned_new() {
    return same(reinterpret_cast<void*>(&_ZnwmSt11align_val_t), reinterpret_cast<void*>(&leakline_own_aligned_new));
}

}  // namespace

LEAKLINE_OPERATOR void* _Znwm(Size size) {
    void* const block = std::malloc(size == 0 ? 1 : size);
    if (__builtin_expect(block != nullptr, 1)) return block;
    return next<void* (*)(Size)>("_Znwm")(size);
}
LEAKLINE_OPERATOR void* _Znam(Size size) { return _Znwm(size); }

LEAKLINE_OPERATOR void* _ZnwmSt11align_val_t(Size size, Size alignment) {
    void* const block = aligned(size, alignment);
    if (__builtin_expect(block != nullptr, 1)) return block;
    return next<void* (*)(Size, Size)>("_ZnwmSt11align_val_t")(size, alignment);
}
LEAKLINE_OPERATOR void* _ZnamSt11align_val_t(Size size, Size alignment) { return _ZnwmSt11align_val_t(size, alignment); }

// The standard's own calls the throwing form and catches. Where that is the program's own, it is left to the next library, which
// the program would have had.
LEAKLINE_OPERATOR void* _ZnwmRKSt9nothrow_t(Size size, const Nothrow& tag) noexcept {
    if (program_has_our_new())
        if (void* const block = std::malloc(size == 0 ? 1 : size)) return block;
    return next<void* (*)(Size, const Nothrow&)>("_ZnwmRKSt9nothrow_t")(size, tag);
}
LEAKLINE_OPERATOR void* _ZnamRKSt9nothrow_t(Size size, const Nothrow& tag) noexcept {
    if (program_has_our_new())
        if (void* const block = std::malloc(size == 0 ? 1 : size)) return block;
    return next<void* (*)(Size, const Nothrow&)>("_ZnamRKSt9nothrow_t")(size, tag);
}
LEAKLINE_OPERATOR void* _ZnwmSt11align_val_tRKSt9nothrow_t(Size size, Size alignment, const Nothrow& tag) noexcept {
    if (program_has_our_aligned_new())
        if (void* const block = aligned(size, alignment)) return block;
    return next<void* (*)(Size, Size, const Nothrow&)>("_ZnwmSt11align_val_tRKSt9nothrow_t")(size, alignment, tag);
}
LEAKLINE_OPERATOR void* _ZnamSt11align_val_tRKSt9nothrow_t(Size size, Size alignment, const Nothrow& tag) noexcept {
    if (program_has_our_aligned_new())
        if (void* const block = aligned(size, alignment)) return block;
    return next<void* (*)(Size, Size, const Nothrow&)>("_ZnamSt11align_val_tRKSt9nothrow_t")(size, alignment, tag);
}

LEAKLINE_OPERATOR void _ZdlPv(void* block) noexcept { std::free(block); }
LEAKLINE_OPERATOR void _ZdaPv(void* block) noexcept { _ZdlPv(block); }
LEAKLINE_OPERATOR void _ZdlPvm(void* block, Size) noexcept { _ZdlPv(block); }
LEAKLINE_OPERATOR void _ZdaPvm(void* block, Size) noexcept { _ZdaPv(block); }
LEAKLINE_OPERATOR void _ZdlPvRKSt9nothrow_t(void* block, const Nothrow&) noexcept { _ZdlPv(block); }
LEAKLINE_OPERATOR void _ZdaPvRKSt9nothrow_t(void* block, const Nothrow&) noexcept { _ZdaPv(block); }
LEAKLINE_OPERATOR void _ZdlPvSt11align_val_t(void* block, Size) noexcept { std::free(block); }
LEAKLINE_OPERATOR void _ZdaPvSt11align_val_t(void* block, Size alignment) noexcept { _ZdlPvSt11align_val_t(block, alignment); }
LEAKLINE_OPERATOR void _ZdlPvmSt11align_val_t(void* block, Size, Size alignment) noexcept { _ZdlPvSt11align_val_t(block, alignment); }
LEAKLINE_OPERATOR void _ZdaPvmSt11align_val_t(void* block, Size, Size alignment) noexcept { _ZdaPvSt11align_val_t(block, alignment); }
LEAKLINE_OPERATOR void _ZdlPvSt11align_val_tRKSt9nothrow_t(void* block, Size alignment, const Nothrow&) noexcept {
    _ZdlPvSt11align_val_t(block, alignment);
}
LEAKLINE_OPERATOR void _ZdaPvSt11align_val_tRKSt9nothrow_t(void* block, Size alignment, const Nothrow&) noexcept {
    _ZdaPvSt11align_val_t(block, alignment);
}
