// Stacks that programs make by hand. What stands above them may be unreadable, now or later: a walk must never read it.
#include "unwind/stack_reach.hpp"

#include <doctest/doctest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iterator>

#include "unwind/backtrace.hpp"

namespace unwind = leakline::unwind;

// enter_stack(top, function): goes on in function, on the stack that ends with the word at top; leave_stack() comes back.
asm(".pushsection .text\n"
    "leakline_enter_stack:\n"
    " push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
    " mov %rsp, leakline_saved_sp(%rip)\n mov %rdi, %rsp\n xor %ebp, %ebp\n jmp *%rsi\n"
    "leakline_leave_stack:\n"
    " mov leakline_saved_sp(%rip), %rsp\n"
    " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n"
    // Never run: in a call from here, the frame has 16 bytes, the upper 8 of them the return address.
    "leakline_frame_of_16:\n"
    ".cfi_startproc\n nop\n .cfi_def_cfa_offset 16\n .fill 6, 1, 0x90\n .cfi_endproc\n"
    ".popsection\n"
    ".pushsection .bss\n leakline_saved_sp: .skip 8\n .popsection\n");
extern "C" void leakline_enter_stack(void* top, void (*function)());
extern "C" [[noreturn]] void leakline_leave_stack();
extern "C" const char leakline_frame_of_16[];

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kStack = 64 * kPage;  // sanitizers make frames large

int walked = 0;
void* addresses[64];

[[gnu::noinline]] void walk() {
    const auto* const frame = static_cast<const std::uintptr_t*>(__builtin_frame_address(0));
    walked = unwind::backtrace({frame[1], reinterpret_cast<std::uintptr_t>(frame + 2), frame[0]}, addresses, 64);
}

[[gnu::noinline]] void on_other_stack() {
    walk();
    leakline_leave_stack();
}

char* map(std::size_t size, char* at = nullptr) {
    void* const memory = ::mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (at != nullptr ? MAP_FIXED : 0), -1, 0);
    REQUIRE(memory != MAP_FAILED);
    return static_cast<char*>(memory);
}

// After walks in vain not each walk is tried.
void walk_until_tried() {
    for (int i = 0; i < 32; ++i) {
        walk();
        if (walked > 0) return;
    }
}

// How many frames a walk finds on a stack that ends at `end`, its outermost function having been called from `from`.
int walk_on_stack(char* end, const void* from) {
    walk_until_tried();
    auto* const top = reinterpret_cast<const void**>(end) - 1;
    *top = from;
    walked = -2;
    leakline_enter_stack(top, on_other_stack);
    return walked;
}

const void* frame_of_16() { return leakline_frame_of_16 + 2; }

[[gnu::noinline]] int walk_deep(int depth) {
    char free_space[600];
    asm volatile("" : : "r"(free_space) : "memory");
    const int result = depth == 0 ? (walk(), walked) : walk_deep(depth - 1);
    asm volatile("" : : "r"(free_space) : "memory");
    return result;
}

// The exit code of a child that runs `function`, or minus the signal that ended it.
int in_child(int (*function)()) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(function());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("a page is asked of the kernel, whatever is in it and without a change") {
    char* const memory = map(3 * kPage);
    ::munmap(memory + kPage, kPage);
    ::mprotect(memory + 2 * kPage, kPage, PROT_NONE);
    CHECK(unwind::is_readable(reinterpret_cast<std::uintptr_t>(memory)));
    CHECK(!unwind::is_readable(reinterpret_cast<std::uintptr_t>(memory + kPage)));
    CHECK(!unwind::is_readable(reinterpret_cast<std::uintptr_t>(memory + 2 * kPage)));
    ::munmap(memory, 3 * kPage);
}

TEST_CASE("a stack that ends at the end of a mapping, under a function's address, ends there") {
    char* const memory = map(kStack + kPage);
    ::munmap(memory + kStack, kPage);
    const auto* const after_abort = reinterpret_cast<const char*>(&std::abort);
    for (int i = 0; i < 3; ++i) {
        CHECK(walk_on_stack(memory + kStack, frame_of_16()) == 2);
        for (const int offset : {0, 1, 4, 20, 30}) {
            walk_on_stack(memory + kStack, after_abort + offset);
            CHECK(walked != -2);
        }
    }
    // With a word of its own above that address it ends there.
    std::memset(memory, 0, kStack);
    CHECK(walk_on_stack(memory + kStack - 32, frame_of_16()) == 2);
    ::munmap(memory, kStack);
}

TEST_CASE("what could be read above a stack at one walk is not taken for readable at the next") {
    char* const memory = map(kStack + kPage);
    // A third frame, by what the page above says.
    const auto frame = reinterpret_cast<std::uintptr_t>(frame_of_16());
    std::memcpy(memory + kStack + 8, &frame, sizeof frame);
    for (int i = 0; i < 20; ++i) REQUIRE(walk_on_stack(memory + kStack, frame_of_16()) == 3);
    ::mprotect(memory + kStack, kPage, PROT_NONE);
    CHECK(walk_on_stack(memory + kStack, frame_of_16()) == 2);
    ::munmap(memory + kStack, kPage);
    CHECK(walk_on_stack(memory + kStack, frame_of_16()) == 2);
    ::munmap(memory, kStack);
}

TEST_CASE("a thread with the memory of one that has ended knows nothing of that one's stack") {
    constexpr std::size_t kLower = 8 * kPage;
    char* const memory = map(kStack);
    const auto run = [](char* stack, std::size_t size, void* (*function)(void*), void* argument) {
        pthread_attr_t attributes;
        ::pthread_attr_init(&attributes);
        REQUIRE(::pthread_attr_setstack(&attributes, stack, size) == 0);
        pthread_t thread;
        REQUIRE(::pthread_create(&thread, &attributes, function, argument) == 0);
        void* result = nullptr;
        ::pthread_join(thread, &result);
        ::pthread_attr_destroy(&attributes);
        return static_cast<int>(reinterpret_cast<std::intptr_t>(result));
    };
    // It knows all of it: the walks begin far down.
    const int deep = run(
        memory, kStack,
        [](void*) -> void* {
            walk_until_tried();
            for (int depth = 0; depth < 300; depth += 10) walk_deep(depth);
            return reinterpret_cast<void*>(std::intptr_t{walked});
        },
        nullptr);
    CHECK(deep == 64);
    // The upper half is another thread's, and far below it there is a stack of that one's own, under a hole.
    ::munmap(memory + kLower, kStack / 2 - kLower);
    const int over = run(
        memory + kStack / 2, kStack / 2,
        [](void* stack) -> void* {
            walk();
            const int own = walked;
            const int other = walk_on_stack(static_cast<char*>(stack), frame_of_16());
            return reinterpret_cast<void*>(std::intptr_t{own > 0 && other == 2});
        },
        memory + kLower);
    CHECK(over == 1);
    ::munmap(memory, kStack);
}

// What asks for pages, and what is forbidden here.
TEST_CASE("on a thread's own stack, no walk over known pages makes a system call") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    MESSAGE("skipped: sanitizers make system calls of their own");
    return;
#endif
    CHECK(in_child([] {
              walk_until_tried();
              for (int depth = 0; depth < 400; ++depth) walk_deep(depth);
              sock_filter filter[] = {
                  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
                  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
              };
              const sock_fprog program{std::size(filter), filter};
              if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 2;
              for (int depth = 0; depth < 400; ++depth)
                  if (walk_deep(depth) < 3) return 1;
              return 0;
          }) == 0);
}

TEST_CASE("a stack that is deep at the first walk is known from then on") {
    CHECK(in_child([] {
              walk_until_tried();
              walk_deep(0);
              walk_deep(5000);
              std::uintptr_t asked = 0;
              walk_deep(4000);
              const unwind::StackReach reach(reinterpret_cast<std::uintptr_t>(&asked) - (std::uintptr_t{1} << 20));
              return reach.on_own_stack() ? 0 : 1;
          }) == 0);
}
