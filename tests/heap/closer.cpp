// A program that deals with descriptors which it did not open as daemons do, then opens its own and allocates. Exit code 0: nothing
// but its own bytes got into what it opened, and it was given the numbers that it would be given unrecorded.
//
// closer HOW...            one after the other
//   closefrom, close_range, loop, number      closes all from 3 on (number: close_range by syscall())
//   unshare, cloexec                          close_range with that flag
//   dup2, dup3, dup2_number                   puts a file of its own at each number up to 1100
//   threads                                   does that while other threads allocate
//   handler                                   closes and dup2s within a signal's handler, repeatedly
//   fork, vfork                               a child closes all and runs another program
//   raw, raw_dup2                             with system calls of its own, which no library sees
#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kHighest = 1100;

void* kept[64];

void allocate(int count) {
    for (int i = 0; i < count; ++i) {
        void*& place = kept[i % 64];
        std::free(place);
        place = std::malloc(static_cast<std::size_t>(i % 1000 + 1));
    }
}

long raw_call(long number, long a, long b, long c) {
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

int own_file() {
    char path[] = "/tmp/leakline-closer-XXXXXX";
    const int file = ::mkstemp(path);
    ::unlink(path);
    return file;
}

void take_all_numbers(int file, int (*take)(int, int)) {
    for (int number = 3; number <= kHighest; ++number)
        if (number != file && take(file, number) != number && errno != EBUSY) std::_Exit(3);
}

void close_from_signal(int) {
    const int saved = errno;
    for (int number = 990; number <= 1010; ++number) ::close(number);
    errno = saved;
}

int run(const std::string& how) {
    if (how == "closefrom") ::closefrom(3);
    if (how == "close_range") ::close_range(3, ~0U, 0);
    if (how == "unshare") ::close_range(3, ~0U, CLOSE_RANGE_UNSHARE);
    if (how == "cloexec") ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (how == "number") ::syscall(SYS_close_range, 3, ~0U, 0);
    if (how == "raw") raw_call(SYS_close_range, 3, ~0U, 0);
    if (how == "loop")
        for (int number = 3; number < 4096; ++number) ::close(number);
    int mine = -1;
    if (how == "dup2") take_all_numbers(mine = own_file(), [](int from, int to) { return ::dup2(from, to); });
    if (how == "dup3") take_all_numbers(mine = own_file(), [](int from, int to) { return ::dup3(from, to, O_CLOEXEC); });
    if (how == "dup2_number")
        take_all_numbers(mine = own_file(), [](int from, int to) { return static_cast<int>(::syscall(SYS_dup2, from, to)); });
    if (how == "raw_dup2")
        take_all_numbers(mine = own_file(), [](int from, int to) { return static_cast<int>(raw_call(SYS_dup2, from, to, 0)); });
    if (how == "threads") {
        std::atomic<bool> stop{false};
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i)
            threads.emplace_back([&] {
                while (!stop) std::free(std::malloc(100));
            });
        mine = own_file();
        for (int round = 0; round < 20; ++round) {
            take_all_numbers(mine, [](int from, int to) { return ::dup2(from, to); });
            for (int number = 3; number <= kHighest; ++number)
                if (number != mine) ::close(number);
        }
        stop = true;
        for (std::thread& thread : threads) thread.join();
    }
    if (how == "handler") {
        struct sigaction action {};
        action.sa_handler = close_from_signal;
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGALRM, &action, nullptr);
        const itimerval often{{0, 500}, {0, 500}}, never{};
        ::setitimer(ITIMER_REAL, &often, nullptr);
        allocate(300'000);
        ::setitimer(ITIMER_REAL, &never, nullptr);
    }
    if (how == "fork" || how == "vfork") {
        for (int i = 0; i < 20; ++i) {
            const pid_t child = how == "fork" ? ::fork() : ::vfork();
            if (child == 0) {
                ::closefrom(3);
                ::execl("/bin/true", "true", static_cast<char*>(nullptr));
                ::_exit(1);
            }
            int status = 0;
            if (::waitpid(child, &status, 0) != child || status != 0) return 4;
            allocate(1000);
        }
    }
    // As a program does after it has closed all: the lowest numbers, from 3 on.
    std::vector<int> files;
    for (int i = 0; i < 20; ++i) {
        files.push_back(own_file());
        const bool bulk =
            how == "closefrom" || how == "close_range" || how == "unshare" || how == "number" || how == "loop" || how == "raw";
        if (bulk && files.back() != 3 + i) return 5;
    }
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) return 6;
    allocate(100'000);
    char byte;
    for (const int peer : sockets)
        if (::recv(peer, &byte, 1, MSG_DONTWAIT) >= 0) return 7;
    if (mine >= 0) files.push_back(mine);
    for (const int file : files) {
        struct stat status {};
        if (::fstat(file, &status) != 0) return 8;
        if (status.st_size != 0) return 9;
    }
    for (const int file : files) ::close(file);
    for (const int socket : sockets) ::close(socket);
    if (how.rfind("raw", 0) == 0) ::usleep(2'300'000);  // longer than a process that is about to end
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    allocate(3000);  // the tracker is at work by now
    for (int i = 1; i < argc; ++i)
        if (const int problem = run(argv[i]); problem != 0) return std::fprintf(stderr, "%s: %d\n", argv[i], problem), problem;
    return 0;
}
