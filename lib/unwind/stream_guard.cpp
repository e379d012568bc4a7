// The library that separates the tracker's descriptors from the recorded program. The tracker writes its stream to one, and reads
// memory figures from another; the program does not know them. A program that closes all descriptors that it did not open
// (closefrom, close_range, a loop of close) gets those numbers again for files and clients' connections of its own, and the
// tracker's records with them.
//
// So the tracker gets numbers that no descriptor can have, and the real descriptors have high numbers, away from those that the
// program opens, and from those that it closes in bulk. A program that asks for exactly that number gets it: the tracker's descriptor moves.
// A change that bypasses this (a direct system call) is detected before each use: no other file is written to,
// and the stream ends there, which the collecting process notices.
//
// Nothing here allocates or waits for more than a write under way, and all of it may be called in a signal's handler and in the
// child of a vfork.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <string_view>
#include <utility>

#include "unwind/next_function.hpp"
#include "unwind/system_call.hpp"

namespace {

using leakline::unwind::Next;
using leakline::unwind::system_call;
using leakline::unwind::thread_block;

// Numbers from here on are rarely used; a higher one would make the kernel's table of descriptors, and each fork, larger.
constexpr rlim_t kPreferred = 1000, kBelowLimit = 8;

constinit Next<int (*)(const char*, int, ...)> next_open("open");
constinit Next<int (*)(const char*, int, ...)> next_open64("open64");
constinit Next<ssize_t (*)(int, const void*, size_t)> next_write("write");
constinit Next<ssize_t (*)(int, void*, size_t)> next_read("read");
constinit Next<off_t (*)(int, off_t, int)> next_lseek("lseek");
constinit Next<int (*)(int)> next_close("close");
constinit Next<int (*)(int, int)> next_flock("flock");
constinit Next<int (*)(int, int)> next_dup2("dup2");
constinit Next<int (*)(int, int, int)> next_dup3("dup3");
constinit Next<void (*)(int)> next_closefrom("closefrom");
constinit Next<int (*)(unsigned, unsigned, int)> next_close_range("close_range");
using SystemCall = long (*)(long, long, long, long, long, long, long);
constinit Next<SystemCall> next_syscall("syscall");

int answer(long result) {
    if (result >= 0) return static_cast<int>(result);
    errno = static_cast<int>(-result);
    return -1;
}

void close_now(int descriptor) { system_call(SYS_close, descriptor); }

int move_up(int descriptor) {
    rlimit limit{};
    rlim_t from = kPreferred;
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < from + kBelowLimit)
        from = limit.rlim_cur > 2 * kBelowLimit ? limit.rlim_cur - kBelowLimit : 0;
    return ::fcntl(descriptor, F_DUPFD_CLOEXEC, static_cast<int>(from));
}

// A descriptor of the tracker's.
class Guarded {
  public:
    constexpr explicit Guarded(int number) : trackers_number(number) {}

    const int trackers_number;

    bool taken() const { return taken_.load(std::memory_order_relaxed); }
    int at() const { return at_.load(std::memory_order_relaxed); }  // -1: nowhere, not yet or no more
    bool is_at(int descriptor) const {
        return descriptor >= 0 && (descriptor == at() || descriptor == leaving_.load(std::memory_order_relaxed));
    }
    void forget() {
        at_.store(-1, std::memory_order_relaxed);
        leaving_.store(-1, std::memory_order_relaxed);
    }

    // The number that the tracker uses for it.
    int take(int descriptor) {
        struct stat status;
        if (descriptor < 0 || taken_.exchange(true) || ::fstat(descriptor, &status) != 0) return descriptor;
        if (const int high = move_up(descriptor); high >= 0) {
            close_now(descriptor);
            descriptor = high;
        }
        device_ = status.st_dev;
        inode_ = status.st_ino;
        process_ = ::getpid();
        at_.store(descriptor);
        return trackers_number;
    }
    // use(descriptor), while it stays where it is. Nothing where it is not the tracker's any more.
    template <typename Use>
    bool with(Use use) {
        user_.store(thread_block());
        const int descriptor = at_.load();
        const bool ours = still_ours(descriptor);
        if (ours)
            use(descriptor);
        else
            at_.store(-1);
        user_.store(0);
        return ours;
    }
    void close() {
        if (const int descriptor = at_.exchange(-1); still_ours(descriptor)) close_now(descriptor);
    }
    bool still_ours(int descriptor) const {
        struct stat status;
        return descriptor >= 0 && ::fstat(descriptor, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
    }

    // Makes room for what a program puts at number. False where that cannot be done now: the call then fails like one that is
    // in a race with an open (EBUSY, dup(2)), rather than have the tracker write into what comes to stand there.
    bool vacate(int number) {
        if (moving_.exchange(true)) return false;
        // Not in a signal that came within the use.
        const bool moved = user_.load() != thread_block() && leave_old_number(number) && (number != at_.load() || leave(number));
        moving_.store(false);
        return moved;
    }
    // Whether dup2 and its like have to wait for vacate(): not for a call that will fail or changes nothing, and not in the child
    // of a vfork, which has a table of descriptors of its own, and this memory.
    bool is_overwritten(int from, int to) const { return is_at(to) && from != to && ::fcntl(from, F_GETFD) >= 0 && ::getpid() == process_; }

  private:
    // Uses that begin from now on are of a new number. It is not taken back where the wait is too short, as one of them may be
    // under way: the next call that wants a number goes on waiting.
    bool leave(int number) {
        leaving_.store(number);
        at_.store(move_up(number));  // with no descriptor left it ends here
        return leave_old_number(number);
    }
    // Waits until no use of the number that it has left can be under way. wanted: is overwritten next.
    bool leave_old_number(int wanted) {
        const int old = leaving_.load();
        if (old < 0) return true;
        constexpr int kTries = 100'000;  // a full pipe is soon emptied
        for (int i = 0; user_.load() != 0 && i < kTries; ++i) system_call(SYS_sched_yield);
        if (user_.load() != 0) return false;
        leaving_.store(-1);
        if (old != wanted) close_now(old);
        return true;
    }

    std::atomic<bool> taken_{false}, moving_{false};
    std::atomic<int> at_{-1};
    std::atomic<int> leaving_{-1};        // the number that it had, while a use of it may be under way
    std::atomic<unsigned long> user_{0};  // the thread that uses it, or 0: the tracker has a lock for that
    dev_t device_ = 0;                    // these are written before at_
    ino_t inode_ = 0;
    pid_t process_ = 0;
};

// The kernel's own limit of descriptors (fs.nr_open) lies below these.
constinit Guarded stream(INT_MAX), statistics(INT_MAX - 1);

// A child has its own descriptors: the tracker does nothing there.
void in_child() {
    stream.forget();
    statistics.forget();
}

bool is_tracker(void* code) {
    dl_find_object found;
    return _dl_find_object(code, &found) == 0 && std::string_view(found.dlfo_link_map->l_name).ends_with("/libheaptrack_preload.so");
}

// Files that the tracker opens: its stream, to write to, and its own process's statistics.
int opened(int descriptor, const char* path, int flags, void* caller) {
    if (!is_tracker(caller)) return descriptor;
    if (std::string_view(path) == "/proc/self/statm") return statistics.take(descriptor);
    if ((flags & O_ACCMODE) != O_WRONLY || stream.taken() || ::pthread_atfork(nullptr, nullptr, in_child) != 0) return descriptor;
    static char name[] = "leakline-stream-guard";
    leakline::unwind::take_name(name);
    // All are looked up now: dlsym is nothing for a signal's handler.
    next_write.get(), next_read.get(), next_close.get(), next_lseek.get(), next_flock.get(), next_dup2.get(), next_dup3.get();
    next_closefrom.get(), next_close_range.get(), next_syscall.get(), next_open.get(), next_open64.get();
    return stream.take(descriptor);
}

bool vacate(int from, int to) {
    for (Guarded* guarded : {&stream, &statistics})
        if (guarded->is_overwritten(from, to) && !guarded->vacate(to)) return false;
    return true;
}

bool is_guarded(int descriptor) { return stream.is_at(descriptor) || statistics.is_at(descriptor); }

// Those in [first, last], ascending; -1 behind them.
struct Spared {
    int numbers[2] = {-1, -1};
    Spared(unsigned first, unsigned last) {
        int count = 0;
        for (const Guarded* guarded : {&stream, &statistics})
            if (const int at = guarded->at(); at >= 0 && first <= static_cast<unsigned>(at) && static_cast<unsigned>(at) <= last)
                numbers[count++] = at;
        if (count == 2 && numbers[1] < numbers[0]) std::swap(numbers[0], numbers[1]);
    }
    bool any() const { return numbers[0] >= 0; }
};

// Without close_range(2): an old kernel, or a sandbox.
void close_each(unsigned first) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    for (auto descriptor = static_cast<int>(first); static_cast<rlim_t>(descriptor) < limit.rlim_cur; ++descriptor)
        if (!is_guarded(descriptor)) close_now(descriptor);
}

long close_around(const Spared& spared, unsigned first, unsigned last, unsigned flags) {
    long result = 0;
    for (const int number : spared.numbers) {
        if (number < 0) break;
        const auto at = static_cast<unsigned>(number);
        if (first < at) {
            result = system_call(SYS_close_range, first, at - 1, flags);
            if (result != 0) return result;
            flags &= ~static_cast<unsigned>(CLOSE_RANGE_UNSHARE);
        }
        first = at + 1;
    }
    return first <= last ? system_call(SYS_close_range, first, last, flags) : 0;
}

}  // namespace

#define LEAKLINE_EXPORT [[gnu::visibility("default")]]

extern "C" {

LEAKLINE_EXPORT int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    const int descriptor = next_open.get()(path, flags, mode);
    if (descriptor < 0 || (stream.taken() && statistics.taken())) return descriptor;
    return opened(descriptor, path, flags, __builtin_return_address(0));
}

LEAKLINE_EXPORT int open64(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    const int descriptor = next_open64.get()(path, flags, mode);
    if (descriptor < 0 || (stream.taken() && statistics.taken())) return descriptor;
    return opened(descriptor, path, flags, __builtin_return_address(0));
}

LEAKLINE_EXPORT ssize_t write(int descriptor, const void* bytes, size_t size) {
    if (descriptor == stream.trackers_number) [[unlikely]] {
        // If there is no stream any more, the tracker's writes are discarded: an error would make it print a message.
        long result = static_cast<long>(size);
        stream.with([&](int to) { result = system_call(SYS_write, to, reinterpret_cast<long>(bytes), static_cast<long>(size)); });
        return result >= 0 ? result : answer(result);
    }
    const auto next = next_write.get();
    LEAKLINE_TAIL_CALL return next(descriptor, bytes, size);
}

LEAKLINE_EXPORT ssize_t read(int descriptor, void* bytes, size_t size) {
    if (descriptor == statistics.trackers_number) [[unlikely]] {
        long result = -EBADF;
        statistics.with(
            [&](int from) { result = system_call(SYS_pread64, from, reinterpret_cast<long>(bytes), static_cast<long>(size), 0); });
        return result >= 0 ? result : answer(result);
    }
    const auto next = next_read.get();
    LEAKLINE_TAIL_CALL return next(descriptor, bytes, size);
}

LEAKLINE_EXPORT off_t lseek(int descriptor, off_t offset, int origin) noexcept {
    if (descriptor == statistics.trackers_number) return 0;  // it is read from its beginning each time
    return next_lseek.get()(descriptor, offset, origin);
}

LEAKLINE_EXPORT off_t lseek64(int descriptor, off_t offset, int origin) noexcept { return lseek(descriptor, offset, origin); }

LEAKLINE_EXPORT int leakline_flock(int descriptor, int operation) __asm__("flock");  // there is a structure of that name
int leakline_flock(int descriptor, int operation) {
    return next_flock.get()(descriptor == stream.trackers_number ? stream.at() : descriptor, operation);
}

LEAKLINE_EXPORT int close(int descriptor) {
    for (Guarded* guarded : {&stream, &statistics}) {
        if (descriptor == guarded->trackers_number) {
            guarded->close();
            return 0;
        }
        if (guarded->is_at(descriptor) && guarded->still_ours(descriptor)) return 0;
    }
    const auto next = next_close.get();
    LEAKLINE_TAIL_CALL return next(descriptor);
}

LEAKLINE_EXPORT int dup2(int from, int to) noexcept {
    if (is_guarded(to) && !vacate(from, to)) return answer(-EBUSY);
    return next_dup2.get()(from, to);
}

LEAKLINE_EXPORT int dup3(int from, int to, int flags) noexcept {
    if (is_guarded(to) && !vacate(from, to)) return answer(-EBUSY);
    return next_dup3.get()(from, to, flags);
}

LEAKLINE_EXPORT int close_range(unsigned first, unsigned last, int flags) noexcept {
    const Spared spared(first, last);
    if (!spared.any() || (flags & static_cast<int>(CLOSE_RANGE_CLOEXEC)) != 0) return next_close_range.get()(first, last, flags);
    return answer(close_around(spared, first, last, static_cast<unsigned>(flags)));
}

LEAKLINE_EXPORT void closefrom(int first) noexcept {
    const unsigned low = first > 0 ? static_cast<unsigned>(first) : 0;
    const Spared spared(low, UINT_MAX);
    if (!spared.any()) return next_closefrom.get()(first);
    if (close_around(spared, low, UINT_MAX, 0) != 0) close_each(low);
}

// Portable programs ask for close_range by its number. As functions of one kind, so that it ends with a jump to the C library's,
// whose arguments stay where they are: a clone() by number comes back on another stack.
LEAKLINE_EXPORT long leakline_syscall(long number, long a, long b, long c, long d, long e, long f) __asm__("syscall");
long leakline_syscall(long number, long a, long b, long c, long d, long e, long f) {
    switch (number) {
        case SYS_close:
            if (is_guarded(static_cast<int>(a))) return close(static_cast<int>(a));
            break;
        case SYS_close_range: return close_range(static_cast<unsigned>(a), static_cast<unsigned>(b), static_cast<int>(c));
        case SYS_dup2:
            if (is_guarded(static_cast<int>(b))) return dup2(static_cast<int>(a), static_cast<int>(b));
            break;
        case SYS_dup3:
            if (is_guarded(static_cast<int>(b))) return dup3(static_cast<int>(a), static_cast<int>(b), static_cast<int>(c));
            break;
        default: break;
    }
    const auto next = next_syscall.get();
    LEAKLINE_TAIL_CALL return next(number, a, b, c, d, e, f);
}

}  // extern "C"
