// The library that finds the program to record behind a wrapper (a shell, env, nice, a script): the tracker records only the
// program that it is loaded into, and takes itself out of the environment. This one stays there, so that each program that the
// wrapper starts loads it, and does nothing in all but one: that one calls exec for itself, with the tracker in LD_PRELOAD. It does
// so before the program's own code runs, in the same process: its descriptors, limits and parent are as the wrapper made them.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <string_view>

#include "unwind/follow_block.hpp"
#include "unwind/system_call.hpp"
#include "unwind/wrappers.hpp"

namespace {

using leakline::unwind::FollowBlock;

FollowBlock* map_block(const char* path) {
    const int file = ::open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return nullptr;
    void* const at = ::mmap(nullptr, sizeof(FollowBlock), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    return at == MAP_FAILED ? nullptr : static_cast<FollowBlock*>(at);
}

bool is_wanted(const FollowBlock& block, std::string_view executable) {
    if (block.program[0] != '\0') return executable == block.program;
    executable.remove_prefix(executable.rfind('/') + 1);
    return !leakline::unwind::is_wrapper(executable);
}

// As /proc knows it, and the recorder with it: in a PID namespace of its own getpid() gives another number.
std::int32_t own_pid() {
    char text[16] = {};
    return ::readlink("/proc/self", text, sizeof text - 1) > 0 ? ::atoi(text) : ::getpid();
}

bool has_ended(int pid) {
    char path[40], text[512];
    ::snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return true;
    const ssize_t size = ::read(file, text, sizeof text - 1);
    ::close(file);
    if (size <= 0) return true;
    text[size] = '\0';
    const char* const name_end = ::strrchr(text, ')');
    return name_end != nullptr && name_end[1] == ' ' && (name_end[2] == 'Z' || name_end[2] == 'X');
}

void note_passed_over(FollowBlock& block, std::int32_t pid) {
    for (std::atomic<std::int32_t>& slot : block.passed_over)
        if (std::int32_t none = 0; slot.compare_exchange_strong(none, pid)) return;
}

bool claim(FollowBlock& block) {
    timespec now{};  // by a system call: the program's own clock may be a scaled one (lib/clock)
    leakline::unwind::system_call(SYS_clock_gettime, CLOCK_MONOTONIC, reinterpret_cast<long>(&now));
    const std::int64_t now_ms = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
    std::int32_t before = block.pid.load();
    const std::int32_t own = own_pid();
    if (before == own) return false;  // recorded already, and started anew
    const bool may_be_helper = block.program[0] != '\0' || now_ms - block.since_ms.load() < leakline::unwind::kHelper_ms;
    if (before != 0 && (block.settled.load() || !may_be_helper || !has_ended(before))) {
        note_passed_over(block, own);
        return false;
    }
    if (!block.pid.compare_exchange_strong(before, own)) return false;
    block.since_ms.store(now_ms);
    return true;
}

bool announce(const FollowBlock& block) {
    const int stream = ::open(block.stream, O_WRONLY | O_CLOEXEC);
    if (stream < 0) return false;
    char text[64];
    // The last line of a helper that was killed may be incomplete.
    const int size = ::snprintf(text, sizeof text, "\n%s%d\n", leakline::unwind::kFollowMark, own_pid());
    const bool written = ::write(stream, text, static_cast<size_t>(size)) == size;
    ::close(stream);
    return written;
}

[[gnu::constructor]] void look_at_program(int, char** arguments, char**) {
    const char* const path = ::getenv(leakline::unwind::kFollowVariable);
    if (path == nullptr) return;
    const int errno_before = errno;
    char executable[4096];
    const ssize_t length = ::readlink("/proc/self/exe", executable, sizeof executable - 1);
    FollowBlock* const block = length > 0 ? map_block(path) : nullptr;
    if (block != nullptr) {
        executable[length] = '\0';
        if (is_wanted(*block, {executable, static_cast<size_t>(length)}) && claim(*block) && announce(*block)) {
            char preload_before[8192] = {};
            if (const char* const preload = ::getenv("LD_PRELOAD")) ::strncpy(preload_before, preload, sizeof preload_before - 1);
            ::unsetenv(leakline::unwind::kFollowVariable);
            ::setenv("LD_PRELOAD", block->preload, 1);
            ::setenv("DUMP_HEAPTRACK_OUTPUT", block->stream, 1);
            const auto pipe_handler = ::signal(SIGPIPE, SIG_IGN);
            ::execv(executable, arguments);
            // Its file was removed or replaced: it continues as without the recorder.
            ::signal(SIGPIPE, pipe_handler);
            ::unsetenv("DUMP_HEAPTRACK_OUTPUT");
            ::setenv("LD_PRELOAD", preload_before, 1);
        }
        ::munmap(block, sizeof(FollowBlock));
    }
    errno = errno_before;
}

}  // namespace
