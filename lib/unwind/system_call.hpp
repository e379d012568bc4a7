// Direct system calls, without the C library: no errno, cancellation or wrappers. x86-64 Linux.
#pragma once

namespace leakline::unwind {

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

}  // namespace leakline::unwind
