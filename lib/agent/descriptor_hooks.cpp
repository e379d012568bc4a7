// Hooks of the C library's functions that open and close descriptors. The program's call is passed on first; the stack of one that opened
// a descriptor is recorded afterwards. An entry is cleared before its number is closed: once it is, another thread may have it.
//
// The C library's own calls of these functions do not reach the hooks: functions that open descriptors inside of it have hooks of their own
// (fopen, opendir, popen). open, accept, close and others are cancellation points: a thread may end inside the call, with no lock held.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "agent/internal/agent.hpp"
#include "agent/internal/hook.hpp"
#include "agent/internal/hooks.hpp"
#include "agent/internal/real_functions.hpp"

namespace leakline::agent {

namespace {

using Path = const char*;
using Mode = const char*;

// Variadic functions take their optional argument in the same register as if it were declared; without it, the value is not used.
#define LEAKLINE_OPENERS(X)                                                                                     \
    X(open, (Path path, int flags, mode_t mode), (path, flags, mode))                                           \
    X(open64, (Path path, int flags, mode_t mode), (path, flags, mode))                                         \
    X(__open_2, (Path path, int flags), (path, flags))                                                          \
    X(__open64_2, (Path path, int flags), (path, flags))                                                        \
    X(openat, (int folder, Path path, int flags, mode_t mode), (folder, path, flags, mode))                     \
    X(openat64, (int folder, Path path, int flags, mode_t mode), (folder, path, flags, mode))                   \
    X(__openat_2, (int folder, Path path, int flags), (folder, path, flags))                                    \
    X(__openat64_2, (int folder, Path path, int flags), (folder, path, flags))                                  \
    X(creat, (Path path, mode_t mode), (path, mode))                                                            \
    X(creat64, (Path path, mode_t mode), (path, mode))                                                          \
    X(mkstemp, (char* path), (path))                                                                            \
    X(mkstemp64, (char* path), (path))                                                                          \
    X(mkostemp, (char* path, int flags), (path, flags))                                                         \
    X(mkostemp64, (char* path, int flags), (path, flags))                                                       \
    X(mkstemps, (char* path, int suffix), (path, suffix))                                                       \
    X(mkstemps64, (char* path, int suffix), (path, suffix))                                                     \
    X(mkostemps, (char* path, int suffix, int flags), (path, suffix, flags))                                    \
    X(mkostemps64, (char* path, int suffix, int flags), (path, suffix, flags))                                  \
    X(shm_open, (Path path, int flags, mode_t mode), (path, flags, mode))                                       \
    X(memfd_create, (Path name, unsigned flags), (name, flags))                                                 \
    X(posix_openpt, (int flags), (flags))                                                                       \
    X(socket, (int domain, int type, int protocol), (domain, type, protocol))                                   \
    X(accept, (int listener, sockaddr* address, socklen_t* size), (listener, address, size))                    \
    X(accept4, (int listener, sockaddr* address, socklen_t* size, int flags), (listener, address, size, flags)) \
    X(dup, (int from), (from))                                                                                  \
    X(eventfd, (unsigned initial, int flags), (initial, flags))                                                 \
    X(timerfd_create, (int clock, int flags), (clock, flags))                                                   \
    X(epoll_create, (int size), (size))                                                                         \
    X(epoll_create1, (int flags), (flags))                                                                      \
    X(inotify_init, (), ())                                                                                     \
    X(inotify_init1, (int flags), (flags))                                                                      \
    X(fanotify_init, (unsigned flags, unsigned event_flags), (flags, event_flags))                              \
    X(pidfd_open, (pid_t process, unsigned flags), (process, flags))

// Functions that return a stream.
#define LEAKLINE_STREAM_OPENERS(X)                   \
    X(fopen, (Path path, Mode mode), (path, mode))   \
    X(fopen64, (Path path, Mode mode), (path, mode)) \
    X(tmpfile, (), ())                               \
    X(tmpfile64, (), ())                             \
    X(popen, (Path command, Mode mode), (command, mode))

// All others. An attached agent sets the hooks of those that can close a descriptor (frees) before the others.
#define LEAKLINE_OTHERS(X)                                   \
    X(frees, FILE*, freopen, (Path, Mode, FILE*))            \
    X(frees, FILE*, freopen64, (Path, Mode, FILE*))          \
    X(allocates, DIR*, opendir, (Path))                      \
    X(allocates, int, dup2, (int, int))                      \
    X(allocates, int, dup3, (int, int, int))                 \
    X(allocates, int, fcntl, (int, int, long))               \
    X(allocates, int, fcntl64, (int, int, long))             \
    X(allocates, int, signalfd, (int, const sigset_t*, int)) \
    X(allocates, int, pipe, (int*))                          \
    X(allocates, int, pipe2, (int*, int))                    \
    X(allocates, int, socketpair, (int, int, int, int*))     \
    X(allocates, ssize_t, recvmsg, (int, msghdr*, int))      \
    X(frees, int, close, (int))                              \
    X(frees, int, close_range, (unsigned, unsigned, int))    \
    X(frees, void, closefrom, (int))                         \
    X(frees, int, fclose, (FILE*))                           \
    X(frees, int, pclose, (FILE*))                           \
    X(frees, int, closedir, (DIR*))

// A function that this C library lacks; the program has found ours.
template <typename Result>
Result missing(Result failure) {
    errno = ENOSYS;
    return failure;
}

// -1: of a stream without one.
int descriptor_of(FILE* stream) {
    const int error = errno;
    const int number = stream != nullptr ? ::fileno_unlocked(stream) : -1;
    errno = error;
    return number;
}

void opened(int number, const void* frame) {
    if (number >= 0) descriptor_opened(number, frame);
}
void closes(int number) {
    if (number >= 0) descriptors_close(static_cast<unsigned>(number), static_cast<unsigned>(number));
}

#define LEAKLINE_NEXT(result, name, parameters) constinit Behind<result(*) parameters> next_##name{#name};
#define LEAKLINE_NEXT_OPENER(name, parameters, arguments) LEAKLINE_NEXT(int, name, parameters)
#define LEAKLINE_NEXT_STREAM_OPENER(name, parameters, arguments) LEAKLINE_NEXT(FILE*, name, parameters)
#define LEAKLINE_NEXT_OTHER(kind, result, name, parameters) LEAKLINE_NEXT(result, name, parameters)

LEAKLINE_OPENERS(LEAKLINE_NEXT_OPENER)
LEAKLINE_STREAM_OPENERS(LEAKLINE_NEXT_STREAM_OPENER)
LEAKLINE_OTHERS(LEAKLINE_NEXT_OTHER)

}  // namespace

#define LEAKLINE_OPENER(name, parameters, arguments) \
    LEAKLINE_HOOK(int, name, parameters) {           \
        const auto call = next_##name.get();         \
        if (call == nullptr) return missing(-1);     \
        const int descriptor = call arguments;       \
        opened(descriptor, LEAKLINE_FRAME);          \
        return descriptor;                           \
    }
LEAKLINE_OPENERS(LEAKLINE_OPENER)

#define LEAKLINE_STREAM_OPENER(name, parameters, arguments)  \
    LEAKLINE_HOOK(FILE*, name, parameters) {                 \
        const auto call = next_##name.get();                 \
        if (call == nullptr) return missing<FILE*>(nullptr); \
        FILE* const stream = call arguments;                 \
        opened(descriptor_of(stream), LEAKLINE_FRAME);       \
        return stream;                                       \
    }
LEAKLINE_STREAM_OPENERS(LEAKLINE_STREAM_OPENER)

#define LEAKLINE_REOPENER(name)                                         \
    LEAKLINE_HOOK(FILE*, name, (Path path, Mode mode, FILE * stream)) { \
        const auto call = next_##name.get();                            \
        if (call == nullptr) return missing<FILE*>(nullptr);            \
        closes(descriptor_of(stream));                                  \
        FILE* const reopened = call(path, mode, stream);                \
        opened(descriptor_of(reopened), LEAKLINE_FRAME);                \
        return reopened;                                                \
    }
LEAKLINE_REOPENER(freopen)
LEAKLINE_REOPENER(freopen64)

LEAKLINE_HOOK(DIR*, opendir, (Path path)) {
    const auto call = next_opendir.get();
    if (call == nullptr) return missing<DIR*>(nullptr);
    DIR* const folder = call(path);
    if (folder != nullptr) opened(::dirfd(folder), LEAKLINE_FRAME);
    return folder;
}

// A copy to the same number changes nothing.
LEAKLINE_HOOK(int, dup2, (int from, int to)) {
    const auto call = next_dup2.get();
    if (call == nullptr) return missing(-1);
    const int number = call(from, to);
    if (from != to) opened(number, LEAKLINE_FRAME);
    return number;
}
LEAKLINE_HOOK(int, dup3, (int from, int to, int flags)) {
    const auto call = next_dup3.get();
    if (call == nullptr) return missing(-1);
    const int number = call(from, to, flags);
    opened(number, LEAKLINE_FRAME);
    return number;
}

#define LEAKLINE_FCNTL(name)                                                                  \
    LEAKLINE_HOOK(int, name, (int number, int command, long argument)) {                      \
        const auto call = next_##name.get();                                                  \
        if (call == nullptr) return missing(-1);                                              \
        const int result = call(number, command, argument);                                   \
        if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) opened(result, LEAKLINE_FRAME); \
        return result;                                                                        \
    }
LEAKLINE_FCNTL(fcntl)
LEAKLINE_FCNTL(fcntl64)

// With a descriptor, it changes that one.
LEAKLINE_HOOK(int, signalfd, (int number, const sigset_t* signals, int flags)) {
    const auto call = next_signalfd.get();
    if (call == nullptr) return missing(-1);
    const int result = call(number, signals, flags);
    if (number == -1) opened(result, LEAKLINE_FRAME);
    return result;
}

#define LEAKLINE_PAIR_OPENER(name, parameters, arguments) \
    LEAKLINE_HOOK(int, name, parameters) {                \
        const auto call = next_##name.get();              \
        if (call == nullptr) return missing(-1);          \
        const int result = call arguments;                \
        if (result == 0) {                                \
            opened(ends[0], LEAKLINE_FRAME);              \
            opened(ends[1], LEAKLINE_FRAME);              \
        }                                                 \
        return result;                                    \
    }
LEAKLINE_PAIR_OPENER(pipe, (int* ends), (ends))
LEAKLINE_PAIR_OPENER(pipe2, (int* ends, int flags), (ends, flags))
LEAKLINE_PAIR_OPENER(socketpair, (int domain, int type, int protocol, int* ends), (domain, type, protocol, ends))

// Descriptors that another process has sent.
LEAKLINE_HOOK(ssize_t, recvmsg, (int socket, msghdr* message, int flags)) {
    const auto call = next_recvmsg.get();
    if (call == nullptr) return missing<ssize_t>(-1);
    const ssize_t result = call(socket, message, flags);
    if (result < 0 || message->msg_controllen == 0) return result;
    for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS || part->cmsg_len < CMSG_LEN(0)) continue;
        const std::size_t bytes = part->cmsg_len - CMSG_LEN(0);
        for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
            int number;
            __builtin_memcpy(&number, CMSG_DATA(part) + at, sizeof number);
            opened(number, LEAKLINE_FRAME);
        }
    }
    return result;
}

LEAKLINE_HOOK(int, close, (int number)) {
    const auto call = next_close.get();
    if (call == nullptr) return missing(-1);
    closes(number);
    LEAKLINE_TAIL_CALL return call(number);
}
// It may fail, and is called where nothing else runs.
LEAKLINE_HOOK(int, close_range, (unsigned first, unsigned last, int flags)) {
    const auto call = next_close_range.get();
    if (call == nullptr) return missing(-1);
    const int result = call(first, last, flags);
    if (result == 0 && (static_cast<unsigned>(flags) & CLOSE_RANGE_CLOEXEC) == 0) descriptors_close(first, last);
    return result;
}
LEAKLINE_HOOK(void, closefrom, (int first)) {
    const auto call = next_closefrom.get();
    if (call == nullptr) return;
    call(first);
    descriptors_close(first > 0 ? static_cast<unsigned>(first) : 0, ~0u);
}
LEAKLINE_HOOK(int, fclose, (FILE * stream)) {
    const auto call = next_fclose.get();
    if (call == nullptr) return missing(-1);
    closes(descriptor_of(stream));
    LEAKLINE_TAIL_CALL return call(stream);
}
LEAKLINE_HOOK(int, pclose, (FILE * stream)) {
    const auto call = next_pclose.get();
    if (call == nullptr) return missing(-1);
    closes(descriptor_of(stream));
    LEAKLINE_TAIL_CALL return call(stream);
}
LEAKLINE_HOOK(int, closedir, (DIR * folder)) {
    const auto call = next_closedir.get();
    if (call == nullptr) return missing(-1);
    if (folder != nullptr) closes(::dirfd(folder));
    LEAKLINE_TAIL_CALL return call(folder);
}

#ifdef LEAKLINE_ATTACHED
namespace {

#define LEAKLINE_OPENER_ROW(name, parameters, arguments) LEAKLINE_ROW_OF_LIBC(allocates, name, next_##name),
#define LEAKLINE_OTHER_ROW(kind, result, name, parameters) LEAKLINE_ROW_OF_LIBC(kind, name, next_##name),
const Hook descriptor_table[] = {LEAKLINE_OPENERS(LEAKLINE_OPENER_ROW) LEAKLINE_STREAM_OPENERS(LEAKLINE_OPENER_ROW)
                                     LEAKLINE_OTHERS(LEAKLINE_OTHER_ROW)};

}  // namespace

std::span<const Hook> descriptor_hooks() { return all_of(descriptor_table); }
#else
#define LEAKLINE_FIND_OPENER(name, parameters, arguments) next_##name.get();
#define LEAKLINE_FIND_OTHER(kind, result, name, parameters) next_##name.get();
void find_descriptor_functions() {
    LEAKLINE_OPENERS(LEAKLINE_FIND_OPENER)
    LEAKLINE_STREAM_OPENERS(LEAKLINE_FIND_OPENER)
    LEAKLINE_OTHERS(LEAKLINE_FIND_OTHER)
}
#endif

}  // namespace leakline::agent
