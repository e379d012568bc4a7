// Held to what glibc says of itself: mallinfo2 of this process. Not under sanitizers, which bring another malloc.
#include "memory/glibc_heap.hpp"

#include <doctest/doctest.h>
#include <malloc.h>
#include <unistd.h>

#include <cmath>
#include <thread>
#include <vector>

#include "base/process.hpp"

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
    // Fast bins hold free chunks that we count as used.
    return {static_cast<double>(info.uordblks + info.hblkhd + info.fsmblks),
            static_cast<double>(info.fordblks - info.fsmblks)};
}

void check_against_mallinfo(GlibcHeap& heap) {
    const Expected before = by_mallinfo();
    const auto figures = heap.read();
    REQUIRE(figures);
    // Reading allocates a little itself.
    CHECK(std::abs(static_cast<double>(figures->used) - before.used) < 100'000);
    CHECK(std::abs(static_cast<double>(figures->retained) - before.retained) < 100'000);
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
        interruption::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(grown);
}
