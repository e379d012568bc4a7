// Real stacks, walked by us and by two others: libunwind, whose place we take, and the C library.
#include "unwind/backtrace.hpp"

#include <alloca.h>
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <signal.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace unwind = leakline::unwind;

namespace {

using Addresses = std::vector<void*>;

using Backtrace = int (*)(void**, int);

// From the library itself: a sanitizer puts one of its own before the C library's.
Backtrace function_of(const char* library, const char* name) {
    void* const handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(handle != nullptr);  // libunwind8 comes with heaptrack
    return reinterpret_cast<Backtrace>(::dlsym(handle, name));
}

Backtrace libc() {
    static const Backtrace function = function_of("libc.so.6", "backtrace");
    return function;
}

Backtrace libunwind() {
#ifdef __SANITIZE_THREAD__
    return libc();  // libunwind locks a mutex after the sanitizer's end of a thread, which crashes
#else
    static const Backtrace function = function_of("libunwind.so.8", "unw_backtrace");
    return function;
#endif
}

// The return addresses from the caller on, by each of the three.
struct Walks {
    static constexpr int kMax = 256;
    Addresses ours, libunwind, libc;
    int count = 0;  // what ours gave: -1 where it cannot

    Walks() {
        for (Addresses* addresses : {&ours, &libunwind, &libc}) addresses->reserve(kMax);  // a signal's handler must not allocate
    }
};

[[gnu::noinline]] void walk_into(Walks& walks, int limit = 64) {
    const auto* const frame = static_cast<const std::uintptr_t*>(__builtin_frame_address(0));
    void* addresses[Walks::kMax];
    walks.count = unwind::backtrace({frame[1], reinterpret_cast<std::uintptr_t>(frame + 2), frame[0]}, addresses, limit);
    if (walks.count > 0) walks.ours.assign(addresses, addresses + walks.count);
    const int by_libunwind = libunwind()(addresses, limit + 1);
    walks.libunwind.assign(addresses + 1, addresses + by_libunwind);  // the first is in here
    const int by_libc = libc()(addresses, limit + 1);
    walks.libc.assign(addresses + 1, addresses + by_libc);
}

[[gnu::noinline]] void expect_same(int limit = 64) {
    // Twice: by rules, and by what the first walk left behind.
    for (int i = 0; i < 2; ++i) {
        Walks walks;
        walk_into(walks, limit);
        REQUIRE(walks.count >= 2);
        REQUIRE(walks.ours == walks.libunwind);
        REQUIRE(walks.ours == walks.libc);
    }
}

void keep(void* pointer) { asm volatile("" : : "r"(pointer) : "memory"); }

[[gnu::noinline]] unsigned recursive(unsigned depth, unsigned salt) {
    if (depth == 0) {
        expect_same();
        return salt;
    }
    const unsigned result = recursive(depth - 1, salt * 31 + depth) + 1;
    asm volatile("" : : "r"(result));
    return result;
}

[[gnu::noinline]] void with_alloca(int depth, std::size_t size) {
    void* const free_space = alloca(size);
    keep(free_space);
    if (depth == 0)
        expect_same();
    else
        with_alloca(depth - 1, size * 3 % 500 + 16);
    keep(free_space);
}

// A stack that is realigned: the CFA stands in memory.
[[gnu::noinline]] void with_aligned_room(int depth) {
    alignas(64) char free_space[64];
    keep(free_space);
    if (depth == 0)
        expect_same();
    else
        with_aligned_room(depth - 1);
    keep(free_space);
}

// No base pointer and one, by turns, whatever the test is compiled with.
#ifdef __clang__
#define LEAKLINE_OPTIMIZED(frame_pointer)
#else
#define LEAKLINE_OPTIMIZED(frame_pointer) [[gnu::optimize("O2", frame_pointer)]]
#endif
[[gnu::noinline]] LEAKLINE_OPTIMIZED("omit-frame-pointer") void without_base_pointer(int depth, unsigned a, unsigned b, unsigned c);
[[gnu::noinline]] LEAKLINE_OPTIMIZED("no-omit-frame-pointer") void with_base_pointer(int depth, unsigned a, unsigned b, unsigned c) {
    if (depth == 0)
        expect_same();
    else
        without_base_pointer(depth - 1, b, c, a + 1);
    asm volatile("" : : "r"(a), "r"(b), "r"(c));
}
void without_base_pointer(int depth, unsigned a, unsigned b, unsigned c) {
    if (depth == 0)
        expect_same();
    else
        with_base_pointer(depth - 1, b * a, c, a);
    asm volatile("" : : "r"(a), "r"(b), "r"(c));
}

std::string program_of(const char* name) { return std::string(LEAKLINE_BIN_DIR) + "/" + name; }

}  // namespace

TEST_CASE("a stack of any depth is walked as libunwind and the C library walk it") {
    for (unsigned depth : {0, 1, 2, 3, 17, 30, 29, 31, 5, 40}) recursive(depth, depth);
}

TEST_CASE("a stack deeper than the limit is cut at the limit, where it was and deeper") {
    for (unsigned depth : {70, 71, 70, 55, 200, 69, 3, 200}) recursive(depth, 1);
    for (const int limit : {2, 3, 5, 64}) expect_same(limit);
}

TEST_CASE("stacks that change at the same places are told apart") {
    for (int i = 0; i < 200; ++i) {
        recursive(static_cast<unsigned>(i % 7 + 1), static_cast<unsigned>(i));
        with_alloca(i % 5, static_cast<std::size_t>(i));
        with_base_pointer(i % 6, 1, 2, static_cast<unsigned>(i));
        without_base_pointer(i % 9, 1, 2, static_cast<unsigned>(i));
    }
}

TEST_CASE("realigned stacks are followed") {
    for (int i = 0; i < 10; ++i) with_aligned_room(i % 4);
}

TEST_CASE("frames of the C and C++ libraries are followed: callbacks, threads, exceptions on their way") {
    int numbers[] = {3, 1, 2, 5, 4};
    std::qsort(numbers, 5, sizeof(int), [](const void* a, const void* b) {
        expect_same();
        return *static_cast<const int*>(a) - *static_cast<const int*>(b);
    });
    const std::function<void(int)> nested = [&](int left) { left == 0 ? expect_same() : nested(left - 1); };
    nested(5);
    try {
        throw std::runtime_error("on its way");
    } catch (const std::exception&) {
        recursive(3, 1);
    }
    std::thread([] { recursive(4, 2); }).join();
}

TEST_CASE("threads walk their stacks at the same time, more of them than there is room to know each") {
    Walks first;
    walk_into(first);  // both libraries are there before the threads are
    std::atomic<int> different{0}, walked{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 16; ++t)
        threads.emplace_back([&, t] {
            const std::function<void(int)> nested = [&](int left) {
                if (left > 0) return nested(left - 1);
                Walks walks;
                walk_into(walks);
                if (walks.count < 0) return;  // all the places that it would look for were taken
                ++walked;
                if (walks.ours != walks.libunwind) ++different;
            };
            for (int i = 0; i < 300; ++i) nested((i + t) % 12);
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(different == 0);
    CHECK(walked > 4000);
}

namespace {
Walks in_signal;
ucontext_t here, there;
Walks in_context;
}  // namespace

TEST_CASE("what no rule describes is left to libunwind: a signal's frame") {
    struct sigaction action {
    }, old{};
    action.sa_handler = [](int) { walk_into(in_signal); };
    ::sigaction(SIGUSR1, &action, &old);
    ::raise(SIGUSR1);
    ::sigaction(SIGUSR1, &old, nullptr);
    CHECK(in_signal.count == -1);
    CHECK(in_signal.libunwind.size() > 3);
    expect_same();
}

TEST_CASE("a stack of the program's own making is walked as libunwind does, or left to it") {
    std::vector<char> stack(1 << 16);
    ::getcontext(&there);
    there.uc_stack.ss_sp = stack.data();
    there.uc_stack.ss_size = stack.size();
    there.uc_link = &here;
    ::makecontext(
        &there, [] { walk_into(in_context); }, 0);
    ::swapcontext(&here, &there);
    if (in_context.count >= 0) CHECK(in_context.ours == in_context.libunwind);
}

TEST_CASE("an object that comes to stand where another one stood is walked by its own rules, once that is known") {
    std::set<void*> places;
    int loads = 0;
    for (int i = 0; i < 6; ++i) {
        void* const object = ::dlopen(program_of(i % 2 == 0 ? "unwind_frame_128.so" : "unwind_frame_512.so").c_str(), RTLD_NOW);
        REQUIRE(object != nullptr);
        const auto call_back = reinterpret_cast<void (*)(void (*)(void*), void*)>(::dlsym(object, "call_back"));
        places.insert(reinterpret_cast<void*>(call_back));
        Walks walks;
        // Not libunwind: its cache does not see the change.
        call_back([](void* to) { walk_into(*static_cast<Walks*>(to)); }, &walks);
        CHECK(walks.count > 0);
        CHECK(walks.ours == walks.libc);
        ++loads;
        unwind::code_unloads();
        ::dlclose(object);
        unwind::code_unloaded();
    }
    CHECK_MESSAGE(places.size() < static_cast<std::size_t>(loads), "no place was used again: this has tested nothing");
}

// Code that is never run: each address in it but the first has a frame of 16 bytes, the upper 8 of them the return address.
asm(".pushsection .text\n"
    "leakline_test_frames:\n"
    ".cfi_startproc\n nop\n .cfi_def_cfa_offset 16\n .fill 62, 1, 0x90\n nop\n .cfi_endproc\n"
    ".popsection\n");
extern "C" const char leakline_test_frames[];

TEST_CASE("a stack ends where the return address is none, whatever was in the memo at the frames that it knew there") {
    const auto code = [](int number) {
        return reinterpret_cast<std::uintptr_t>(leakline_test_frames) + 2 + static_cast<std::uintptr_t>(number);
    };
    alignas(16) std::uintptr_t stack[8] = {};
    const auto sp = reinterpret_cast<std::uintptr_t>(stack);
    void* addresses[16];
    for (std::uintptr_t none : {std::uintptr_t{0}, std::uintptr_t{0x3fff}})
        for (std::uintptr_t offset = 0; offset < 16384; offset += 16) {
            stack[1] = code(1);
            stack[3] = none;
            REQUIRE(unwind::backtrace({code(0), sp, 0}, addresses, 16) == 2);
            REQUIRE(addresses[1] == reinterpret_cast<void*>(code(1)));
            // Code without information, at each place of the memo in turn: what was there is forgotten.
            REQUIRE(unwind::backtrace({reinterpret_cast<std::uintptr_t>(&addresses), sp + offset, 0}, addresses, 16) == -1);
            stack[1] = none;
            REQUIRE(unwind::backtrace({code(0), sp, 0}, addresses, 16) == 1);
        }
}

TEST_CASE("while code unloads, all is left to libunwind") {
    Walks before, meanwhile;
    walk_into(before);
    unwind::code_unloads();
    walk_into(meanwhile);
    unwind::code_unloaded();
    CHECK(before.count > 0);
    CHECK(meanwhile.count == -1);
    expect_same();
}

TEST_CASE("after walks in vain it is tried less often, and again each time once one succeeds") {
    const auto unknown = reinterpret_cast<std::uintptr_t>(&in_context);
    void* addresses[16];
    for (int i = 0; i < 100; ++i)
        REQUIRE(unwind::backtrace({unknown, reinterpret_cast<std::uintptr_t>(addresses), 0}, addresses, 16) == -1);
    int left = 0;
    for (; left < 100; ++left) {
        Walks walks;
        walk_into(walks);
        if (walks.count > 0) break;
    }
    CHECK(left > 0);
    CHECK(left < 20);
    for (int i = 0; i < 20; ++i) expect_same();
}
