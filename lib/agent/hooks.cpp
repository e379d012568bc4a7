// Replacements of the allocator's functions. Each takes a few instructions and jumps to the allocator's own function, unless the
// block is to be sampled or may be a sample that is freed: the slow function then has a frame whose return address is in the program.
#include <errno.h>
#include <linux/prctl.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "agent/internal/real_functions.hpp"
#include "agent/internal/sampled_calls.hpp"
#include "unwind/next_function.hpp"
#ifdef LEAKLINE_ATTACHED
#include "agent/internal/hooks.hpp"
#include "agent/internal/slots.hpp"
#endif

namespace leakline::agent {

namespace {

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
// glibc's calls realloc by its name.
void* call_reallocarray(void* old, size_t number, size_t size) {
    return outermost([&] { return real.reallocarray(old, number, size); });
}
LEAKLINE_SLOW void* slow_reallocarray(void* old, size_t number, size_t size) {
    return reallocated(old, number * size, true, LEAKLINE_FRAME, [&] { return call_reallocarray(old, number, size); });
}
LEAKLINE_SLOW void slow_free(void* block) {
    SampledBlock was;
    forget(block, was);
    real.free(block);
}

}  // namespace

LEAKLINE_HOOK(void*, malloc, (size_t size)) {
    if (is_due(size)) return slow_malloc(size);
    return real.malloc(size);
}
LEAKLINE_HOOK(void, free, (void* block)) {
    if (may_be_sample(block)) return slow_free(block);
    real.free(block);
}
#ifndef LEAKLINE_ATTACHED
// C23. The sizes are hints, and the C library may lack these functions.
LEAKLINE_HOOK(void, free_sized, (void* block, size_t)) {
    if (may_be_sample(block)) return slow_free(block);
    real.free(block);
}
LEAKLINE_HOOK(void, free_aligned_sized, (void* block, size_t, size_t)) {
    if (may_be_sample(block)) return slow_free(block);
    real.free(block);
}
LEAKLINE_HOOK(void, cfree, (void* block)) {
    if (may_be_sample(block)) return slow_free(block);
    real.free(block);
}
#endif
LEAKLINE_HOOK(void*, calloc, (size_t number, size_t size)) {
    size_t bytes;
    if (__builtin_mul_overflow(number, size, &bytes)) return real.calloc(number, size);
    if (is_due(bytes)) return slow_calloc(number, size);
    return real.calloc(number, size);
}
LEAKLINE_HOOK(void*, realloc, (void* old, size_t size)) {
    if (may_be_sample(old) || is_due(size)) return slow_realloc(old, size);
    return real.realloc(old, size);
}
LEAKLINE_HOOK(void*, reallocarray, (void* old, size_t number, size_t size)) {
    size_t bytes;
    if (__builtin_mul_overflow(number, size, &bytes)) return real.reallocarray(old, number, size);
    if (may_be_sample(old) || is_due(bytes)) return slow_reallocarray(old, number, size);
    return call_reallocarray(old, number, size);
}
LEAKLINE_HOOK(void*, memalign, (size_t alignment, size_t size)) {
    if (is_due(size)) return slow_memalign(alignment, size);
    return real.memalign(alignment, size);
}
LEAKLINE_HOOK(void*, aligned_alloc, (size_t alignment, size_t size)) {
    if (is_due(size)) return slow_aligned_alloc(alignment, size);
    return real.aligned_alloc(alignment, size);
}
LEAKLINE_HOOK(int, posix_memalign, (void** block, size_t alignment, size_t size)) {
    if (is_due(size)) return slow_posix_memalign(block, alignment, size);
    return real.posix_memalign(block, alignment, size);
}
LEAKLINE_HOOK(void*, valloc, (size_t size)) {
    if (is_due(size)) return slow_valloc(size);
    return real.valloc(size);
}
LEAKLINE_HOOK(void*, pvalloc, (size_t size)) {
    if (is_due(size)) return slow_pvalloc(size);
    return real.pvalloc(size);
}

// No tail call: the unwinder must be told after the unloading.
LEAKLINE_HOOK(int, dlclose, (void* handle)) {
    code_unloads();
    const int result = real.dlclose(handle);
    code_unloaded();
    return result;
}

LEAKLINE_HOOK(int, prctl, (int option, long a, long b, long c, long d)) {
    if (option == PR_SET_SECCOMP) sandbox_begins();
    LEAKLINE_TAIL_CALL return real.prctl(option, a, b, c, d);
}

LEAKLINE_HOOK(long, syscall, (long number, long a, long b, long c, long d, long e, long f)) {
    if (number == SYS_seccomp || (number == SYS_prctl && a == PR_SET_SECCOMP)) sandbox_begins();
    LEAKLINE_TAIL_CALL return real.syscall(number, a, b, c, d, e, f);
}

#ifdef LEAKLINE_ATTACHED
namespace {

constinit Behind<int (*)()> next_fork{"fork"};

}  // namespace

LEAKLINE_HOOK(int, fork, ()) { return fork_between_visits(next_fork.get()); }

namespace {

#define LEAKLINE_ROW(kind, name) \
    { #name, reinterpret_cast < void*>(&hook_##name), reinterpret_cast < void**>(&real.name), Hook::Kind::kind }
const Hook table[] = {
    LEAKLINE_ROW(frees, free),
    LEAKLINE_ROW(frees, dlclose),
    LEAKLINE_ROW(frees, prctl),
    LEAKLINE_ROW(frees, syscall),
    LEAKLINE_ROW_OF_LIBC(frees, fork, next_fork),
    LEAKLINE_ROW(allocates, malloc),
    LEAKLINE_ROW(allocates, calloc),
    LEAKLINE_ROW(allocates, realloc),
    LEAKLINE_ROW(allocates, reallocarray),
    LEAKLINE_ROW(allocates, memalign),
    LEAKLINE_ROW(allocates, aligned_alloc),
    LEAKLINE_ROW(allocates, posix_memalign),
    LEAKLINE_ROW(allocates, valloc),
    LEAKLINE_ROW(allocates, pvalloc),
};

}  // namespace

std::span<const Hook> allocator_hooks() { return all_of(table); }
#endif

}  // namespace leakline::agent
