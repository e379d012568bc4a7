// Opens descriptors in every way that the C library has, and closes some of them. Each function of the name leave_... leaves three open; the
// others leave none that they report as theirs.
//
//   open_descriptors MODE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kLeft = 3;
const char kFile[] = "/etc/passwd";

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "open_descriptors: %s (errno %d)\n", what, errno);
    std::_Exit(1);
}
int valid(int descriptor, const char* what) {
    require(descriptor >= 0, what);
    return descriptor;
}

void leave_open() { valid(::open(kFile, O_RDONLY), "open"); }
void leave_openat() { valid(::openat(AT_FDCWD, kFile, O_RDONLY | O_CLOEXEC), "openat"); }
void leave_creat() {
    char path[] = "/tmp/open_descriptors_XXXXXX";
    ::close(valid(::mkstemp(path), "mkstemp"));
    valid(::creat(path, 0600), "creat");
    ::unlink(path);
}
void leave_mkstemp() {
    char path[] = "/tmp/open_descriptors_XXXXXX";
    valid(::mkostemp(path, O_CLOEXEC), "mkostemp");
    ::unlink(path);
}
void leave_fopen() { require(std::fopen(kFile, "r") != nullptr, "fopen"); }
void leave_freopen() {
    std::FILE* const stream = std::fopen("/etc/hosts", "r");
    require(stream != nullptr && std::freopen(kFile, "r", stream) == stream, "freopen");
}
void leave_fstream() {
    auto* const stream = new std::ifstream(kFile);
    require(stream->is_open(), "ifstream");
}
void leave_tmpfile() { require(std::tmpfile() != nullptr, "tmpfile"); }
void leave_opendir() { require(::opendir("/") != nullptr, "opendir"); }
void leave_popen() { require(::popen("true", "r") != nullptr, "popen"); }
void leave_memfd() { valid(::memfd_create("left", MFD_CLOEXEC), "memfd_create"); }
void leave_socket() { valid(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"); }
void leave_dup() { valid(::dup(0), "dup"); }
void leave_dup2() {
    static int number = 200;
    valid(::dup2(0, number++), "dup2");
}
void leave_fcntl() { valid(::fcntl(0, F_DUPFD_CLOEXEC, 300), "fcntl"); }
void leave_eventfd() { valid(::eventfd(0, 0), "eventfd"); }
void leave_timerfd() { valid(::timerfd_create(CLOCK_MONOTONIC, 0), "timerfd_create"); }
void leave_epoll() { valid(::epoll_create1(0), "epoll_create1"); }
void leave_inotify() { valid(::inotify_init1(0), "inotify_init1"); }
void leave_signalfd() {
    sigset_t signals;
    sigemptyset(&signals);
    const int descriptor = valid(::signalfd(-1, &signals, 0), "signalfd");
    require(::signalfd(descriptor, &signals, 0) == descriptor, "signalfd again");
}
void leave_pipe() {
    int ends[2];
    require(::pipe(ends) == 0, "pipe");
    ::close(ends[1]);
}
void leave_pipe2() {
    int ends[2];
    require(::pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    ::close(ends[0]);
}
void leave_socketpair() {
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    ::close(ends[0]);
}

int listening() {
    const int listener = valid(::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;  // the kernel chooses an abstract name
    require(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) == 0 && ::listen(listener, 8) == 0, "listen");
    return listener;
}
int connected_to(int listener) {
    sockaddr_un address{};
    socklen_t size = sizeof address;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    const int client = valid(::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    require(::connect(client, reinterpret_cast<sockaddr*>(&address), size) == 0, "connect");
    return client;
}
void leave_accept() {
    const int listener = listening(), client = connected_to(listener);
    valid(::accept(listener, nullptr, nullptr), "accept");
    ::close(client);
    ::close(listener);
}

union OneDescriptor {
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};
void leave_received() {
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    char byte = 'x';
    iovec data{&byte, 1};
    OneDescriptor control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    std::memset(CMSG_DATA(&control.header), 0, sizeof(int));  // descriptor 0
    require(::sendmsg(ends[0], &message, 0) == 1, "sendmsg");
    require(::recvmsg(ends[1], &message, 0) == 1, "recvmsg");
    ::close(ends[0]);
    ::close(ends[1]);
}

// Closed in every way, also in those that the hooks do not see.
void open_and_close() {
    ::close(::open(kFile, O_RDONLY));
    std::fclose(std::fopen(kFile, "r"));
    ::closedir(::opendir("/"));
    ::pclose(::popen("true", "r"));
    { std::ifstream stream(kFile); }
    const int twice = ::open(kFile, O_RDONLY), replaced = ::open(kFile, O_RDONLY);
    ::dup2(twice, replaced);
    ::close(twice);
    ::close(replaced);
    require(::close(replaced) == -1 && errno == EBADF, "close of a closed descriptor");
    // The number is used again at once, by a function that is seen.
    const int unseen = ::open(kFile, O_RDONLY);
    ::syscall(SYS_close, unseen);
    const int again = ::open(kFile, O_RDONLY);
    require(again == unseen, "the lowest number");
    ::close(again);
    const int first = ::dup2(0, 900);
    ::dup2(0, 901);
    require(::close_range(static_cast<unsigned>(first), 950, 0) == 0 || errno == ENOSYS, "close_range");
    ::close(900);
    ::close(901);
}

void errors_are_kept() {
    require(::open("/nowhere", O_RDONLY) == -1 && errno == ENOENT, "errno of open");
    errno = 77;
    const int descriptor = ::open(kFile, O_RDONLY);
    require(errno == 77, "errno after open");
    ::close(descriptor);
    require(errno == 77, "errno after close");
    char text[16];
    std::FILE* const memory = ::fmemopen(text, sizeof text, "w");
    errno = 77;
    std::fclose(memory);
    require(errno == 77, "errno after fclose");
    require(::dup2(-1, 5) == -1 && errno == EBADF, "errno of dup2");
    require(::fcntl(0, F_GETFD) >= 0 && ::fcntl(0, F_SETFD, 0) == 0, "fcntl of other commands");
}

void all() {
    const std::vector<void (*)()> ways = {leave_open,    leave_openat,  leave_creat,      leave_mkstemp, leave_fopen,
                                          leave_freopen, leave_fstream, leave_tmpfile,    leave_opendir, leave_popen,
                                          leave_memfd,   leave_socket,  leave_dup,        leave_dup2,    leave_fcntl,
                                          leave_eventfd, leave_timerfd, leave_epoll,      leave_inotify, leave_signalfd,
                                          leave_pipe,    leave_pipe2,   leave_socketpair, leave_accept,  leave_received};
    for (int i = 0; i < kLeft; ++i)
        for (void (*way)() : ways) way();
    for (int i = 0; i < 100; ++i) open_and_close();
    errors_are_kept();
}

// A child by vfork has the memory of its parent, and descriptors of its own.
void vforks() {
    for (int i = 0; i < kLeft; ++i) leave_open();
    for (int i = 0; i < 20; ++i) {
        const pid_t child = ::vfork();
        if (child == 0) {
            for (int number = 3; number < 100; ++number) ::close(number);
            ::dup2(0, 5);
            ::open(kFile, O_RDONLY);
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
    }
}

void open_many(int count) {
    for (int i = 0; i < count; ++i) valid(::open(kFile, O_RDONLY), "open");
}
void leave_in_worker() { open_many(40); }

// Children that close everything, and one that works on.
void forks() {
    for (int i = 0; i < kLeft; ++i) leave_open();
    for (int i = 0; i < 20; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::closefrom(3);
            ::open(kFile, O_RDONLY);
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
    }
    const pid_t worker = ::fork();
    if (worker == 0) {
        ::closefrom(3);
        leave_in_worker();
        ::usleep(700'000);  // two measurements
        ::_exit(0);
    }
    ::waitpid(worker, nullptr, 0);
}

// Threads that open and close at the same time, so that numbers are handed from one to the other.
void threads() {
    std::vector<std::thread> all;
    for (int t = 0; t < 8; ++t)
        all.emplace_back([] {
            for (int i = 0; i < 2000; ++i) {
                const int file = valid(::open(kFile, O_RDONLY), "open"), copy = valid(::dup(file), "dup");
                ::close(file);
                std::FILE* const stream = std::fopen(kFile, "r");
                require(stream != nullptr, "fopen");
                ::close(copy);
                std::fclose(stream);
            }
        });
    for (std::thread& thread : all) thread.join();
    for (int i = 0; i < kLeft; ++i) leave_open();
}

std::atomic<int> handled{0};
void opens_in_handler(int) {
    const int error = errno;
    const int file = ::open(kFile, O_RDONLY);
    if (file >= 0) ::close(file);
    ++handled;
    errno = error;
}

void signals() {
    struct sigaction action {};
    action.sa_handler = opens_in_handler;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGALRM, &action, nullptr);
    itimerval often{{0, 200}, {0, 200}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    for (int i = 0; handled < 500; ++i) {
        const int file = valid(::open(kFile, O_RDONLY), "open");
        std::free(std::malloc(static_cast<std::size_t>(i % 500)));
        ::close(file);
    }
    often = {};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    for (int i = 0; i < kLeft; ++i) leave_open();
}

// Threads that are cancelled where they wait: in accept, in open of a FIFO, in recvmsg.
void cancellations() {
    const int listener = listening();
    char folder[] = "/tmp/open_descriptors_XXXXXX";
    require(::mkdtemp(folder) != nullptr, "mkdtemp");
    const std::string fifo = std::string(folder) + "/fifo";
    require(::mkfifo(fifo.c_str(), 0600) == 0, "mkfifo");
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    static std::atomic<int> cleaned{0};
    const std::vector<std::function<void()>> waits = {
        [&] { ::accept(listener, nullptr, nullptr); },
        [&] { ::close(::open(fifo.c_str(), O_RDONLY)); },
        [&] {
            char byte;
            iovec data{&byte, 1};
            msghdr message{};
            message.msg_iov = &data;
            message.msg_iovlen = 1;
            ::recvmsg(ends[0], &message, 0);
        },
    };
    int started = 0;
    for (int round = 0; round < 20; ++round)
        for (const auto& wait : waits) {
            pthread_t thread;
            const auto start = [](void* what) -> void* {
                pthread_cleanup_push([](void*) { ++cleaned; }, nullptr);
                (*static_cast<const std::function<void()>*>(what))();
                pthread_cleanup_pop(0);
                return nullptr;
            };
            require(::pthread_create(&thread, nullptr, start, const_cast<std::function<void()>*>(&wait)) == 0, "pthread_create");
            ++started;
            ::usleep(500);
            ::pthread_cancel(thread);
            void* result = nullptr;
            ::pthread_join(thread, &result);
            require(result == PTHREAD_CANCELED, "a thread that was cancelled");
        }
    require(cleaned == started, "cleanup handlers");
    ::unlink(fifo.c_str());
    ::rmdir(folder);
    ::close(listener);
    ::close(ends[0]);
    ::close(ends[1]);
    for (int i = 0; i < kLeft; ++i) leave_open();
}

// In a sandbox that ends the process for a system call which the program itself does not make.
void sandbox() {
    leave_open();
    const auto allow = [](unsigned number) {
        return std::vector<sock_filter>{BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    };
    std::vector<sock_filter> filter = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const unsigned number :
         {SYS_openat, SYS_close, SYS_dup, SYS_write, SYS_newfstatat, SYS_exit_group, SYS_futex, SYS_rt_sigprocmask, SYS_brk, SYS_ioctl})
        for (const sock_filter& step : allow(number)) filter.push_back(step);
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp");
    for (int i = 0; i < 1000; ++i) ::close(::open(kFile, O_RDONLY));
    for (int i = 1; i < kLeft; ++i) leave_open();
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, void (*)()> modes = {{"all", all},
                                                     {"vforks", vforks},
                                                     {"forks", forks},
                                                     {"threads", threads},
                                                     {"signals", signals},
                                                     {"sandbox", sandbox},
                                                     {"cancellations", cancellations}};
    const auto mode = argc == 2 ? modes.find(argv[1]) : modes.end();
    if (mode == modes.end()) return 2;
    mode->second();
    std::puts("ok");
    return 0;
}
