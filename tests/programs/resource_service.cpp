// A service that uses up what its mode says, in a known number of requests. `resource_service PORT MODE`.
//
// Leaks: files (one in 20 requests), close_wait, threads, unjoined (a thread that ends and is not joined, one in 5), mappings (one in 20), zombies (one in 50), every_file (one a request),
// uploads (one for each GET /upload), sysv_memory (a segment of System V shared memory, one in 100 requests; all are removed at SIGTERM), clock (a descriptor every 10 ms, whatever comes), prefork (1,024 B a request in each of two workers), shared (a page of shared
// memory a request, and a child of short life every 50), prefork_shared (the same page in each of two workers).
// Healthy: none, pools (64 of each kind, then no more), slow_pool (40 files, one in 50 requests), prefork_healthy, prefork_recycled
// (a worker leaks 1,024 B a request and is replaced after 2,000 requests), daemon (answered by a process that left the tree).
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <thread>

namespace {

std::string mode;
std::atomic<long> requests{0};
std::atomic<int> connections{0};
int closing_port = 0;  // of a listener that closes every connection at once

void keep_bytes(std::size_t size) {
    static std::mutex mutex;
    [[maybe_unused]] static void* volatile last = nullptr;  // without it the compiler leaves out the allocation that is never read
    const std::lock_guard lock(mutex);
    last = std::memset(std::malloc(size), 1, size);
}

void open_file() { [[maybe_unused]] const int left_open = ::open("/etc/passwd", O_RDONLY | O_CLOEXEC); }

int tcp(bool listens, int port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    if (listens ? ::bind(descriptor, name, sizeof address) != 0 || ::listen(descriptor, 512) != 0 : ::connect(descriptor, name, sizeof address) != 0)
        std::perror("resource_service");
    return descriptor;
}

void map_page() {
    static std::atomic<int> turn{0};  // neighbors with other rights, or the kernel joins them
    ::mmap(nullptr, 4096, turn++ % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void start_thread() {
    std::thread([] { ::pause(); }).detach();
}

void start_unjoined() {
    pthread_t thread;
    ::pthread_create(&thread, nullptr, [](void* argument) { return argument; }, nullptr);
}

// Segments that are detached at once, and so in no process.
struct Segments {
    static constexpr int kMax = 8192;
    static inline std::atomic<int> made{0};
    static inline int ids[kMax];

    static void make_one() {
        const int id = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
        if (id >= 0 && made < kMax) ids[made++] = id;
    }
    [[noreturn]] static void remove_all(int) {
        for (int i = 0; i < made; ++i) ::shmctl(ids[i], IPC_RMID, nullptr);
        ::_exit(0);
    }
};

void start_zombie() {
    if (::fork() == 0) ::_exit(0);
}

// Pages of shared memory that were handed out; whoever runs touches all of them.
struct SharedPages {
    static constexpr std::size_t kPage = 4096, kMax = std::size_t{1} << 18;
    char* pages = nullptr;
    std::atomic<std::size_t>* used = nullptr;
    std::atomic<std::size_t> touched{0};

    void create() {
        const auto map = [](std::size_t size) { return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); };
        pages = static_cast<char*>(map(kMax * kPage));
        used = new (map(kPage)) std::atomic<std::size_t>(0);
    }
    void take_one() {
        ++*used;
        while (touched < *used && touched < kMax) pages[touched++ * kPage] = 1;
    }
} shared_pages;

void serve_one() {
    const long number = ++requests;
    const bool twentieth = number % 20 == 0;
    if (mode == "files" && twentieth) open_file();
    if (mode == "every_file") open_file();
    if (mode == "close_wait" && twentieth) tcp(false, closing_port);
    if (mode == "threads" && twentieth) start_thread();
    if (mode == "unjoined" && number % 5 == 0) start_unjoined();
    if (mode == "mappings" && twentieth) map_page();
    if (mode == "sysv_memory" && number % 100 == 0) Segments::make_one();
    if (mode == "zombies" && number % 50 == 0) start_zombie();
    if (mode == "shared" || mode == "prefork_shared") shared_pages.take_one();
    if (mode == "shared" && number % 50 == 0) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::usleep(150000);  // long enough to be seen
            ::_exit(0);
        }
        std::thread([child] { ::waitpid(child, nullptr, 0); }).detach();
    }
    if (mode == "slow_pool" && number % 50 == 0 && number <= 2000) open_file();
    if (mode == "pools" && number <= 64) {
        open_file();
        start_thread();
        map_page();
    }
    if (mode == "prefork" || mode == "prefork_recycled") keep_bytes(1024);
}

void serve(int connection) {
    const int one = 1;
    ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    std::string in;
    char buffer[65536];
    for (;;) {
        std::size_t end = 0;
        while ((end = in.find("\r\n\r\n")) == std::string::npos) {
            const ssize_t count = ::read(connection, buffer, sizeof buffer);
            if (count <= 0) {
                ::close(connection);
                --connections;
                return;
            }
            in.append(buffer, static_cast<std::size_t>(count));
        }
        const bool upload = in.starts_with("GET /upload");
        in.erase(0, end + 4);  // requests have no bodies here
        if (mode == "uploads" && upload) open_file();
        serve_one();
        const bool last = mode == "prefork_recycled" && requests >= 2000;
        const std::string answer = std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n") + (last ? "Connection: close\r\n" : "") + "\r\nok";
        if (::write(connection, answer.data(), answer.size()) < 0 || last) {
            ::close(connection);
            --connections;
            return;
        }
    }
}

[[noreturn]] void accept_all(int listener) {
    for (;;) {
        const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) continue;
        ++connections;
        std::thread(serve, connection).detach();
        if (mode == "prefork_recycled" && requests >= 2000) {
            while (connections > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            std::_Exit(0);
        }
    }
}

void start_worker(int listener) {
    if (::fork() == 0) accept_all(listener);
}

[[noreturn]] void run_workers(int listener) {
    start_worker(listener);
    start_worker(listener);
    for (;;)
        if (::wait(nullptr) > 0) start_worker(listener);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    mode = argv[2];
    ::signal(SIGPIPE, SIG_IGN);
    if (mode == "sysv_memory") ::signal(SIGTERM, Segments::remove_all);
    const int listener = tcp(true, std::atoi(argv[1]));
    if (mode == "close_wait") {
        const int closing = tcp(true, 0);
        sockaddr_in address{};
        socklen_t size = sizeof address;
        ::getsockname(closing, reinterpret_cast<sockaddr*>(&address), &size);
        closing_port = ntohs(address.sin_port);
        std::thread([closing] {
            for (;;) ::close(::accept(closing, nullptr, nullptr));
        }).detach();
    }
    if (mode == "clock")
        std::thread([] {
            for (;; std::this_thread::sleep_for(std::chrono::milliseconds(10))) open_file();
        }).detach();
    shared_pages.create();
    if (mode.starts_with("prefork")) run_workers(listener);
    if (mode == "daemon") {
        if (::fork() == 0) {
            ::setsid();
            if (::fork() != 0) ::_exit(0);
            accept_all(listener);
        }
        ::wait(nullptr);
        ::close(listener);
        for (;;) ::pause();
    }
    accept_all(listener);
}
