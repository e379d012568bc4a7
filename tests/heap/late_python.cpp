// Loads CPython's shared library long after its own start, as programs with a Python plugin do.
//   late_python global LIBRARY SCRIPT ARG...   runs the script
//   late_python local LIBRARY SCRIPT ARG...    the same, but other libraries do not see the interpreter
//   late_python abuse LIBRARY                  loads and unloads it again and again, with and without using it, with other threads at work, and forks
// PYTHONHOME says where the library's modules are. The exit status is 0 if all went well.
#include <dlfcn.h>
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

struct Python {
    void* library = nullptr;
    void (*initialize)(int) = nullptr;
    int (*run)(const char*) = nullptr;
    int (*finalize)() = nullptr;

    explicit Python(const char* path, int scope = RTLD_LOCAL) : library(::dlopen(path, RTLD_NOW | scope)) {
        if (library == nullptr) {
            std::fprintf(stderr, "%s\n", ::dlerror());
            return;
        }
        find(initialize, "Py_InitializeEx");
        find(run, "PyRun_SimpleString");
        find(finalize, "Py_FinalizeEx");
    }
    template <class Function>
    void find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(::dlsym(library, name));
    }
    bool usable() const { return library != nullptr && initialize != nullptr && run != nullptr && finalize != nullptr; }
};

std::string quoted(const std::string& text) { return "'" + text + "'"; }

int run_script(const char* library, int scope, char** arguments, int count) {
    // The allocator is at work before.
    std::vector<std::string> before;
    for (int i = 0; i < 2000; ++i) before.push_back(std::string(100, 'x'));
    const Python python(library, scope);
    if (!python.usable()) return 2;
    python.initialize(0);
    std::string list;
    for (int i = 0; i < count; ++i) list += quoted(arguments[i]) + ",";
    const std::string program = "import sys\nsys.argv = [" + list + "]\n__file__ = sys.argv[0]\n" +
                                "exec(compile(open(__file__).read(), __file__, 'exec'), globals())\n";
    return python.run(program.c_str()) == 0 ? 0 : 1;
}

constexpr const char* kProgram =
    "kept = [{'number': n, 'text': str(n) * 20} for n in range(3000)]\n"
    "def work():\n"
    "    return [bytearray(600) for _ in range(500)]\n"
    "work()\n";

bool use(const char* library) {
    const Python python(library);
    if (!python.usable()) return false;
    python.initialize(0);
    const bool ran = python.run(kProgram) == 0;
    python.finalize();
    ::dlclose(python.library);
    return ran;
}

bool ends_well(pid_t child) {
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// A thread that has loaded CPython 3.13 must not end after that was unloaded, whose memory allocator (mimalloc) would clean up then.
template <class Work>
void start_thread(std::atomic<int>& at_work, const Work& work) {
    ++at_work;
    std::thread([&at_work, work] {
        work();
        --at_work;
        for (;;) ::pause();
    }).detach();
}

void wait_for(const std::atomic<int>& at_work) {
    while (at_work > 0) ::usleep(1000);
}

int abuse(const char* library) {
    static std::atomic<bool> done{false}, failed{false};
    static std::atomic<int> allocating{0}, loading{0};
    // They allocate while the interpreter comes and goes.
    for (int i = 0; i < 2; ++i)
        start_thread(allocating, [] {
            std::vector<void*> blocks(64);
            for (std::size_t n = 0; !done; ++n) {
                std::free(blocks[n % blocks.size()]);
                blocks[n % blocks.size()] = std::malloc(16 + n % 3000);
                if (n % blocks.size() == 0) ::usleep(100);  // leaves the processor to the interpreter
            }
            for (void* block : blocks) std::free(block);
        });
    for (int i = 0; i < 2; ++i)
        start_thread(loading, [library] {
            for (int n = 0; n < 10; ++n) {
                void* const loaded = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
                if (loaded == nullptr) failed = true;
                // A function of it that calls malloc, without an interpreter.
                auto* const allocate = reinterpret_cast<void* (*)(std::size_t)>(::dlsym(loaded, "PyMem_RawMalloc"));
                auto* const release = reinterpret_cast<void (*)(void*)>(::dlsym(loaded, "PyMem_RawFree"));
                for (int m = 0; m < 200; ++m) release(allocate(2000));
                ::dlclose(loaded);
            }
        });
    wait_for(loading);
    // One interpreter after another, each with a library of its own, while other threads allocate.
    for (int i = 0; i < 3; ++i)
        if (!use(library)) failed = true;
    done = true;
    wait_for(allocating);
    // Children of a process that has no interpreter, and of one that has: they use it, and unload it.
    const pid_t without = ::fork();
    if (without == 0) ::_exit(use(library) ? 0 : 1);
    if (!ends_well(without)) return 3;
    const Python python(library);
    if (!python.usable()) return 4;
    python.initialize(0);
    if (python.run(kProgram) != 0) return 5;
    if (python.run("import os\nchild = os.fork()\nif child == 0:\n    kept += work()\n    os._exit(0)\n"
                   "assert os.waitpid(child, 0)[1] == 0\n") != 0)
        return 6;
    const pid_t with = ::fork();
    if (with == 0) {
        ::dlclose(python.library);
        ::_exit(std::malloc(100'000) != nullptr ? 0 : 1);
    }
    if (!ends_well(with)) return 7;
    python.finalize();
    ::dlclose(python.library);
    std::vector<std::string> after;
    for (int i = 0; i < 20'000; ++i) after.push_back(std::string(100, 'x'));
    return failed ? 8 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 2 ? argv[1] : "";
    if ((mode == "global" || mode == "local") && argc > 3)
        return run_script(argv[2], mode == "global" ? RTLD_GLOBAL : RTLD_LOCAL, argv + 3, argc - 3);
    if (mode == "abuse") return abuse(argv[2]);
    return 64;
}
