#include "agent/internal/probability.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

using namespace leakline::agent;

TEST_CASE("the logarithm and the exponential agree with the C library's to 1e-11") {
    for (double x = 1; x > 1e-16; x *= 0.731) CHECK(natural_log(x) == doctest::Approx(std::log(x)).epsilon(1e-11));
    for (double x = 1e-9; x < 100; x *= 1.37) CHECK(one_minus_exp(x) == doctest::Approx(-std::expm1(-x)).epsilon(1e-11));
    CHECK(one_minus_exp(0) == 0);
    CHECK(one_minus_exp(1e300) == 1);
}

TEST_CASE("a block is sampled as often as its probability says, whatever was allocated before it") {
    std::uint64_t random = 88172645463325252u;
    for (const std::uint64_t size : {16, 1000, 70'000}) {
        constexpr std::uint64_t kInterval = 4096;
        constexpr int kBlocks = 400'000;
        std::uint64_t left = bytes_to_next_sample(random, kInterval);
        int sampled = 0;
        for (int i = 0; i < kBlocks; ++i) {
            const std::uint64_t block = i % 2 == 0 ? size : 24;  // another size between
            if (block < left) {
                left -= block;
                continue;
            }
            left = bytes_to_next_sample(random, kInterval);
            if (i % 2 == 0) ++sampled;
        }
        const double expected = sampling_probability(size, kInterval), trials = kBlocks / 2;
        // Five standard deviations: the seed is fixed, so this holds for ever or never.
        CHECK(std::abs(sampled / trials - expected) <= 5 * std::sqrt(expected * (1 - expected) / trials) + 1e-9);
    }
}

TEST_CASE("with an interval of one byte every block is sampled, also one of no bytes") {
    std::uint64_t random = 1;
    CHECK(bytes_to_next_sample(random, 1) == 0);
    CHECK(sampling_probability(0, 1) == 1);
}
