// Replacements of the allocator's functions. Each takes a few instructions and jumps to the allocator's own function, unless the
// block is to be sampled or may be a sample that is freed: the slow function then has a frame whose return address is in the program.
#include <errno.h>
#include <linux/prctl.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "agent/internal/real_functions.hpp"
#include "agent/internal/sampled_calls.hpp"
#include "unwind/next_function.hpp"

#define LEAKLINE_EXPORT extern "C" [[gnu::visibility("default")]]

namespace leakline::agent {

namespace {

constinit unwind::Next<int (*)(void*)> next_dlclose("dlclose");
constinit unwind::Next<int (*)(int, long, long, long, long)> next_prctl("prctl");
// With the same signature, so that the hook ends with a jump and keeps the arguments in place: clone() by syscall() returns on
// another stack.
using SystemCall = long (*)(long, long, long, long, long, long, long);
constinit unwind::Next<SystemCall> next_syscall("syscall");

LEAKLINE_SLOW void* slow_malloc(size_t size) {
    return allocated(size, LEAKLINE_FRAME, [&] { return real.malloc(size); });
}
LEAKLINE_SLOW void* slow_calloc(size_t number, size_t size) {
    return allocated(number * size, LEAKLINE_FRAME, [&] { return real.calloc(number, size); });
}
LEAKLINE_SLOW void* slow_memalign(size_t alignment, size_t size) {
    return allocated(size, LEAKLINE_FRAME, [&] { return real.memalign(alignment, size); });
}
LEAKLINE_SLOW void* slow_aligned_alloc(size_t alignment, size_t size) {
    return allocated(size, LEAKLINE_FRAME, [&] { return real.aligned_alloc(alignment, size); });
}
LEAKLINE_SLOW int slow_posix_memalign(void** block, size_t alignment, size_t size) {
    const bool chosen = choose(size);
    const int error = real.posix_memalign(block, alignment, size);
    if (chosen && error == 0) record(*block, size, LEAKLINE_FRAME);
    return error;
}
LEAKLINE_SLOW void* slow_valloc(size_t size) {
    return allocated(size, LEAKLINE_FRAME, [&] { return real.valloc(size); });
}
LEAKLINE_SLOW void* slow_pvalloc(size_t size) {
    return allocated(size, LEAKLINE_FRAME, [&] { return real.pvalloc(size); });
}
LEAKLINE_SLOW void* slow_realloc(void* old, size_t size) {
    return reallocated(old, size, true, LEAKLINE_FRAME, [&] { return real.realloc(old, size); });
}
LEAKLINE_SLOW void* slow_reallocarray(void* old, size_t number, size_t size) {
    return reallocated(old, number * size, true, LEAKLINE_FRAME, [&] { return real.reallocarray(old, number, size); });
}
LEAKLINE_SLOW void slow_free(void* block) {
    SampledBlock was;
    forget(block, was);
    real.free(block);
}

[[gnu::constructor]] void at_start(int argument_count, char** arguments, char**) {
    find_real_functions();
    next_dlclose.get(), next_prctl.get(), next_syscall.get();  // a signal handler must not call dlsym
    start(argument_count, arguments);
}

}  // namespace

LEAKLINE_EXPORT void* malloc(size_t size) {
    if (is_due(size)) return slow_malloc(size);
    return real.malloc(size);
}
LEAKLINE_EXPORT void free(void* block) {
    if (may_be_sample(block)) return slow_free(block);
    real.free(block);
}
// C23. The sizes are hints, and the C library may lack these functions.
LEAKLINE_EXPORT void free_sized(void* block, size_t) {
    if (may_be_sample(block)) return slow_free(block);
    real.free(block);
}
LEAKLINE_EXPORT void free_aligned_sized(void* block, size_t, size_t) {
    if (may_be_sample(block)) return slow_free(block);
    real.free(block);
}
LEAKLINE_EXPORT void cfree(void* block) {
    if (may_be_sample(block)) return slow_free(block);
    real.free(block);
}
LEAKLINE_EXPORT void* calloc(size_t number, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(number, size, &bytes)) return real.calloc(number, size);
    if (is_due(bytes)) return slow_calloc(number, size);
    return real.calloc(number, size);
}
LEAKLINE_EXPORT void* realloc(void* old, size_t size) {
    if (may_be_sample(old) || is_due(size)) return slow_realloc(old, size);
    return real.realloc(old, size);
}
LEAKLINE_EXPORT void* reallocarray(void* old, size_t number, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(number, size, &bytes)) return real.reallocarray(old, number, size);
    if (may_be_sample(old) || is_due(bytes)) return slow_reallocarray(old, number, size);
    return real.reallocarray(old, number, size);
}
LEAKLINE_EXPORT void* memalign(size_t alignment, size_t size) {
    if (is_due(size)) return slow_memalign(alignment, size);
    return real.memalign(alignment, size);
}
LEAKLINE_EXPORT void* aligned_alloc(size_t alignment, size_t size) {
    if (is_due(size)) return slow_aligned_alloc(alignment, size);
    return real.aligned_alloc(alignment, size);
}
LEAKLINE_EXPORT int posix_memalign(void** block, size_t alignment, size_t size) {
    if (is_due(size)) return slow_posix_memalign(block, alignment, size);
    return real.posix_memalign(block, alignment, size);
}
LEAKLINE_EXPORT void* valloc(size_t size) {
    if (is_due(size)) return slow_valloc(size);
    return real.valloc(size);
}
LEAKLINE_EXPORT void* pvalloc(size_t size) {
    if (is_due(size)) return slow_pvalloc(size);
    return real.pvalloc(size);
}

// No tail call: the unwinder must be told after the unloading.
LEAKLINE_EXPORT int dlclose(void* handle) {
    code_unloads();
    const auto next = next_dlclose.get();
    const int result = next != nullptr ? next(handle) : -1;
    code_unloaded();
    return result;
}

LEAKLINE_EXPORT int leakline_prctl(int option, long a, long b, long c, long d) __asm__("prctl");
LEAKLINE_EXPORT int leakline_prctl(int option, long a, long b, long c, long d) {
    if (option == PR_SET_SECCOMP) sandbox_begins();
    const auto next = next_prctl.get();
    LEAKLINE_TAIL_CALL return next(option, a, b, c, d);
}

LEAKLINE_EXPORT long leakline_syscall(long number, long a, long b, long c, long d, long e, long f) __asm__("syscall");
LEAKLINE_EXPORT long leakline_syscall(long number, long a, long b, long c, long d, long e, long f) {
    if (number == SYS_seccomp || (number == SYS_prctl && a == PR_SET_SECCOMP)) sandbox_begins();
    const auto next = next_syscall.get();
    LEAKLINE_TAIL_CALL return next(number, a, b, c, d, e, f);
}

}  // namespace leakline::agent
