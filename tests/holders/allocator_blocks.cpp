// A program that allocates and frees blocks of many sizes with whatever malloc it runs with. Its argument is the number of threads: each
// frees some of its blocks itself, and the next one frees others; then the first thread ends, and the others wait. Prints "used ADDRESS
// SIZE" (by malloc_usable_size) and "freed ADDRESS" for each block, then "ready". It allocates nothing else meanwhile.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>

namespace {

constexpr std::size_t kSizes[] = {1,    8,    24,     48,     100,     160,     500,       1000,      1500,
                                  4000, 9000, 20'000, 70'000, 200'000, 300'000, 1'000'000, 20'000'000};
constexpr int kMostThreads = 8;
constexpr std::size_t kMostBlocks = 1 << 14;

struct Blocks {
    void* at[kMostBlocks];
    std::size_t count;

    void add(void* block) { at[count++] = block; }
    void** begin() { return at; }
    void** end() { return at + count; }
};
Blocks used[kMostThreads], freed[kMostThreads], handed_over[kMostThreads];
std::atomic<int> arrived;
std::thread threads[kMostThreads];
char buffer[1 << 16];

void arrive_and_wait(int all) {
    for (++arrived; arrived < all;) ::usleep(1000);
}

void allocate(int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    for (const std::size_t size : kSizes) {
        const std::size_t count = size > 1'000'000 ? 2 : size > 100'000 ? 6 : size > 5'000 ? 40 : 1000;
        void* blocks[1000];
        for (std::size_t i = 0; i < count; ++i) {
            blocks[i] = std::malloc(size);
            std::memset(blocks[i], 0, std::min<std::size_t>(size, 100'000));
        }
        for (std::size_t i = 0; i < count; ++i) {
            const auto chance = random() % 8;
            if (chance < 3) {
                std::free(blocks[i]);
                freed[thread].add(blocks[i]);
            } else {
                (chance == 7 ? handed_over : used)[thread].add(blocks[i]);
            }
        }
    }
}

void work(int thread, int count) {
    arrive_and_wait(count);  // to start a thread takes blocks as well
    allocate(thread);
    arrive_and_wait(2 * count);
    for (void* block : handed_over[(thread + 1) % count]) {
        std::free(block);
        freed[thread].add(block);
    }
    arrive_and_wait(3 * count);
    if (thread > 0)
        for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::clamp(std::atoi(argv[1]), 1, kMostThreads) : 1;
    std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (int i = 0; i < count; ++i) threads[i] = std::thread(work, i, count);
    threads[0].join();
    // What was freed and allocated again is in use.
    static void* all[kMostThreads * kMostBlocks];
    void** end = all;
    for (Blocks& blocks : used) end = std::copy(blocks.begin(), blocks.end(), end);
    std::sort(all, end);
    for (void** block = all; block < end; ++block)
        std::printf("used %zu %zu\n", reinterpret_cast<std::size_t>(*block), ::malloc_usable_size(*block));
    for (Blocks& blocks : freed)
        for (void* block : blocks)
            if (!std::binary_search(all, end, block)) std::printf("freed %zu\n", reinterpret_cast<std::size_t>(block));
    std::puts("ready");
    std::fflush(stdout);
    for (;;) ::pause();
}
