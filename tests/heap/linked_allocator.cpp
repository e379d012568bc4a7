// A program with jemalloc linked in, whose functions have a PREFIX or none. It allocates as often as its argument says, or, with
// the argument `busy`, as each line of its input says: two threads allocate and free meanwhile.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>

#define JOIN(prefix, name) prefix##name
#define JOIN_EXPANDED(prefix, name) JOIN(prefix, name)
#define ALLOCATOR(name) JOIN_EXPANDED(PREFIX, name)

extern "C" {
void* ALLOCATOR(malloc)(std::size_t);
void* ALLOCATOR(calloc)(std::size_t, std::size_t);
void* ALLOCATOR(realloc)(void*, std::size_t);
void* ALLOCATOR(aligned_alloc)(std::size_t, std::size_t);
int ALLOCATOR(posix_memalign)(void**, std::size_t, std::size_t);
void* ALLOCATOR(mallocx)(std::size_t, int);
void* ALLOCATOR(rallocx)(void*, std::size_t, int);
void ALLOCATOR(sdallocx)(void*, std::size_t, int);
void ALLOCATOR(dallocx)(void*, int);
void ALLOCATOR(free)(void*);
}

namespace {

constexpr int kMost = 200'000;
void* volatile kept[kMost];
int kept_count;
std::atomic<bool> ends;

void keep(void* block) {
    std::memset(block, 1, 16);
    kept[kept_count++] = block;
}

struct alignas(64) Wide {
    char bytes[128];
};

}  // namespace

void leak_malloc() { keep(ALLOCATOR(malloc)(100)); }
void leak_calloc() { keep(ALLOCATOR(calloc)(10, 20)); }
void leak_realloc() { keep(ALLOCATOR(realloc)(ALLOCATOR(malloc)(10), 300)); }
void leak_aligned() { keep(ALLOCATOR(aligned_alloc)(64, 320)); }
void leak_posix() {
    void* block = nullptr;
    if (ALLOCATOR(posix_memalign)(&block, 64, 96) == 0) keep(block);
}
void leak_mallocx() { keep(ALLOCATOR(rallocx)(ALLOCATOR(mallocx)(48, 0), 112, 0)); }
void leak_reallocarray() { keep(::reallocarray(nullptr, 8, 13)); }  // the C library's, in any case
void leak_new() { keep(::operator new(56)); }
void leak_new_array() { keep(new char[72]); }
void leak_nothrow() { keep(::operator new(40, std::nothrow)); }
void leak_wide() { keep(new Wide); }

void free_all() {
    ALLOCATOR(free)(ALLOCATOR(malloc)(1000));
    ALLOCATOR(sdallocx)(ALLOCATOR(mallocx)(2000, 0), 2000, 0);
    ALLOCATOR(dallocx)(ALLOCATOR(calloc)(30, 100), 0);
    void* block = ALLOCATOR(realloc)(nullptr, 500);
    ALLOCATOR(free)(ALLOCATOR(realloc)(block, 5000));
    ::operator delete(::operator new(70));
    ::operator delete (::operator new(80), std::size_t{80});
    delete[] new char[90];
    delete new Wide;
    delete new std::string(200, 'x');
}

int throw_bad_alloc() {
    int caught = 0;
    for (int i = 0; i < 10; ++i) try {
            keep(::operator new (~std::size_t{0} >> 2));
        } catch (const std::bad_alloc&) {
            ++caught;
        }
    return caught;
}

void leak(int times) {
    const int caught = throw_bad_alloc();
    for (int i = 0; i < times; ++i) {
        for (const auto leak_one : {leak_malloc, leak_calloc, leak_realloc, leak_aligned, leak_posix, leak_mallocx, leak_reallocarray,
                                    leak_new, leak_new_array, leak_nothrow, leak_wide})
            leak_one();
        free_all();
    }
    std::printf("done %d %d\n", kept_count, caught);
    std::fflush(stdout);
}

int main(int argument_count, char** arguments) {
    if (argument_count < 2) return 2;
    if (std::strcmp(arguments[1], "busy") != 0) return leak(std::atoi(arguments[1])), 0;
    std::thread others[2];
    for (std::thread& other : others)
        other = std::thread([] {
            // Not all the time, so that a machine with few processors can do the rest.
            while (!ends.load()) {
                for (int i = 0; i < 100; ++i) free_all();
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        });
    std::puts("ready");
    std::fflush(stdout);
    char line[64];
    while (std::fgets(line, sizeof line, stdin) != nullptr) leak(std::atoi(line));
    ends = true;
    for (std::thread& other : others) other.join();
}
