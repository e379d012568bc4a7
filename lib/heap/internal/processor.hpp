// Loops that gain from it are compiled twice: for every processor of the kind, and (x86-64) for those made since 2013.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#define LEAKLINE_NEWER_PROCESSOR __attribute__((target("avx2,bmi,bmi2,popcnt")))
#endif

namespace leakline::heap {

enum class Processor { any, this_one };  // code for every processor of this kind, or the best that this one runs

// Whether code marked LEAKLINE_NEWER_PROCESSOR may be run. Safe from any thread.
inline bool runs_newer_code([[maybe_unused]] Processor processor) {
#if defined(LEAKLINE_NEWER_PROCESSOR)
    return processor == Processor::this_one && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
#else
    return false;
#endif
}

}  // namespace leakline::heap
