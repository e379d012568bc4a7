// Simulated memory of processes with known truth, for `leakline trend --self-test` and the tests: what runtimes,
// allocators, caches, loads and restarts do to RSS, each as one family.
//
// Deterministic: the same family, seed and number give the same trace on every machine. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string_view>

#include "model/series.hpp"

namespace leakline::analysis {

struct Trace {
    Series series;
    bool leaks = false;
    // Undecidable even if the family is known: inconclusive is a correct answer too.
    bool hard = false;
    double slope_bytes_per_hour = 0;          // true, at the end; 0 without a leak
    std::optional<double> bytes_per_request;  // true
};

class TraceRandom;

struct TraceFamily {
    std::string_view name, summary;
    bool leaks;
    Trace (*make)(TraceRandom& random);
};

std::span<const TraceFamily> trace_families();
Trace make_trace(const TraceFamily& family, std::uint64_t seed, std::uint64_t number);

// A plain leak in correlated noise, for the power curve: growth in standard deviations of the noise.
Trace noisy_line(std::uint64_t seed, std::uint64_t number, double growth_in_deviations);

// Random numbers with distributions defined here: those of the standard library differ between libraries.
class TraceRandom {
  public:
    TraceRandom(std::uint64_t seed, std::uint64_t family, std::uint64_t number);
    double uniform(double low = 0, double high = 1);
    double log_uniform(double low, double high);
    double normal();
    double exponential(double mean);
    int integer(int low, int high);  // both included
    bool chance(double probability) { return uniform() < probability; }
    double pick(std::span<const double> values) {
        return values[static_cast<std::size_t>(integer(0, static_cast<int>(values.size()) - 1))];
    }

  private:
    std::mt19937_64 engine_;
    std::optional<double> spare_;  // second normal of a Box-Muller pair
};

}  // namespace leakline::analysis
