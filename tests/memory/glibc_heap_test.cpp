// Held to what glibc says of itself: mallinfo2 of this process. Not under sanitizers, which bring another malloc.
#include "memory/glibc_heap.hpp"
#include "system/child_process.hpp"

#include <doctest/doctest.h>
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

using namespace leakline;
using namespace leakline::memory;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LEAKLINE_OTHER_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LEAKLINE_OTHER_MALLOC 1
#endif
#endif

#ifndef LEAKLINE_OTHER_MALLOC

namespace {

struct Expected {
    double used, retained;
};

Expected by_mallinfo() {
    const struct mallinfo2 info = ::mallinfo2();
    return {static_cast<double>(info.uordblks + info.hblkhd), static_cast<double>(info.fordblks)};
}

void check_against_mallinfo(GlibcHeap& heap) {
    heap.read();  // the first time it allocates for itself
    const Expected before = by_mallinfo();
    const auto figures = heap.read();
    REQUIRE(figures);
    // Reading allocates a little itself.
    CHECK(std::abs(static_cast<double>(figures->used) - before.used) < 100'000);
    // The end of each arena that was never touched, up to 128 KiB, is not resident and so not retained.
    CHECK(std::abs(static_cast<double>(figures->retained) - before.retained) < 400'000);
}

}  // namespace

TEST_CASE("malloc's figures are those of mallinfo2: small blocks, large ones, free ones, other arenas") {
    GlibcHeap heap(::getpid());
    check_against_mallinfo(heap);

    std::vector<std::vector<char>> small(20'000, std::vector<char>(900));
    check_against_mallinfo(heap);
    const std::vector<char> mapped(30'000'000);
    check_against_mallinfo(heap);
    for (std::size_t i = 0; i < small.size(); i += 2) std::vector<char>().swap(small[i]);
    check_against_mallinfo(heap);
    CHECK(heap.read()->retained > 8'000'000);

    // A thread allocates from an arena of its own, which stays when the thread has gone.
    std::vector<std::vector<char>> by_thread;
    std::thread([&] { by_thread.assign(5'000, std::vector<char>(1'000)); }).join();
    check_against_mallinfo(heap);
    CHECK(heap.read()->used > 30'000'000 + 9'000'000 + 5'000'000);
}

TEST_CASE("small chunks that malloc has at hand for their like are retained, not used") {
    GlibcHeap heap(::getpid());
    std::vector<void*> small(100'000);
    for (void*& block : small) block = std::malloc(100);
    const auto before = heap.read();
    for (void* block : small) std::free(block);
    const auto after = heap.read();
    REQUIRE(before);
    REQUIRE(after);
    CHECK(after->retained > before->retained + 10'000'000);
    CHECK(after->used < before->used - 10'000'000);
}

TEST_CASE("what malloc_trim gave back is not retained, though its chunks are still free") {
    GlibcHeap heap(::getpid());
    heap.read();
    std::vector<void*> blocks(2'000);
    for (void*& block : blocks) std::memset(block = std::malloc(20'000), 1, 20'000);
    void* const last = std::malloc(3'000);  // so that the heap's end cannot shrink
    for (void* block : blocks) std::free(block);
    const auto before = heap.read();
    ::malloc_trim(0);
    const auto after = heap.read();
    std::free(last);
    REQUIRE(before);
    REQUIRE(after);
    CHECK(before->retained > 38'000'000);
    CHECK(after->retained < before->retained - 38'000'000);
    CHECK(std::abs(static_cast<double>(after->used) - static_cast<double>(before->used)) < 100'000);
}

TEST_CASE("the figures of a program that allocates and frees all the time can be read") {
    GlibcHeap heap(::getpid());
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (unsigned seed = 1; seed <= 2; ++seed)
        threads.emplace_back([&done, seed] {
            std::minstd_rand random(seed);
            std::vector<std::vector<char>> slots(60'000);
            while (!done) slots[random() % slots.size()] = std::vector<char>(20 + random() % 1'500);
        });
    int read = 0;
    for (int attempt = 0; attempt < 20; ++attempt) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        read += heap.read().has_value();
    }
    done = true;
    for (std::thread& thread : threads) thread.join();
    CHECK(read > 0);
}

#endif

TEST_CASE("a process that is not there has no malloc figures") {
    GlibcHeap heap(2147483647);
    CHECK_FALSE(heap.read());
}

TEST_CASE("the malloc figures of another process follow its exec") {
    Command command;
    command.arguments = {"sh", "-c", "sleep 0.2; exec python3 -c 'import time; x = [bytes(600) for i in range(30000)]; time.sleep(30)'"};
    Child child = Child::start(command);
    GlibcHeap heap(child.pid());
    bool grown = false;
    for (int attempt = 0; attempt < 1500 && !grown; ++attempt) {
        const auto figures = heap.read();
        grown = figures && figures->used > 18'000'000;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(grown);
}
