// The program that the attach tests attach to. It reads commands from standard input, and answers each with "ok" or what it was asked for:
//
//   keep N SIZE      N blocks, kept
//   free             frees all that is kept
//   load FILE        dlopen
//   plugin N SIZE    N blocks, allocated by that object and kept
//   fork             a child allocates and frees; answers with its exit code
//   vfork [MS]       the same, of a child that has the memory of its parent for 200 ms, or MS
//   threads N        N threads allocate and free
//   waits CALL       until the next command: waits in this system call; answers how often it has failed
//   open N           N descriptors, by three functions each; "close" closes them
//   start N          N threads that wait, and N that end and are not joined; "join" ends and joins them
//   map N            N mappings of 1 MiB; "unmap" unmaps them
//   worker           forks a child that reads commands too; answers with its pid
//   program          the same, by fork and exec
//   to I COMMAND     the Ith of them gets the command; answers with its answer
//   kill I           kills it and waits for it
//   run FILE         starts a program that sleeps; answers with its pid
//   sandbox          enters a seccomp sandbox that allows everything
//   storm N          forks N children that allocate and free; answers how many did not end as they should
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

std::vector<void*> kept;
void* plugin;

void keep_block(std::size_t size) { kept.push_back(std::malloc(size)); }

void churn() {
    for (int i = 0; i < 10'000; ++i) {
        void* block = std::malloc(64);
        asm volatile("" : "+r"(block));
        std::free(block);
    }
}

bool input_waits() {
    pollfd input{0, POLLIN, 0};
    return ::poll(&input, 1, 0) > 0;
}

// Returns how often the call was interrupted.
int wait_in(const std::string& call) {
    const int epoll = ::epoll_create1(0);
    epoll_event event{EPOLLIN, {}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    int failures = 0;
    while (!input_waits()) {
        int result = 0;
        if (call == "epoll_wait") result = ::epoll_wait(epoll, &event, 1, -1);
        if (call == "epoll_wait_ms") result = ::epoll_wait(epoll, &event, 1, 60'000);
        pollfd input{0, POLLIN, 0};
        if (call == "poll") result = ::poll(&input, 1, 60'000);
        const timespec minute{60, 0}, moment{0, 20'000'000};
        sigset_t none;
        sigemptyset(&none);
        if (call == "ppoll") result = ::ppoll(&input, 1, &minute, &none);
        fd_set set;
        FD_ZERO(&set);
        FD_SET(0, &set);
        if (call == "pselect") result = ::pselect(1, &set, nullptr, nullptr, &minute, &none);
        if (call == "nanosleep") result = ::nanosleep(&moment, nullptr);
        if (result < 0) ++failures;
    }
    ::close(epoll);
    return failures;
}

int exit_code_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int fork_child() {
    const pid_t child = ::fork();
    if (child == 0) {
        churn();
        ::_exit(5);
    }
    return exit_code_of(child);
}

int vfork_child(int milliseconds) {
    const pid_t child = ::vfork();
    if (child == 0) {
        ::usleep(static_cast<useconds_t>(milliseconds) * 1000);
        ::_exit(5);
    }
    return exit_code_of(child);
}

int enter_sandbox() {
    sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    const sock_fprog filter{1, &allow};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 ? 0 : 1;
}

void run_threads(int count) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back(churn);
    for (std::thread& thread : threads) thread.join();
}

struct Worker {
    pid_t pid;
    int socket;
};
std::vector<Worker> workers;

// Returns 0 in the child, whose commands come from its parent.
int start_worker(bool execs) {
    int sockets[2];
    ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets);
    const pid_t child = ::fork();
    if (child != 0) {
        ::close(sockets[1]);
        workers.push_back({child, sockets[0]});
        return child;
    }
    ::dup2(sockets[1], 0), ::dup2(sockets[1], 1);
    for (const Worker& other : workers) ::close(other.socket);
    workers.clear();
    if (execs) ::execl("/proc/self/exe", "program", nullptr);
    return 0;
}

void kill_worker(const Worker& worker) {
    ::kill(worker.pid, SIGKILL);
    ::waitpid(worker.pid, nullptr, 0);
    ::close(worker.socket);
}

int run_program(const char* file) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::execl(file, file, "sleep", "60", nullptr);
        ::_exit(127);
    }
    workers.push_back({child, ::dup(0)});
    return child;
}

int storm(int count) {
    int failures = 0;
    for (int running = 0, started = 0; started < count || running > 0;) {
        if (started < count && running < 8) {
            ++started, ++running;
            if (::fork() == 0) {
                churn();
                if (started % 2 == 0) run_threads(2);
                if (started % 5 == 0) ::usleep(70'000);  // old enough to be attached to
                ::_exit(5);
            }
            continue;
        }
        int status = 0;
        ::wait(&status);
        --running;
        failures += WIFEXITED(status) && WEXITSTATUS(status) == 5 ? 0 : 1;
    }
    return failures;
}

std::vector<int> opened;
void leave_open() { opened.push_back(::open("/dev/null", O_RDONLY)); }
void leave_dup() { opened.push_back(::dup(0)); }
void leave_pipe() {
    int ends[2];
    if (::pipe(ends) == 0) opened.insert(opened.end(), {ends[0], ends[1]});
}
void open_and_close() {
    ::close(::open("/dev/null", O_RDONLY));
    std::fclose(std::fopen("/dev/null", "r"));
}

std::vector<pthread_t> started;
int wake_up[2];
std::atomic<int> running{0};
void* waits(void*) {
    ++running;  // recorded by now
    char c;
    return ::read(wake_up[0], &c, 1) == 1 ? nullptr : &wake_up;
}
void leave_running() {
    started.emplace_back();
    ::pthread_create(&started.back(), nullptr, waits, nullptr);
}
void leave_unjoined() {
    started.emplace_back();
    ::pthread_create(
        &started.back(), nullptr, [](void*) -> void* { return nullptr; }, nullptr);
}
int join_all() {
    int failures = 0;
    // All are woken first: which of them takes a byte is not known.
    for (std::size_t i = 0; i < started.size(); ++i) failures += ::write(wake_up[1], "", 1) == 1 ? 0 : 1;
    for (const pthread_t thread : started) {
        void* result = nullptr;
        failures += ::pthread_join(thread, &result) == 0 && result == nullptr ? 0 : 1;
    }
    started.clear();
    running = 0;
    ::close(wake_up[0]), ::close(wake_up[1]);
    return failures;
}

constexpr std::size_t kMapped = std::size_t{1} << 20;
std::vector<void*> mapped;
void leave_mapped() { mapped.push_back(::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); }
int unmap_all() {
    int failures = 0;
    for (void* pages : mapped) failures += ::munmap(pages, kMapped) == 0 ? 0 : 1;
    mapped.clear();
    return failures;
}

void change_resources(const std::string& command, int count, int& answer) {
    if (command == "close") {
        for (const int descriptor : opened) answer += ::close(descriptor) == 0 ? 0 : 1;
        opened.clear();
    }
    if (command == "join") answer = join_all();
    if (command == "unmap") answer = unmap_all();
    if (command == "start" && ::pipe(wake_up) != 0) answer = 1;
    for (int i = 0; i < count; ++i) {
        if (command == "open") leave_open(), leave_dup(), leave_pipe(), open_and_close();
        if (command == "start") leave_running(), leave_unjoined();
        if (command == "map") leave_mapped();
    }
    while (command == "start" && running < count) ::usleep(100);
}

bool read_line(std::string& line, int from = 0) {
    line.clear();
    for (char c; ::read(from, &c, 1) == 1;) {
        if (c == '\n') return true;
        line += c;
    }
    return false;
}

}  // namespace

// With a number as its argument, it begins with so many calls of exec.
int main(int argc, char** argv) {
    if (const int execs = argc > 1 ? std::atoi(argv[1]) : 0; execs > 0)
        ::execl("/proc/self/exe", argv[0], std::to_string(execs - 1).c_str(), nullptr);
    std::string line;
    kept.reserve(1 << 20);
    while (read_line(line)) {
        char word[32] = "", text[512] = "";
        int count = 0, size = 0, answer = 0;
        std::sscanf(line.c_str(), "%31s %511s", word, text);
        const std::string command = word;
        std::sscanf(line.c_str(), "%*s %d %d", &count, &size);
        if (command == "keep")
            for (int i = 0; i < count; ++i) keep_block(static_cast<std::size_t>(size));
        if (command == "free") {
            for (void* block : kept) std::free(block);
            kept.clear();
        }
        if (command == "load") plugin = ::dlopen(text, RTLD_NOW);
        if (command == "plugin" && plugin != nullptr) {
            const auto allocate = reinterpret_cast<void* (*)(std::size_t)>(::dlsym(plugin, "plugin_allocate"));
            for (int i = 0; i < count; ++i) kept.push_back(allocate(static_cast<std::size_t>(size)));
        }
        if (command == "fork") answer = fork_child();
        if (command == "vfork") answer = vfork_child(count > 0 ? count : 200);
        if (command == "sandbox") answer = enter_sandbox();
        if (command == "threads") run_threads(count);
        if (command == "waits") answer = wait_in(text);
        if (command == "worker" || command == "program") {
            answer = start_worker(command == "program");
            if (answer == 0) continue;
        }
        change_resources(command, count, answer);
        if (command == "run") answer = run_program(text);
        if (command == "storm") answer = storm(count);
        if (command == "kill") kill_worker(workers.at(static_cast<std::size_t>(count)));
        if (command == "to") {
            const Worker& worker = workers.at(static_cast<std::size_t>(count));
            const std::string passed = line.substr(line.find(' ', 3) + 1) + "\n";
            std::string its;
            if (::write(worker.socket, passed.data(), passed.size()) < 0 || !read_line(its, worker.socket)) return 1;
            std::sscanf(its.c_str(), "%*s %d", &answer);
        }
        char reply[32];
        const int length = std::snprintf(reply, sizeof reply, "ok %d\n", answer);
        if (::write(1, reply, static_cast<std::size_t>(length)) != length) return 1;
    }
    for (const Worker& worker : workers) kill_worker(worker);
    return 0;
}
