#include "analysis/trend/internal/traces.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/quantities.hpp"

namespace leakline::analysis {

TraceRandom::TraceRandom(std::uint64_t seed, std::uint64_t family, std::uint64_t number) {
    std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), static_cast<std::uint32_t>(family),
                           static_cast<std::uint32_t>(number)};
    engine_.seed(sequence);
}

double TraceRandom::uniform(double low, double high) { return low + (high - low) * static_cast<double>(engine_() >> 11) * 0x1p-53; }

double TraceRandom::log_uniform(double low, double high) { return std::exp(uniform(std::log(low), std::log(high))); }

double TraceRandom::normal() {
    if (spare_) {
        const double value = *spare_;
        spare_.reset();
        return value;
    }
    const double radius = std::sqrt(-2 * std::log(1 - uniform())), angle = 2 * std::numbers::pi * uniform();
    spare_ = radius * std::sin(angle);
    return radius * std::cos(angle);
}

double TraceRandom::exponential(double mean) { return -mean * std::log(1 - uniform()); }

int TraceRandom::integer(int low, int high) { return std::min(high, low + static_cast<int>(uniform() * (high - low + 1))); }

namespace {

using Values = std::vector<double>;

// Everything in MiB and seconds until it becomes a Series.
struct Stage {
    Values t, y, requests;
    std::vector<std::int64_t> process;
    double duration = 0, base = 0;
    double noise_deviation = 0, noise_time = 0;  // standard deviation, correlation time in seconds

    std::size_t size() const { return t.size(); }
    template <class Function>
    void add(const Function& of_time) {
        for (std::size_t i = 0; i < size(); ++i) y[i] += of_time(t[i]);
    }
};

Values correlated_noise(TraceRandom& random, const Values& t, double deviation, double time) {
    Values noise(t.size());
    double state = random.normal();
    for (std::size_t i = 0; i < t.size(); ++i) {
        if (i > 0) {
            const double carry = time > 0 ? std::exp(-(t[i] - t[i - 1]) / time) : 0;
            state = carry * state + std::sqrt(1 - carry * carry) * random.normal();
        }
        noise[i] = deviation * state;
    }
    return noise;
}

// A CI run of minutes, a soak of hours, or days; with a base level and correlated noise on it.
Stage begin(TraceRandom& random, double least_noise = 3e-4, double most_noise = 6e-3) {
    constexpr std::size_t kMaxSamples = 5000;
    Stage stage;
    const int kind = random.integer(0, 2);
    const double hour = 3600;
    double interval = 0;
    if (kind == 0) {
        stage.duration = random.uniform(120, 900);
        interval = random.pick(std::array{.1, .2, .5, 1.});
    } else if (kind == 1) {
        stage.duration = random.uniform(1, 6) * hour;
        interval = random.pick(std::array{2., 5., 10.});
    } else {
        stage.duration = random.uniform(12, 72) * hour;
        interval = random.pick(std::array{15., 30., 60.});
    }
    while (stage.duration / interval > kMaxSamples) interval *= 2;
    const auto count = static_cast<std::size_t>(stage.duration / interval);
    for (std::size_t i = 0; i < count; ++i) {
        stage.t.push_back(static_cast<double>(i) * interval + random.uniform(0, .02 * interval));
    }
    stage.duration = stage.t.back();
    stage.base = random.log_uniform(20, 3000);
    stage.noise_deviation = stage.base * random.log_uniform(least_noise, most_noise);
    stage.noise_time = stage.duration * random.log_uniform(2e-4, 1.2e-2);
    stage.y = correlated_noise(random, stage.t, stage.noise_deviation, stage.noise_time);
    stage.add([&](double) { return stage.base; });
    return stage;
}

double some_growth(TraceRandom& random, const Stage& stage, double low = .05, double high = 1) {
    return std::max(1.5, stage.base * random.log_uniform(low, high));
}

void warm_up(TraceRandom& random, Stage& stage, double least = .01, double most = .06) {
    const double time = stage.duration * random.uniform(least, most), part = stage.base * random.uniform(.15, .6);
    stage.add([&](double t) { return -part * std::exp(-t / time); });
}

// Even a fit that knew the noise could hardly see it: slope over its standard error for integrated noise below 6.
bool is_faint(const Stage& stage, double growth, double duration) {
    const double density = 2 * stage.noise_deviation * stage.noise_deviation * stage.noise_time;
    return density > 0 && growth / duration / std::sqrt(12 * density / std::pow(duration, 3)) < 6;
}

// Garbage collector: grows and falls back, with varying period and height.
void saw(TraceRandom& random, Stage& stage, double height, double period) {
    double start = -random.uniform(0, period);
    std::size_t i = 0;
    while (start < stage.duration + 1) {
        const double length = period * std::max(.3, 1 + .25 * random.normal());
        const double top = height * std::max(.4, 1 + .12 * random.normal());
        for (; i < stage.size() && stage.t[i] < start + length; ++i) stage.y[i] += top * (stage.t[i] - start) / length;
        start += length;
    }
}

// Cumulative requests under a load that comes and goes; returns the rate at each sample, 0..1.
Values load(TraceRandom& random, Stage& stage) {
    const int kind = random.integer(0, 2);
    const double phase = random.uniform(), cycles = random.uniform(4, 12), days = random.uniform(1.6, 3.2);
    const double on = random.uniform(.3, .6), peak = random.log_uniform(5, 2000), start = random.uniform(.2, .4);
    Values rate;
    double made = 0, before = 0;
    for (const double t : stage.t) {
        const double x = t / stage.duration, cycle = std::fmod(x * cycles + phase, 1);
        double r = kind == 0   ? (cycle < on ? 1 : .05)
                   : kind == 1 ? .55 + .45 * std::sin(2 * std::numbers::pi * (x * days + phase))
                               : start + (1 - start) * std::min(x / .6, 1.);
        r *= std::max(.2, 1 + .1 * random.normal());
        made += r * peak * (t - before);
        before = t;
        rate.push_back(r);
        stage.requests.push_back(made);
    }
    return rate;
}

// Rounds to pages (or coarser) and becomes bytes.
Trace finish(Stage stage, bool leaks, bool hard, double growth_per_second, double step = 4 / 1024.) {
    constexpr double kPage = 4 / 1024.;
    Trace trace;
    trace.leaks = leaks;
    trace.hard = hard;
    trace.slope_bytes_per_hour = growth_per_second * 3600 * kMiB;
    for (double& value : stage.y) value = std::max(kPage, std::round(value / step) * step) * kMiB;
    trace.series.seconds = std::move(stage.t);
    trace.series.value = std::move(stage.y);
    trace.series.requests = std::move(stage.requests);
    trace.series.process = std::move(stage.process);
    return trace;
}

Trace linear_leak(TraceRandom& random) {
    Stage stage = begin(random);
    const double growth = some_growth(random, stage);
    if (random.chance(.5)) warm_up(random, stage);
    stage.add([&](double t) { return growth * t / stage.duration; });
    const bool faint = is_faint(stage, growth, stage.duration);
    const double slope = growth / stage.duration;
    return finish(std::move(stage), true, faint, slope);
}

Trace arena_leak(TraceRandom& random) {
    Stage stage = begin(random, 1e-4, 1e-3);
    const double growth = some_growth(random, stage), steps = random.uniform(8, 40), phase = random.uniform();
    stage.add([&](double t) { return growth / steps * std::floor(steps * t / stage.duration + phase); });
    const double slope = growth / stage.duration;
    return finish(std::move(stage), true, false, slope);
}

Trace collected_leak(TraceRandom& random) {
    Stage stage = begin(random, 2e-4, 3e-3);
    const double height = stage.base * random.uniform(.05, .5), growth = height * random.uniform(.4, 2);
    saw(random, stage, height, stage.duration / random.uniform(8, 60));
    stage.add([&](double t) { return growth * t / stage.duration; });
    const double slope = growth / stage.duration;
    return finish(std::move(stage), true, false, slope);
}

Trace late_leak(TraceRandom& random) {
    Stage stage = begin(random, 2e-4, 3e-3);
    const double from = random.uniform(.3, .65), growth = some_growth(random, stage, .06, .6);
    stage.add([&](double t) { return growth * std::max(0., t / stage.duration - from) / (1 - from); });
    const double rest = (1 - from) * stage.duration;
    const bool faint = is_faint(stage, growth, rest);
    return finish(std::move(stage), true, faint, growth / rest);
}

Trace leak_per_request(TraceRandom& random) {
    Stage stage = begin(random);
    load(random, stage);
    const double growth = some_growth(random, stage), made = stage.requests.back();
    for (std::size_t i = 0; i < stage.size(); ++i) stage.y[i] += growth * stage.requests[i] / made;
    const bool faint = is_faint(stage, growth, stage.duration);
    const double slope = growth / stage.duration;
    Trace trace = finish(std::move(stage), true, faint, slope);
    trace.bytes_per_request = growth * kMiB / made;
    return trace;
}

Trace leak_after_fill(TraceRandom& random) {
    Stage stage = begin(random, 2e-4, 3e-3);
    const double growth = some_growth(random, stage, .1, .8), filled = random.uniform(.05, .3);
    const double cache = growth * random.uniform(.3, 3);
    stage.add([&](double t) {
        const double x = t / stage.duration;
        return growth * x + cache * std::min(x / filled, 1.);
    });
    const bool faint = is_faint(stage, growth, stage.duration * .7);
    const double slope = growth / stage.duration;
    return finish(std::move(stage), true, faint, slope);
}

// Restarted when it reaches its limit: one pid after the other.
Trace killed_leak(TraceRandom& random) {
    Stage stage = begin(random, 3e-4, 3e-3);
    const double limit = stage.base * random.uniform(1.4, 4), period = stage.duration / random.uniform(1.6, 6);
    const double phase = random.uniform() * period;
    for (std::size_t i = 0; i < stage.size(); ++i) {
        const double age = std::fmod(stage.t[i] + phase, period);
        stage.y[i] += (limit - stage.base) * age / period - .4 * stage.base * std::exp(-age / (.01 * period));
        stage.process.push_back(1000 + static_cast<std::int64_t>((stage.t[i] + phase) / period));
    }
    const double slope = (limit - stage.base) / period;
    return finish(std::move(stage), true, false, slope);
}

Trace coarse_leak(TraceRandom& random) {
    Stage stage = begin(random, 1e-5, 1e-4);
    const double step = stage.base < 1000 ? random.pick(std::array{.1, 1.}) : random.pick(std::array{1., 10.});
    const double growth = step * random.uniform(8, 30) + .01 * stage.base;
    stage.add([&](double t) { return growth * t / stage.duration; });
    const double slope = growth / stage.duration;
    return finish(std::move(stage), true, false, slope, step);
}

Trace flat(TraceRandom& random) { return finish(begin(random, 1e-5, 2e-2), false, false, 0); }

Trace warming(TraceRandom& random) {
    Stage stage = begin(random);
    warm_up(random, stage, .01, .14);
    return finish(std::move(stage), false, false, 0);
}

Trace filling_cache(TraceRandom& random) {
    Stage stage = begin(random, 2e-4, 5e-3);
    const double filled = random.uniform(.05, .85), cache = stage.base * random.uniform(.1, 3);
    stage.add([&](double t) { return cache * std::min(t / (filled * stage.duration), 1.); });
    return finish(std::move(stage), false, filled > .65, 0);
}

Trace several_caches(TraceRandom& random) {
    Stage stage = begin(random, 2e-4, 4e-3);
    for (int cache = random.integer(2, 4); cache > 0; --cache) {
        const double from = random.uniform(0, .3), over = random.uniform(.02, .3), size = stage.base * random.uniform(.05, .5);
        stage.add([&](double t) { return size * std::clamp((t / stage.duration - from) / over, 0., 1.); });
    }
    return finish(std::move(stage), false, false, 0);
}

Trace collected(TraceRandom& random) {
    Stage stage = begin(random, 2e-4, 3e-3);
    const double cycles = random.log_uniform(3, 80);
    saw(random, stage, stage.base * random.uniform(.05, .8), stage.duration / cycles);
    return finish(std::move(stage), false, cycles < 6, 0);
}

Trace expiring(TraceRandom& random) {
    Stage stage = begin(random, 2e-4, 3e-3);
    const double cycles = random.log_uniform(3, 24), phase = random.uniform(), size = stage.base * random.uniform(.05, .6);
    stage.add([&](double t) { return size * std::fmod(t / stage.duration * cycles + phase, 1); });
    return finish(std::move(stage), false, cycles < 4, 0);
}

Trace daily_load(TraceRandom& random) {
    Stage stage = begin(random);
    const double days = random.uniform(2, 4), phase = random.uniform(), size = stage.base * random.uniform(.03, .4);
    stage.add([&](double t) { return .5 * size * std::sin(2 * std::numbers::pi * (t / stage.duration * days + phase)); });
    return finish(std::move(stage), false, days < 3, 0);
}

Trace stepped(TraceRandom& random) {
    Stage stage = begin(random);
    const double at = random.uniform(.1, .8), size = stage.base * random.uniform(.03, .6) * (random.chance(.5) ? 1 : -1);
    stage.add([&](double t) { return t > at * stage.duration ? size : 0; });
    return finish(std::move(stage), false, at > .75, 0);
}

Trace memory_of_load(TraceRandom& random) {
    Stage stage = begin(random);
    const Values rate = load(random, stage);
    const double size = stage.base * random.uniform(.05, .5);
    for (std::size_t i = 0; i < stage.size(); ++i) stage.y[i] += size * rate[i];
    return finish(std::move(stage), false, true, 0);
}

Trace restarted(TraceRandom& random) {
    Stage stage = begin(random);
    const double at = random.uniform(.2, .8) * stage.duration, time = stage.duration * random.uniform(.005, .03);
    const double part = stage.base * random.uniform(.2, .7);
    for (std::size_t i = 0; i < stage.size(); ++i) {
        const double age = stage.t[i] < at ? stage.t[i] : stage.t[i] - at;
        stage.y[i] -= part * std::exp(-age / time);
        stage.process.push_back(stage.t[i] < at ? 7 : 8);
    }
    return finish(std::move(stage), false, false, 0);
}

Trace decaying(TraceRandom& random) {
    Stage stage = begin(random, 2e-4, 4e-3);
    const double peak = stage.base * random.uniform(.1, .6), time = stage.duration * random.uniform(.03, .2);
    stage.add([&](double t) { return peak * std::exp(-t / time); });
    return finish(std::move(stage), false, false, 0);
}

}  // namespace

std::span<const TraceFamily> trace_families() {
    static constexpr std::array table = {
        TraceFamily{"linear", "a leak at a constant rate", true, linear_leak},
        TraceFamily{"arenas", "a leak that appears in steps, as from allocator arenas", true, arena_leak},
        TraceFamily{"collected leak", "a leak under a garbage collector's sawtooth", true, collected_leak},
        TraceFamily{"late", "a leak that starts during the run", true, late_leak},
        TraceFamily{"per request", "a leak that follows an uneven load", true, leak_per_request},
        TraceFamily{"after a fill", "a leak after a cache has filled", true, leak_after_fill},
        TraceFamily{"killed", "a leak, restarted at its limit", true, killed_leak},
        TraceFamily{"coarse", "a leak read in coarse units", true, coarse_leak},
        TraceFamily{"flat", "a level with noise", false, flat},
        TraceFamily{"warm-up", "a warm-up that ends", false, warming},
        TraceFamily{"cache", "a cache that reaches its bound", false, filling_cache},
        TraceFamily{"caches", "several caches that fill one after the other", false, several_caches},
        TraceFamily{"collected", "a garbage collector's sawtooth", false, collected},
        TraceFamily{"expiring", "entries that expire together", false, expiring},
        TraceFamily{"daily", "a load with a daily cycle", false, daily_load},
        TraceFamily{"step", "one step up or down", false, stepped},
        TraceFamily{"load", "memory that follows the rate of requests", false, memory_of_load},
        TraceFamily{"restart", "a restart with its warm-up", false, restarted},
        TraceFamily{"decay", "a peak that decays", false, decaying},
    };
    return table;
}

Trace make_trace(const TraceFamily& family, std::uint64_t seed, std::uint64_t number) {
    const auto index = static_cast<std::uint64_t>(&family - trace_families().data());
    TraceRandom random(seed, index, number);
    Trace trace = family.make(random);
    trace.series.name = family.name;
    return trace;
}

Trace noisy_line(std::uint64_t seed, std::uint64_t number, double growth_in_deviations) {
    constexpr std::uint64_t kStream = 1000;
    constexpr std::size_t kSamples = 2000;
    constexpr double kBase = 300, kDeviation = 3, kCorrelation = .005;
    TraceRandom random(seed, kStream, number);
    Stage stage;
    stage.duration = 3600;
    for (std::size_t i = 0; i < kSamples; ++i) stage.t.push_back(stage.duration * static_cast<double>(i) / (kSamples - 1));
    stage.y = correlated_noise(random, stage.t, kDeviation, kCorrelation * stage.duration);
    const double growth = growth_in_deviations * kDeviation;
    stage.add([&](double t) { return kBase + growth * t / stage.duration; });
    return finish(std::move(stage), growth > 0, false, growth / 3600);
}

}  // namespace leakline::analysis
