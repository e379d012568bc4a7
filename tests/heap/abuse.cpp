// Programs that do to an allocator what programs should not, or seldom do. Each says "ok" at its end where everything went as it
// must, with the agent in it or without.
//
//   abuse MODE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

#include <atomic>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "abuse: %s (errno %d)\n", what, errno);
    std::_Exit(1);
}
void require(bool condition, const char* what) {
    if (!condition) fail(what);
}

// Some work for the allocator, with contents that are checked.
void work(int rounds, unsigned seed = 1) {
    std::uint64_t x = seed * 0x9e3779b97f4a7c15u | 1;
    std::vector<std::pair<unsigned char*, std::size_t>> blocks(64);
    for (int i = 0; i < rounds; ++i) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        auto& [block, size] = blocks[x % blocks.size()];
        if (block != nullptr && (block[0] != static_cast<unsigned char>(size) || block[size - 1] != static_cast<unsigned char>(size)))
            fail("a block has changed");
        const std::size_t next = 1 + (x >> 20) % 3000;
        switch (x >> 40 & 3) {
            case 0: block = static_cast<unsigned char*>(std::realloc(block, next)); break;
            case 1:
                std::free(block);
                block = static_cast<unsigned char*>(std::calloc(1, next));
                require(block[next / 2] == 0, "calloc's memory is not zero");
                break;
            case 2: {
                std::free(block);
                void* aligned = nullptr;
                require(::posix_memalign(&aligned, 128, next) == 0 && reinterpret_cast<std::uintptr_t>(aligned) % 128 == 0, "alignment");
                block = static_cast<unsigned char*>(aligned);
                break;
            }
            default: std::free(block); block = static_cast<unsigned char*>(std::malloc(next));
        }
        size = next;
        block[0] = block[size - 1] = static_cast<unsigned char>(size);
    }
    for (auto& [block, size] : blocks) std::free(block);
}

void wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child failed");
}

void work_in_child() {
    const pid_t child = ::fork();
    if (child == 0) {
        work(1000);
        std::_Exit(0);
    }
    wait_for(child);
}

void edges() {
    std::free(nullptr);
    std::free(std::malloc(0));
    std::free(std::calloc(0, 8));
    std::free(std::realloc(nullptr, 10));
    volatile std::size_t huge = SIZE_MAX / 2 + 10, all = SIZE_MAX;
    require(std::malloc(all) == nullptr && errno == ENOMEM, "malloc of everything");
    require(std::malloc(huge) == nullptr, "malloc of half of everything");
    require(std::calloc(huge, 4) == nullptr, "calloc that overflows");
    void* block = std::malloc(100);
    std::memset(block, 7, 100);
    require(std::realloc(block, huge) == nullptr && static_cast<char*>(block)[99] == 7, "realloc that fails");
    require(::reallocarray(block, huge, 4) == nullptr && errno == ENOMEM && static_cast<char*>(block)[99] == 7, "reallocarray that fails");
    block = ::reallocarray(block, 50, 4);
    require(static_cast<char*>(block)[99] == 7, "reallocarray");
    std::free(block);
    std::free(::memalign(4096, 100));
    std::free(std::aligned_alloc(64, 128));
    std::free(::valloc(100));
    std::free(::pvalloc(100));
    void* aligned = &block;
    require(::posix_memalign(&aligned, 3, 100) == EINVAL, "posix_memalign with a wrong alignment");
    for (int i = 0; i < 1000; ++i) {
        errno = 4321;
        std::free(std::malloc(static_cast<std::size_t>(i) * 100));
        require(errno == 4321, "errno has changed");
    }
    // Many blocks after sizes that wrap a counter.
    for (int i = 0; i < 5; ++i) (void)!std::malloc(all - static_cast<std::size_t>(i));
    work(20'000);
}

void threads(int count) {
    std::vector<std::thread> all;
    for (int wave = 0; wave < count / 50; ++wave) {
        for (int t = 0; t < 50; ++t) all.emplace_back([=] { work(300, static_cast<unsigned>(wave * 50 + t)); });
        for (std::thread& thread : all) thread.join();
        all.clear();
    }
}

void forks() {
    std::atomic<bool> stop{false};
    std::thread other([&] {
        while (!stop) work(100, 77);
    });
    std::vector<void*> blocks(1000);
    for (void*& block : blocks) block = std::malloc(500);
    for (int i = 0; i < 20; ++i) {
        const pid_t child = ::fork();
        require(child >= 0, "fork");
        if (child == 0) {
            for (void* block : blocks) std::free(block);
            work(500, 5);
            const pid_t grandchild = ::fork();
            if (grandchild == 0) {
                work(100, 6);
                std::_Exit(0);
            }
            wait_for(grandchild);
            std::_Exit(0);
        }
        work(50);
        wait_for(child);
    }
    stop = true;
    other.join();
    for (void* block : blocks) std::free(block);
}

void raw_clone() {
    for (int i = 0; i < 20; ++i) {
        void* const block = std::malloc(10'000);
        const long child = ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        require(child >= 0, "clone");
        if (child == 0) {
            std::free(block);
            work(100);
            ::syscall(SYS_exit_group, 0);
        }
        wait_for(static_cast<pid_t>(child));
        std::free(block);
    }
}

void vforks() {
    for (int i = 0; i < 20; ++i) {
        const pid_t child = ::vfork();
        if (child == 0) {
            std::free(std::malloc(70'000));
            ::execl("/bin/true", "true", static_cast<char*>(nullptr));
            ::_exit(127);
        }
        wait_for(child);
        work(50);
    }
}

std::atomic<int> handled{0};
void on_signal(int) {
    const int before = errno;
    void* blocks[20];
    for (int i = 0; i < 20; ++i) blocks[i] = std::malloc(static_cast<std::size_t>(100 + i * 300));
    for (void* block : blocks) std::free(block);
    ++handled;
    errno = before;
}

// Handlers that allocate while the main thread does not: what a program may do with an allocator that is not reentrant is to
// interrupt what is around it. The agent's own parts are interrupted all the same, by another thread's signal.
void signals() {
    static void* slots[256];
    struct sigaction action {};
    action.sa_handler = on_signal;
    ::sigaction(SIGUSR1, &action, nullptr);
    for (int i = 0; i < 3000; ++i) {
        void*& slot = slots[i % 256];
        std::free(slot);
        slot = std::malloc(static_cast<std::size_t>(i) * 10);
        if (i % 7 == 0) ::raise(SIGUSR1);
    }
    require(handled > 100, "no signal was handled");
}

// On a small stack of its own.
void small_stack() {
    static std::vector<char> stack(8192);
    stack_t small{};
    small.ss_sp = stack.data();
    small.ss_size = stack.size();
    ::sigaltstack(&small, nullptr);
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    ::sigaction(SIGUSR1, &action, nullptr);
    for (int i = 0; i < 300; ++i) ::raise(SIGUSR1);
    require(handled == 300, "a signal was not handled");
}

jmp_buf back;
void deep_jump(int depth) {
    void* volatile block = std::malloc(5000);
    std::free(block);
    if (depth <= 0) std::longjmp(back, 1);
    if (depth < 1000) deep_jump(depth - 1);
    asm volatile("" : : : "memory");
}
void longjumps() {
    static int jumps, turn;
    for (turn = 0; turn < 300; ++turn)
        if (setjmp(back) == 0)
            deep_jump(turn % 40);
        else
            ++jumps;
    require(jumps == 300, "a jump was lost");
    work(5000);
}

struct Thrown {
    std::vector<int> payload = std::vector<int>(500);
};
void throw_deep(int depth) {
    const std::string local(300, 'x');
    if (depth == 0) throw Thrown();
    throw_deep(depth - 1);
    asm volatile("" : : : "memory");
}
void exceptions() {
    int caught = 0;
    for (int i = 0; i < 500; ++i) {
        try {
            throw_deep(i % 50);
        } catch (const Thrown& thrown) {
            caught += thrown.payload.size() == 500;
        }
    }
    require(caught == 500, "an exception was lost");
}

ucontext_t main_context, other_context;
void coroutine() {
    for (;;) {
        work(50);
        ::swapcontext(&other_context, &main_context);
    }
}
// A stack that ends at the end of a mapping, with nothing mapped behind it.
void coroutines() {
    constexpr std::size_t kStack = 64 << 10;
    auto* const memory = static_cast<char*>(::mmap(nullptr, 2 * kStack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::mprotect(memory, kStack, PROT_READ | PROT_WRITE);
    ::getcontext(&other_context);
    other_context.uc_stack.ss_sp = memory;
    other_context.uc_stack.ss_size = kStack;
    ::makecontext(&other_context, coroutine, 0);
    for (int i = 0; i < 300; ++i) ::swapcontext(&main_context, &other_context);
}

// Code of the program's own making, without call frame information, which calls malloc.
void generated_code() {
#ifdef __x86_64__
    // push rbp; mov rbp, rsp; mov rax, rsi; call rax; pop rbp; ret
    const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf0, 0xff, 0xd0, 0x5d, 0xc3};
    for (int i = 0; i < 200; ++i) {
        void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return;  // a system that forbids it
        std::memcpy(page, code, sizeof code);
        std::free(reinterpret_cast<void* (*)(std::size_t, void* (*)(std::size_t))>(page)(100'000, std::malloc));
        ::munmap(page, 4096);
    }
#endif
}

void floating_point() {
    // Flags and rounding are the program's.
    std::fesetround(FE_DOWNWARD);
    std::feclearexcept(FE_ALL_EXCEPT);
    for (int i = 0; i < 3000; ++i) std::free(std::malloc(static_cast<std::size_t>(i) * 37));
    require(std::fetestexcept(FE_ALL_EXCEPT) == 0, "floating-point flags have changed");
    require(std::fegetround() == FE_DOWNWARD, "the rounding has changed");
#ifdef __x86_64__
    // All exceptions trap.
    _mm_setcsr(0x0000);
    for (int i = 0; i < 3000; ++i) std::free(std::malloc(static_cast<std::size_t>(i) * 37));
    require((_mm_getcsr() & 0x3f) == 0, "floating-point flags have changed, with traps");
    _mm_setcsr(0x1f80);
    // MMX registers in use: an x87 instruction would spoil them.
    std::uint64_t in = 0x0123456789abcdef, out = 0;
    asm volatile("movq %0, %%mm0" : : "m"(in));
    for (int i = 0; i < 100; ++i) std::free(std::malloc(static_cast<std::size_t>(i) * 1000));
    asm volatile("movq %%mm0, %0\n emms" : "=m"(out));
    require(in == out, "an MMX register has changed");
#endif
}

void other_user() {
    if (::getuid() == 0) require(::setgid(65534) == 0 && ::setuid(65534) == 0, "setuid");
    work(5000);
    const pid_t child = ::fork();
    if (child == 0) {
        work(5000);
        std::_Exit(0);
    }
    wait_for(child);
}

void other_root() {
    if (::getuid() == 0) require(::chroot("/var/empty") == 0 || ::chroot("/tmp") == 0, "chroot");
    work(5000);
    const pid_t child = ::fork();
    if (child == 0) {
        work(5000);
        std::_Exit(0);
    }
    wait_for(child);
}

void close_all() {
    const int out = ::dup(1);
    for (int i = 0; i < 8; ++i) {
        ::closefrom(3);
        work(500);
        const pid_t child = ::fork();
        if (child == 0) {
            ::closefrom(0);
            work(500);
            std::_Exit(0);
        }
        wait_for(child);
    }
    (void)out;
}

void few_descriptors() {
    rlimit none{0, 0};
    require(::setrlimit(RLIMIT_NOFILE, &none) == 0, "setrlimit");
    work(1000);
    work_in_child();
}

void small_files() {
    rlimit small{4096, 4096};
    require(::setrlimit(RLIMIT_FSIZE, &small) == 0, "setrlimit");
    work(1000);
    work_in_child();
}

void little_memory() {
    // What is mapped by now, and 64 MiB.
    long pages = 0;
    std::FILE* const statm = std::fopen("/proc/self/statm", "r");
    require(statm != nullptr && std::fscanf(statm, "%ld", &pages) == 1, "statm");
    std::fclose(statm);
    const rlim_t bytes = static_cast<rlim_t>(pages) * 4096 + (rlim_t{64} << 20);
    rlimit limit{bytes, bytes};
    require(::setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
    std::vector<void*> blocks;
    for (void* block; (block = std::malloc(1 << 20)) != nullptr;) blocks.push_back(block);
    require(errno == ENOMEM && blocks.size() > 10, "no memory");
    for (void* block : blocks) std::free(block);
    work_in_child();
    work(1000);
}

// Only what an allocator and an exit need; all else ends the process.
void forbid_calls(bool by_number) {
    constexpr int kAllowed[] = {
        SYS_write,      SYS_exit_group,     SYS_exit,          SYS_brk,   SYS_mmap,   SYS_munmap, SYS_mremap,          SYS_mprotect,
        SYS_futex,      SYS_rt_sigprocmask, SYS_clock_gettime, SYS_clone, SYS_clone3, SYS_wait4,  SYS_set_robust_list, SYS_rt_sigreturn,
        SYS_newfstatat, SYS_fstat,          SYS_getrandom,     SYS_rseq,  SYS_getpid, SYS_gettid};
    std::vector<sock_filter> program;
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
    for (const int number : kAllowed) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
    const long result =
        by_number ? ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) : ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
    if (result != 0 && (errno == EINVAL || errno == ENOSYS)) {
        std::puts("ok");  // a kernel without filters
        std::exit(0);
    }
    require(result == 0, "seccomp");
}
void sandbox(bool by_number) {
    work(100);
    forbid_calls(by_number);
    // Many stacks and many live blocks: the agent's tables would grow.
    std::vector<void*> blocks;
    for (int i = 0; i < 20'000; ++i) blocks.push_back(std::malloc(2000));
    work(5000);
    const pid_t child = ::fork();
    if (child == 0) {
        work(1000);
        for (void* block : blocks) std::free(block);
        ::_exit(0);
    }
    wait_for(child);
    for (void* block : blocks) std::free(block);
}

// Strict mode: read, write, exit and sigreturn alone.
void strict_sandbox() {
    const pid_t child = ::fork();
    if (child == 0) {
        if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) ::_exit(0);
        // Small blocks come from what the heap has already.
        void* blocks[50];
        for (void*& block : blocks) block = std::malloc(100);
        for (void* block : blocks) std::free(block);
        ::syscall(SYS_exit, 0);
    }
    wait_for(child);
}

void plugins_race() {
    std::atomic<bool> stop{false};
    std::vector<std::thread> allocating;
    for (unsigned t = 0; t < 3; ++t)
        allocating.emplace_back([&, t] {
            while (!stop) work(100, t + 1);
        });
    for (int i = 0; i < 300; ++i) {
        void* const object = ::dlopen(i % 2 == 0 ? "libm.so.6" : "libresolv.so.2", RTLD_NOW | RTLD_LOCAL);
        require(object != nullptr, "dlopen");
        void* const other = ::dlopen("libutil.so.1", RTLD_NOW | RTLD_LOCAL);
        if (other != nullptr) ::dlclose(other);
        ::dlclose(object);
    }
    stop = true;
    for (std::thread& thread : allocating) thread.join();
}

// Ends while other threads allocate.
void exit_under_way() {
    for (unsigned t = 0; t < 4; ++t)
        std::thread([t] {
            for (;;) work(1000, t + 1);
        }).detach();
    ::usleep(50'000);
    std::puts("ok");
    std::fflush(stdout);
    std::_Exit(0);
}

// Blocks that one thread allocates and another one frees, at once and after the first has ended.
void handed_over() {
    for (int round = 0; round < 20; ++round) {
        std::vector<void*> blocks(2000);
        std::thread maker([&] {
            for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = std::malloc(i % 700);
        });
        maker.join();
        std::thread first([&] {
            for (std::size_t i = 0; i < blocks.size(); i += 2) std::free(blocks[i]);
        });
        for (std::size_t i = 1; i < blocks.size(); i += 2) std::free(blocks[i]);
        first.join();
    }
}

void execs(char** argv) {
    const char* const count = std::getenv("ABUSE_EXECS");
    const int left = count != nullptr ? std::atoi(count) : 12;
    work(200);
    if (left == 0) return;
    ::setenv("ABUSE_EXECS", std::to_string(left - 1).c_str(), 1);
    ::execv("/proc/self/exe", argv);
    fail("exec");
}

}  // namespace

int main(int argc, char** argv) {
    const std::map<std::string, std::function<void()>> modes = {
        {"edges", edges},
        {"threads", [] { threads(500); }},
        {"forks", forks},
        {"raw_clone", raw_clone},
        {"vforks", vforks},
        {"signals", signals},
        {"small_stack", small_stack},
        {"longjumps", longjumps},
        {"exceptions", exceptions},
        {"coroutines", coroutines},
        {"generated_code", generated_code},
        {"floating_point", floating_point},
        {"other_user", other_user},
        {"other_root", other_root},
        {"close_all", close_all},
        {"few_descriptors", few_descriptors},
        {"small_files", small_files},
        {"little_memory", little_memory},
        {"sandbox", [] { sandbox(false); }},
        {"sandbox_by_number", [] { sandbox(true); }},
        {"strict_sandbox", strict_sandbox},
        {"plugins_race", plugins_race},
        {"exit_under_way", exit_under_way},
        {"handed_over", handed_over},
        {"execs", [argv] { execs(argv); }},
    };
    if (argc == 2 && std::string(argv[1]) == "list") {
        for (const auto& [name, run] : modes) std::puts(name.c_str());
        return 0;
    }
    const auto mode = argc == 2 ? modes.find(argv[1]) : modes.end();
    if (mode == modes.end()) return 2;
    mode->second();
    std::puts("ok");
    return 0;
}
