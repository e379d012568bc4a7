// The arithmetic of sampling. Uses no libm, which the recorded program may not have loaded. Pure functions.
//
// Each byte is chosen with probability 1 - exp(-1/interval); a block is sampled if one of its bytes is. (Poisson sampling of bytes,
// as in jemalloc and tcmalloc; the estimate is that of Horvitz and Thompson, 1952.)
#pragma once

#include <cstdint>
#include <cstring>

namespace leakline::agent {

// ln(x) for x in (0, 1], to 1e-12: the series of atanh on [sqrt(1/2), sqrt(2)).
inline double natural_log(double x) {
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1023;
    bits = (bits & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1023} << 52;
    double mantissa;
    std::memcpy(&mantissa, &bits, sizeof mantissa);
    if (mantissa > 1.4142135623730951) {
        mantissa /= 2;
        ++exponent;
    }
    const double s = (mantissa - 1) / (mantissa + 1), s2 = s * s;
    double sum = 0;
    for (int k = 15; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
    return 2 * s * sum + exponent * 0.6931471805599453;
}

// 1 - exp(-x) for x >= 0, with a relative error of 1e-12: a series for x <= 1/8, otherwise by halving x.
inline double one_minus_exp(double x) {
    if (!(x < 40)) return 1;
    int halvings = 0;
    while (x > 0.125) {
        x /= 2;
        ++halvings;
    }
    double sum = 0;
    for (int k = 9; k >= 1; --k) sum = (1 - sum) * x / k;
    while (halvings-- > 0) sum = sum * (2 - sum);
    return sum;
}

// The probability that a block of this size is sampled.
inline double sampling_probability(std::uint64_t bytes, std::uint64_t interval) {
    if (interval <= 1) return 1;
    return one_minus_exp(static_cast<double>(bytes) / static_cast<double>(interval));
}

// xorshift64* (Vigna, 2016); the state is never 0.
inline std::uint64_t next_random(std::uint64_t& state) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du;
}
// In (0, 1).
inline double next_uniform(std::uint64_t& state) { return (static_cast<double>(next_random(state) >> 11) + 0.5) * 0x1p-53; }

// The number of bytes up to and including the next chosen one. 0 for an interval of 1, so that blocks of 0 bytes are sampled too.
inline std::uint64_t bytes_to_next_sample(std::uint64_t& state, std::uint64_t interval) {
    if (interval <= 1) return 0;
    return static_cast<std::uint64_t>(-natural_log(next_uniform(state)) * static_cast<double>(interval)) + 1;
}

}  // namespace leakline::agent
