#include "replay/internal/histogram.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/quantities.hpp"

namespace leakline::replay {

// Values below 2^bits have a bucket each. Above, each power of two [2^k, 2^(k+1)) is divided into 2^bits equal buckets:
//
//   index:  0 1 2 ... 2^b-1 | 2^b ...   | 2 * 2^b ...
//   values: 0 1 2 ... 2^b-1 | 2^b (w=1) | 2^(b+1) (width 2) | ...
Histogram::Histogram(int bits) : bits_(bits), counts_(static_cast<std::size_t>(64 - bits + 1) << bits) {}

std::size_t Histogram::index_of(std::uint64_t value) const {
    if (value >> bits_ == 0) return value;
    const int power = std::bit_width(value) - 1 - bits_;  // width of the bucket is 2^power
    const std::uint64_t within = (value >> power) - (std::uint64_t{1} << bits_);
    return (static_cast<std::size_t>(power + 1) << bits_) + within;
}

std::uint64_t Histogram::highest_of(std::size_t index) const {
    const std::size_t group = index >> bits_;
    if (group == 0) return index;
    const std::uint64_t within = (index & ((std::size_t{1} << bits_) - 1)) + (std::uint64_t{1} << bits_);
    return (within << (group - 1)) + ((std::uint64_t{1} << (group - 1)) - 1);
}

void Histogram::record(Nanoseconds value) {
    const std::uint64_t count = value.count() > 0 ? static_cast<std::uint64_t>(value.count()) : 0;
    ++counts_[index_of(count)];
    ++count_;
    max_ = std::max(max_, count);
    sum_ += static_cast<double>(count);
    sum_of_squares_ += static_cast<double>(count) * static_cast<double>(count);
}

void Histogram::merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size() && i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    max_ = std::max(max_, other.max_);
    sum_ += other.sum_;
    sum_of_squares_ += other.sum_of_squares_;
}

Nanoseconds Histogram::quantile(double fraction) const {
    if (count_ == 0) return {};
    const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    const std::uint64_t rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        seen += counts_[i];
        if (seen >= rank) return Nanoseconds(static_cast<std::int64_t>(std::min(highest_of(i), max_)));
    }
    return max();
}

LatencySummary Histogram::summary() const {
    const auto us = [&](double fraction) { return static_cast<double>(quantile(fraction).count()) / 1000; };
    return {us(0.5), us(0.9), us(0.99), us(0.999), static_cast<double>(max_) / 1000, mean_ns() / 1000, count_, count_ == 0 ? "" : text()};
}

std::string Histogram::text() const {
    std::string out = std::to_string(bits_);
    std::size_t before = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        if (counts_[i] == 0) continue;
        out += " " + std::to_string(i - before) + " " + std::to_string(counts_[i]);
        before = i;
    }
    return out;
}

namespace {

// The next number of a list with a blank between two.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) return value;
    if (text.front() != ' ' || text.size() == 1) return std::nullopt;
    text.remove_prefix(1);
    return value;
}

}  // namespace

int Histogram::bits_of(std::string_view text) {
    const auto bits = take_number(text);
    return bits && *bits >= 1 && *bits <= 12 ? static_cast<int>(*bits) : 0;
}

bool Histogram::merge_text(const LatencySummary& summary) {
    std::string_view rest = summary.buckets;
    if (take_number(rest) != static_cast<std::uint64_t>(bits_)) return false;
    Histogram added(bits_);
    std::size_t index = 0;
    while (!rest.empty()) {
        const auto gap = take_number(rest);
        const auto count = gap && !rest.empty() ? take_number(rest) : std::nullopt;
        if (!count || *gap >= counts_.size() - index || *count > summary.count - added.count_) return false;
        index += *gap;
        added.counts_[index] += *count;
        added.count_ += *count;
    }
    const double max_ns = summary.max * 1000, mean_ns = summary.mean * 1000;
    if (added.count_ != summary.count || !(max_ns >= 0 && max_ns < 9.2e18 && mean_ns >= 0 && mean_ns < 9.2e18)) return false;
    added.max_ = static_cast<std::uint64_t>(std::llround(max_ns));
    added.sum_ = mean_ns * static_cast<double>(added.count_);
    merge(added);
    return true;
}

LatencyDistribution Histogram::distribution() const {
    LatencyDistribution result;
    std::uint64_t seen = 0;
    // Five reporting points for each halving of the distance to 100 %, HdrHistogram's default.
    double next = 0;
    for (std::size_t i = 0; i < counts_.size() && seen < count_; ++i) {
        if (counts_[i] == 0) continue;
        seen += counts_[i];
        const double reached = static_cast<double>(seen) / static_cast<double>(count_);
        const double value_us = static_cast<double>(std::min(highest_of(i), max_)) / 1000;
        while (next <= reached && next < 1) {
            result.rows.push_back({value_us, next, seen});
            const double half = std::exp2(std::floor(std::log2(1 / (1 - next))) + 1);
            next += 1 / (5 * half);
            if (1 - next < 0.5 / static_cast<double>(count_)) next = 1;
        }
    }
    result.max_us = static_cast<double>(max_) / 1000;
    result.total = count_;
    result.rows.push_back({result.max_us, 1, count_});
    result.mean_us = mean_ns() / 1000;
    const double variance = count_ == 0 ? 0 : std::max(0.0, sum_of_squares_ / static_cast<double>(count_) - mean_ns() * mean_ns());
    result.deviation_us = std::sqrt(variance) / 1000;
    result.buckets = 64 - bits_ + 1;
    result.sub_buckets = 1 << bits_;
    return result;
}

}  // namespace leakline::replay
