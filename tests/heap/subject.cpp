// The program that the recorder's tests record: leaks a known number of bytes in known ways.
//
//   leak N SIZE            N blocks of SIZE bytes, never freed; exit code 7
//   rounds FILE            a round of 100 blocks of 24 bytes on each SIGUSR1, its number written to FILE; SIGTERM: exit 0
//   stubborn FILE          ignores SIGTERM, and makes FILE when it does
//   toil FILE              allocates for ever, its count in FILE's first 8 bytes (mapped: alive after any death of ours)
//   exec PROGRAM [ARG]     allocates a little, then becomes PROGRAM
//   reload FILE            5000 blocks of 24 bytes, then makes FILE; at SIGTERM runs itself anew, for a second
//   members N              N records by a constructor that is implicit, and N by one that is written, never freed
//   sleep [N]              for N seconds; one unless given
//   crash                  allocates enough to be recorded, then reads what is not there
//   daemon                 forks, the parent exits at once, the child lives 5 s
//   pairs N                N distinct (size, stack) pairs, each freed again; writes "done" when it got through
//   fragment               allocates 100,000 blocks of 200 bytes and frees all but every 20th; lives for another 3 s
//   workers                forks two children that work for 3 s, and waits for them
//   tree CHILDREN N SIZE FILE   N blocks of SIZE bytes, and as many in each of its children, all kept until SIGTERM; makes FILE then
//   successors N           forks N children, each after the end of the one before; 10 blocks of 50 bytes in each
//   race N                 4 threads that realloc against each other, N times each
//   odd                    allocates in a signal's handler and beneath code without call frame information (x86-64)
//   plugins A B C          loads the objects by turns to the same place, to call back from there, 21 times
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

std::vector<void*>* leaked = new std::vector<void*>();

void leak_block(std::size_t size) { leaked->push_back(std::malloc(size)); }

struct Implicit {
    std::string token = std::string(50, 't');
};
struct Written {
    Written() : token(50, 't') {}
    std::string token;
};

std::atomic<int> asked{0}, stop{0};

void* deep(std::size_t size, int depth) {
    if (depth == 0) return std::malloc(size);
    void* block = deep(size, depth - 1);
    asm volatile("" : "+r"(block));
    return block;
}

// More than the 4 KiB that the tracker keeps to itself: a process that is killed sooner leaves nothing.
void warm_up() {
    for (std::size_t i = 1; i < 2000; ++i) std::free(deep(i, 2));
}

int rounds(const char* path) {
    warm_up();
    leaked->reserve(1 << 20);
    ::signal(SIGUSR1, [](int) { ++asked; });
    ::signal(SIGTERM, [](int) { stop = 1; });
    int done = -1;
    while (stop == 0) {
        if (done < asked) {
            if (done >= 0)
                for (int i = 0; i < 100; ++i) leak_block(24);
            ++done;
            FILE* file = std::fopen(path, "w");
            std::fprintf(file, "%d", done);
            std::fclose(file);
        }
        ::usleep(1000);
    }
    return 0;
}

int toil(const char* path) {
    const int file = ::open(path, O_RDWR | O_CREAT, 0666);
    if (::ftruncate(file, 8) != 0) return 1;
    auto* count = static_cast<std::atomic<std::uint64_t>*>(::mmap(nullptr, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    for (std::uint64_t i = 0;; ++i) {
        std::free(deep(i % 300 + 1, static_cast<int>(i % 8)));
        if (i % 16 == 0) leak_block(24);
        *count = i;
        if (i % 64 == 0) ::usleep(50);
    }
}

int race(int times) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([times, t] {
            void* block = nullptr;
            for (int i = 0; i < times; ++i) block = std::realloc(block, static_cast<std::size_t>((i * 7 + t) % 2000 + 1));
            std::free(block);
        });
    for (std::thread& thread : threads) thread.join();
    return 0;
}

#ifdef __x86_64__
extern "C" void call_from_nowhere(void (*function)());
asm(".pushsection .text\ncall_from_nowhere: sub $8, %rsp\n call *%rdi\n add $8, %rsp\n ret\n.popsection\n");

int odd() {
    warm_up();
    leaked->reserve(1000);
    ::signal(SIGUSR1, [](int) { leak_block(100); });
    for (int i = 0; i < 100; ++i) {
        ::raise(SIGUSR1);
        call_from_nowhere([] { leak_block(200); });
        leak_block(300);
    }
    return 0;
}
#else
int odd() { return 1; }
#endif

#if defined(LINKED_STATICALLY)  // where dlopen does not belong
int plugins(const char* const*) { return 1; }
#else
void in_plugin(void*) { leak_block(24); }

int plugins(const char* const* paths) {
    warm_up();
    leaked->reserve(1000);
    for (int i = 0; i < 21; ++i) {
        void* const object = ::dlopen(paths[i % 3], RTLD_NOW);
        if (object == nullptr) return 1;
        reinterpret_cast<void (*)(void (*)(void*), void*)>(::dlsym(object, "call_back"))(in_plugin, nullptr);
        ::dlclose(object);
    }
    return 0;
}
#endif

}  // namespace

void before_forks(int count, std::size_t size) {
    for (int i = 0; i < count; ++i) leak_block(size);
}
void in_child(int count, std::size_t size) {
    for (int i = 0; i < count; ++i) leak_block(size);
}

int successors(int count) {
    leaked->reserve(10);
    for (int i = 0; i < count; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            in_child(10, 50);
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
    }
    return 0;
}

int tree(int children, int count, std::size_t size, const char* path) {
    ::signal(SIGTERM, [](int) { stop = 1; });
    leaked->reserve(static_cast<std::size_t>(2 * count));
    before_forks(count, size);
    int ready[2];
    if (::pipe(ready) != 0) return 1;
    std::vector<pid_t> pids;
    for (int i = 0; i < children; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            in_child(count, size);
            if (::write(ready[1], "x", 1) != 1) ::_exit(1);
            while (stop == 0) ::usleep(1000);
            ::_exit(0);
        }
        pids.push_back(child);
    }
    char byte;
    for (int i = 0; i < children; ++i)
        if (::read(ready[0], &byte, 1) != 1) return 1;
    ::close(::open(path, O_WRONLY | O_CREAT, 0666));
    while (stop == 0) ::usleep(1000);
    for (const pid_t child : pids) ::kill(child, SIGTERM);
    while (::wait(nullptr) > 0) {
    }
    return 0;
}

int fragment() {
    std::vector<void*> blocks(100'000);
    for (void*& block : blocks) std::memset(block = std::malloc(200), 1, 200);
    for (std::size_t i = 0; i < blocks.size(); ++i)
        if (i % 20 != 0) std::free(blocks[i]);
    for (int i = 0; i < 300; ++i) {
        warm_up();  // so that what the tracker has is written
        ::usleep(10'000);
    }
    return 0;
}

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (mode == "leak") {
        const int count = std::atoi(argv[2]);
        leaked->reserve(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) leak_block(static_cast<std::size_t>(std::atoi(argv[3])));
        return 7;
    }
    if (mode == "members") {
        for (int i = 0; i < std::atoi(argv[2]); ++i) {
            leaked->push_back(new Implicit());
            leaked->push_back(new Written());
        }
        return 0;
    }
    if (mode == "rounds") return rounds(argv[2]);
    if (mode == "odd") return odd();
    if (mode == "plugins") return plugins(argv + 2);
    if (mode == "toil") return toil(argv[2]);
    if (mode == "stubborn") {
        ::signal(SIGTERM, SIG_IGN);
        ::close(::open(argv[2], O_WRONLY | O_CREAT, 0666));
        for (int i = 0; i < 1000; ++i) leak_block(10);
        for (;;) ::pause();
    }
    if (mode == "exec") {
        leak_block(10);
        ::execl(argv[2], argv[2], argc > 3 ? argv[3] : "2", static_cast<char*>(nullptr));
    }
    if (mode == "reload") {
        sigset_t end;
        ::sigemptyset(&end);
        ::sigaddset(&end, SIGTERM);
        ::sigprocmask(SIG_BLOCK, &end, nullptr);
        leaked->reserve(5000);
        for (int i = 0; i < 5000; ++i) leak_block(24);
        ::close(::open(argv[2], O_WRONLY | O_CREAT, 0666));
        int received = 0;
        ::sigwait(&end, &received);
        ::execl(argv[0], argv[0], "sleep", static_cast<char*>(nullptr));
    }
    if (mode == "crash") {
        warm_up();
        ::raise(SIGSEGV);
    }
    if (mode == "sleep") {
        ::sleep(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1);
        return 0;
    }
    if (mode == "daemon") {
        leak_block(10);
        if (::fork() != 0) return 0;
        ::sleep(5);
        return 0;
    }
    if (mode == "pairs") {
        const int pairs = std::atoi(argv[2]);
        for (int i = 0; i < pairs; ++i) std::free(deep(static_cast<std::size_t>(16 + i / 32), i % 32));
        std::puts("done");
        return 0;
    }
    if (mode == "workers") {
        warm_up();
        for (int i = 0; i < 2; ++i)
            if (::fork() == 0) {
                ::sleep(3);
                ::_exit(0);
            }
        while (::wait(nullptr) > 0) {
        }
        return 0;
    }
    if (mode == "successors") return successors(std::atoi(argv[2]));
    if (mode == "tree") return tree(std::atoi(argv[2]), std::atoi(argv[3]), static_cast<std::size_t>(std::atoi(argv[4])), argv[5]);
    if (mode == "fragment") return fragment();
    if (mode == "race") return race(std::atoi(argv[2]));
    return 2;
}
