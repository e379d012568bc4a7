// Direct system calls, without the C library: no errno, cancellation or wrappers. Linux on x86-64 and AArch64.
#pragma once

namespace leakline::unwind {

#if defined(__x86_64__)
// The kernel's result: a negative one is -errno.
inline long system_call(long number, long first = 0, long second = 0, long third = 0, long fourth = 0) {
    long result;
    asm volatile("mov %5, %%r10\n syscall"
                 : "=a"(result)
                 : "a"(number), "D"(first), "S"(second), "d"(third), "r"(fourth)
                 : "rcx", "r10", "r11", "memory");
    return result;
}

// The running thread's own block of the C library, which is never moved: another number for each thread.
inline unsigned long thread_block() {
    unsigned long block;
    asm("mov %%fs:0, %0" : "=r"(block));
    return block;
}
#elif defined(__aarch64__)
inline long system_call(long number, long first = 0, long second = 0, long third = 0, long fourth = 0) {
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = first;
    register long x1 asm("x1") = second;
    register long x2 asm("x2") = third;
    register long x3 asm("x3") = fourth;
    register long x4 asm("x4") = 0;  // the fifth, of which clone() has one
    asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory", "cc");
    return x0;
}

inline unsigned long thread_block() {
    unsigned long block;
    asm("mrs %0, tpidr_el0" : "=r"(block));
    return block;
}
#endif

}  // namespace leakline::unwind
