// A program with an allocator of its own whose functions begin in ways in which few compilers begin one (VARIANT). It says what it allocated.
#include <csetjmp>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>

extern "C" {
void* je_malloc(std::size_t);
void* je_calloc(std::size_t, std::size_t);
void* je_realloc(void*, std::size_t);
void je_free(void*);

alignas(64) char arena[16 << 20];
std::size_t used;
long calls;
char flag;
void (*during_malloc)();

[[gnu::used]] void* toy_malloc(std::size_t size) {
    ++calls;
    if (during_malloc != nullptr) during_malloc();
    void* const block = arena + used + 16;
    std::memcpy(arena + used, &size, sizeof size);
    used += (size + 31) / 16 * 16;
    return block;
}
[[gnu::used]] void toy_free(void*) { ++calls; }

void* je_realloc(void* old, std::size_t size) {
    void* const block = je_malloc(size);
    std::size_t before = 0;
    if (old != nullptr) std::memcpy(&before, static_cast<char*>(old) - 16, sizeof before);
    std::memcpy(block, old, before < size ? before : size);
    je_free(old);
    return block;
}
}

#define FUNCTION(name, ...)                                                                                                             \
    asm(".text\n .p2align 4\n .globl " #name "\n .type " #name ", @function\n" #name ":\n" __VA_ARGS__ "\n .size " #name ", . - " #name \
        "\n .p2align 4, 0x90\n")

// Calls malloc by a jump: one block.
FUNCTION(je_calloc, "imul %rsi, %rdi\n jmp je_malloc");

#if VARIANT == 1  // as little as there may be, with endbr64
FUNCTION(je_malloc, "endbr64\n jmp toy_malloc");
FUNCTION(je_free, "jmp toy_free");
#elif VARIANT == 2   // short jumps forward, and back to the very beginning
FUNCTION(
    je_malloc,
    "test %rdi, %rdi\n je 1f\n cmp $100000000, %rdi\n ja 2f\n jmp toy_malloc\n1: mov $1, %edi\n jmp je_malloc\n2: mov $16, %edi\n jmp je_malloc");
FUNCTION(je_free, "test %rdi, %rdi\n jne 1f\n ret\n1: jmp toy_free");
#elif VARIANT == 3   // operands relative to the instruction's address
FUNCTION(je_malloc, "cmpb $0, flag(%rip)\n jne 1f\n mov flag(%rip), %al\n1: jmp toy_malloc");
FUNCTION(je_free, "lea flag(%rip), %rax\n cmpb $0, (%rax)\n jne 1f\n jmp toy_free\n1: ret");
#elif VARIANT == 4   // a jump into the first instructions
FUNCTION(je_malloc, "xor %eax, %eax\n1: inc %eax\n cmp $3, %eax\n jne 1b\n jmp toy_malloc");
FUNCTION(je_free, "jmp toy_free");
#elif VARIANT == 5   // a call at first, which has its return address there
FUNCTION(je_malloc, "call 1f\n jmp toy_malloc\n1: ret");
FUNCTION(je_free, "jmp toy_free");
#elif VARIANT == 6   // shorter than a jump
FUNCTION(je_malloc, "jmp toy_malloc");
FUNCTION(je_free, "ret");
#elif VARIANT == 7   // another function begins inside
FUNCTION(je_malloc, "xor %eax, %eax\n .globl other_malloc\n .type other_malloc, @function\nother_malloc: mov %rdi, %rdi\n jmp toy_malloc");
FUNCTION(je_free, "jmp toy_free");
extern "C" void* other_malloc(std::size_t);
#elif VARIANT == 8   // chosen while the program starts
extern "C" {
using Malloc = void* (*)(std::size_t);
[[gnu::used]] Malloc choose_malloc() { return toy_malloc; }
[[gnu::ifunc("choose_malloc")]] void* je_malloc(std::size_t);
}
FUNCTION(je_free, "jmp toy_free");
#elif VARIANT == 9   // not aligned
asm(".p2align 4\n .skip 5, 0x90\n .globl je_malloc\n .type je_malloc, @function\nje_malloc: mov %rdi, %rax\n jmp toy_malloc\n .size je_malloc, . - je_malloc");
FUNCTION(je_free, "jmp toy_free");
#elif VARIANT == 10  // a part of it, elsewhere, jumps into the first instructions
FUNCTION(je_malloc, "xor %eax, %eax\n1: cmp $1, %eax\n jb je_malloc.cold\n jmp toy_malloc");
asm(".text\n .type je_malloc.cold, @function\nje_malloc.cold: mov $1, %eax\n .byte 0xe9\n .long je_malloc + 2 - . - 4\n .size je_malloc.cold, . - je_malloc.cold");
FUNCTION(je_free, "jmp toy_free");
#endif

namespace {

void* volatile kept[4096];
int kept_count;
std::jmp_buf outside;

}  // namespace

void leak() {
    kept[kept_count++] = je_malloc(100);
    kept[kept_count++] = je_calloc(10, 20);
    kept[kept_count++] = je_realloc(je_malloc(50), 300);
    je_free(je_malloc(1000));
}

// Leaves malloc in its middle, as a signal handler or a longjmp of another language's exception would.
void leave_malloc() {
    during_malloc = [] { longjmp(outside, 1); };
    if (setjmp(outside) == 0) kept[kept_count++] = je_malloc(64);
    during_malloc = nullptr;
}

void interrupt_malloc() {
    std::signal(SIGUSR1, [](int) { je_free(je_malloc(10)); });
    during_malloc = [] {
        during_malloc = nullptr;
        std::raise(SIGUSR1);
    };
    je_free(je_malloc(64));
}

int main(int argument_count, char**) {
    if (argument_count > 1) leave_malloc();
    for (int i = 0; i < 1000; ++i) leak();
    for (int i = 0; i < 10; ++i) interrupt_malloc();
#if VARIANT == 7
    je_free(other_malloc(3));
#endif
    std::printf("%d blocks, %ld calls, %zu bytes\n", kept_count, calls, used);
}
