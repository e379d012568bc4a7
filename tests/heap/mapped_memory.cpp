// Maps memory in every way. Each function of the name leave_... leaves what it says; the others leave nothing that is memory of theirs.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

void require(bool condition, const char* what) {
    if (condition) return;
    std::perror(what);
    std::_Exit(1);
}

char* map(std::size_t size, int protection = PROT_READ | PROT_WRITE, int flags = 0, void* where = nullptr) {
    void* const pages = ::mmap(where, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    require(pages != MAP_FAILED, "mmap");
    return static_cast<char*>(pages);
}
void unmap(char* pages, std::size_t size) { require(::munmap(pages, size) == 0, "munmap"); }

// 1 MiB each.
void leave_mapped() {
    void* const pages = ::mmap(nullptr, kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(pages != MAP_FAILED, "mmap");
    std::memset(pages, 1, kMiB);
}
void leave_trimmed() {
    void* const pages = ::mmap(nullptr, 3 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(pages != MAP_FAILED, "mmap");
    unmap(static_cast<char*>(pages) + 2 * kMiB, kMiB);
    unmap(static_cast<char*>(pages), kMiB);
}
void leave_punched() {
    void* const pages = ::mmap(nullptr, 3 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(pages != MAP_FAILED, "mmap");
    unmap(static_cast<char*>(pages) + kMiB / 2, 2 * kMiB);
}
void leave_grown() {
    void* const pages = ::mmap(nullptr, kMiB / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(pages != MAP_FAILED, "mmap");
    require(::mremap(pages, kMiB / 2, kMiB, MREMAP_MAYMOVE) != MAP_FAILED, "mremap");
}

void map_and_unmap() {
    unmap(map(kMiB), kMiB);
    unmap(map(100), 100);
    char* const both = map(2 * kMiB);
    char* const behind = map(kMiB, PROT_READ | PROT_WRITE, MAP_FIXED, both + kMiB);  // in place of a part
    require(behind == both + kMiB, "MAP_FIXED");
    unmap(both, 2 * kMiB);
    require(::mremap(nullptr, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED, "mremap of nothing");
    char* moved = map(kMiB);
    moved = static_cast<char*>(::mremap(moved, kMiB, kMiB / 4, MREMAP_MAYMOVE));
    unmap(moved, kMiB / 4);
}
void map_no_memory() {
    map(64 * kMiB, PROT_NONE);
    map(64 * kMiB, PROT_READ | PROT_WRITE, MAP_NORESERVE);
    require(::mmap(nullptr, kMiB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED, "mmap of shared memory");
    const int file = ::open("/proc/self/exe", O_RDONLY);
    require(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0) != MAP_FAILED, "mmap of a file");
    ::close(file);
    require(::mmap(nullptr, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL,
            "mmap of nothing");
}

}  // namespace

int main() {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([] {
            for (int i = 0; i < 500; ++i) map_and_unmap();
        });
    for (std::thread& thread : threads) thread.join();
    for (int i = 0; i < 3; ++i) {
        leave_mapped();
        leave_trimmed();
        leave_punched();
        leave_grown();
        map_no_memory();
    }
    const pid_t child = ::fork();
    if (child == 0) {
        for (int i = 0; i < 100; ++i) map_and_unmap();
        ::_exit(0);
    }
    int status = 1;
    require(::waitpid(child, &status, 0) == child && status == 0, "the child");
    std::puts("ok");
    return 0;
}
