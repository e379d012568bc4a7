#include "agent/internal/real_functions.hpp"

#include <dlfcn.h>
#include <errno.h>

namespace leakline::agent {

namespace {

// Allocations by dlsym fail during the lookup. It handles that: glibc before 2.34 allocates an error message once, and
// otherwise uses a static one.
bool looking_up;

bool look_up() {
    if (looking_up) {
        errno = ENOMEM;
        return false;
    }
    find_real_functions();
    return true;
}

void* first_malloc(std::size_t size) { return look_up() ? real.malloc(size) : nullptr; }
void first_free(void* block) {
    if (look_up()) real.free(block);
}
void* first_calloc(std::size_t count, std::size_t size) { return look_up() ? real.calloc(count, size) : nullptr; }
void* first_realloc(void* block, std::size_t size) { return look_up() ? real.realloc(block, size) : nullptr; }
void* first_memalign(std::size_t alignment, std::size_t size) { return look_up() ? real.memalign(alignment, size) : nullptr; }
void* first_aligned_alloc(std::size_t alignment, std::size_t size) { return look_up() ? real.aligned_alloc(alignment, size) : nullptr; }
int first_posix_memalign(void** block, std::size_t alignment, std::size_t size) {
    return look_up() ? real.posix_memalign(block, alignment, size) : ENOMEM;
}
void* first_valloc(std::size_t size) { return look_up() ? real.valloc(size) : nullptr; }
void* first_pvalloc(std::size_t size) { return look_up() ? real.pvalloc(size) : nullptr; }
void* first_reallocarray(void* block, std::size_t count, std::size_t size) {
    return look_up() ? real.reallocarray(block, count, size) : nullptr;
}

int first_dlclose(void* handle) { return look_up() ? real.dlclose(handle) : -1; }
int first_prctl(int option, long a, long b, long c, long d) { return look_up() ? real.prctl(option, a, b, c, d) : -1; }
long first_syscall(long number, long a, long b, long c, long d, long e, long f) {
    return look_up() ? real.syscall(number, a, b, c, d, e, f) : -1;
}

template <typename Function>
void find(Function& function, const char* name) {
    if (void* const found = ::dlsym(RTLD_NEXT, name)) function = reinterpret_cast<Function>(found);
}

}  // namespace

constinit RealFunctions real = {first_malloc,        first_free,           first_calloc, first_realloc, first_memalign,
                                first_aligned_alloc, first_posix_memalign, first_valloc, first_pvalloc, first_reallocarray,
                                first_dlclose,       first_prctl,          first_syscall};

// glibc has all of them since 2.26; allocators that define only some leave the others to it.
void find_real_functions() {
    looking_up = true;
    RealFunctions found = real;
    find(found.malloc, "malloc");
    find(found.free, "free");
    find(found.calloc, "calloc");
    find(found.realloc, "realloc");
    find(found.memalign, "memalign");
    find(found.aligned_alloc, "aligned_alloc");
    find(found.posix_memalign, "posix_memalign");
    find(found.valloc, "valloc");
    find(found.pvalloc, "pvalloc");
    find(found.reallocarray, "reallocarray");
    find(found.dlclose, "dlclose");
    find(found.prctl, "prctl");
    find(found.syscall, "syscall");
    real = found;
    looking_up = false;
}

}  // namespace leakline::agent
