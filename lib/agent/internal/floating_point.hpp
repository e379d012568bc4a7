// The agent's own arithmetic within the program's threads, without the C library of mathematics.
#pragma once

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include <cstdint>

namespace leakline::agent {

// While it exists, the thread computes with the default rounding, masked exceptions and flags of its own; the program's are restored.
class OwnFloatingPoint {
  public:
#if defined(__x86_64__)
    OwnFloatingPoint() : programs_(_mm_getcsr()) { _mm_setcsr(kDefault); }
    ~OwnFloatingPoint() { _mm_setcsr(programs_); }
#elif defined(__aarch64__)
    OwnFloatingPoint() { asm volatile("mrs %0, fpcr\n mrs %1, fpsr\n msr fpcr, xzr" : "=r"(control_), "=r"(status_)); }
    ~OwnFloatingPoint() { asm volatile("msr fpcr, %0\n msr fpsr, %1" : : "r"(control_), "r"(status_)); }
#endif
    OwnFloatingPoint(const OwnFloatingPoint&) = delete;
    OwnFloatingPoint& operator=(const OwnFloatingPoint&) = delete;

  private:
#if defined(__x86_64__)
    static constexpr unsigned kDefault = 0x1f80;
    const unsigned programs_;
#elif defined(__aarch64__)
    std::uint64_t control_, status_;
#endif
};

// 0 for what has none.
inline double square_root(double value) {
    if (!(value > 0)) return 0;
#if defined(__x86_64__)
    return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(value)));
#elif defined(__aarch64__)
    double root;
    asm("fsqrt %d0, %d1" : "=w"(root) : "w"(value));
    return root;
#endif
}

}  // namespace leakline::agent
