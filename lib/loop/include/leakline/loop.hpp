// Fails a test whose code keeps memory in each iteration. One header, for doctest, GoogleTest and Catch2; include it behind theirs.
//
//   TEST_CASE("a request leaves nothing behind") {
//       Server server;
//       LEAKLINE_LOOP(1000, 0_B_per_iteration) { server.handle(request()); }
//   }
//
// The body runs a tenth as often to warm up, and then as often as is asked for, in 16 blocks. Memory is the live bytes of malloc, of all
// threads. The test fails if they grow by more than the budget on average and in at least three blocks: what is set up once, or a cache that
// fills up during one block, is no leak. A body that ends by an exception, break, return or a failed assertion is not judged.
//
// Needs glibc 2.33, or AddressSanitizer or LeakSanitizer. Where live bytes cannot be read (another allocator), the test fails and says so.
// C++17. Thread-safety: one loop at a time in a process.
#pragma once

#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" std::size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

namespace leakline {

struct BytesPerIteration {
    double value = 0;
};

namespace literals {
constexpr BytesPerIteration operator""_B_per_iteration(unsigned long long bytes) { return {static_cast<double>(bytes)}; }
constexpr BytesPerIteration operator""_KiB_per_iteration(unsigned long long kibibytes) { return {static_cast<double>(kibibytes) * 1024}; }
}  // namespace literals

// Bytes that are allocated and not freed.
inline std::uint64_t live_malloc_bytes() {
    if (__sanitizer_get_current_allocated_bytes != nullptr) return __sanitizer_get_current_allocated_bytes();
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

// fail: called with a message if the body leaks, in the test's own words and at its own place.
template <class Fail>
class LeakLoop {
  public:
    LeakLoop(std::uint64_t iterations, BytesPerIteration budget, Fail fail)
        : per_block_(iterations < kBlocks ? 1 : iterations / kBlocks), warm_up_(iterations / 10 + 1), budget_(budget.value), fail_(fail) {}
    LeakLoop(const LeakLoop&) = delete;
    LeakLoop& operator=(const LeakLoop&) = delete;

    // Whether the body is to run once more. After the last time: fails the test, if so.
    bool next() {
        if (done_ >= warm_up_ && (done_ - warm_up_) % per_block_ == 0) {
            const std::size_t block = static_cast<std::size_t>((done_ - warm_up_) / per_block_);
            live_[block] = live_malloc_bytes();
            if (block == kBlocks) {
                judge();
                return false;
            }
        }
        ++done_;
        return true;
    }

  private:
    static constexpr std::size_t kBlocks = 16, kLeastBlocks = 3;

    static bool can_measure() {
        constexpr std::size_t kProbe = 100'000;
        const std::uint64_t before = live_malloc_bytes();
        void* volatile probe = std::malloc(kProbe);
        const std::uint64_t after = live_malloc_bytes();
        std::free(probe);
        return after >= before + kProbe;
    }

    void judge() {
        if (!can_measure()) return fail_("leakline: the live bytes of this program's allocator cannot be read; use glibc's malloc");
        std::size_t growing = 0;
        for (std::size_t i = 0; i < kBlocks; ++i)
            growing += static_cast<double>(live_[i + 1]) - static_cast<double>(live_[i]) > budget_ * static_cast<double>(per_block_);
        const double iterations = static_cast<double>(per_block_ * kBlocks);
        const double kept = (static_cast<double>(live_[kBlocks]) - static_cast<double>(live_[0])) / iterations;
        if (kept <= budget_ || growing < kLeastBlocks) return;
        std::array<char, 256> text{};
        std::snprintf(text.data(), text.size(),
                      "leakline: %.4g B per iteration are kept, %.4g allowed (over %.0f iterations, in %zu of %zu blocks)\n"
                      "  the line: leakline record -o test.leak -- TEST && leakline lines test.leak",
                      kept, budget_, iterations, growing, kBlocks);
        fail_(std::string(text.data()));
    }

    const std::uint64_t per_block_, warm_up_;
    const double budget_;
    Fail fail_;
    std::uint64_t done_ = 0;
    std::array<std::uint64_t, kBlocks + 1> live_{};
};

}  // namespace leakline

#if defined(LEAKLINE_FAIL)  // another framework: LEAKLINE_FAIL(message) fails the test and goes on
#elif defined(DOCTEST_LIBRARY_INCLUDED)
#define LEAKLINE_FAIL(message) DOCTEST_FAIL_CHECK(message)
#elif defined(GTEST_TEST)
#define LEAKLINE_FAIL(message) ADD_FAILURE() << (message)
#elif defined(FAIL_CHECK)
#define LEAKLINE_FAIL(message) FAIL_CHECK(message)
#elif defined(CATCH_FAIL_CHECK)
#define LEAKLINE_FAIL(message) CATCH_FAIL_CHECK(message)
#else
#error "leakline/loop.hpp: include doctest, GoogleTest or Catch2 before it, or define LEAKLINE_FAIL(message)"
#endif

// The budget may use leakline::literals. The failure is at the line of this macro.
#define LEAKLINE_LOOP(iterations, budget)                                                                                  \
    for (::leakline::LeakLoop leakline_loop((iterations),                                                                  \
                                            [&]() -> ::leakline::BytesPerIteration {                                       \
                                                using namespace ::leakline::literals;                                      \
                                                return budget;                                                             \
                                            }(),                                                                           \
                                            [](const std::string& leakline_message) { LEAKLINE_FAIL(leakline_message); }); \
         leakline_loop.next();)
