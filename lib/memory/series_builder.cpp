#include "memory/series_builder.hpp"

#include <cmath>
#include <utility>

namespace leakline::memory {

SeriesBuilder::Outcome SeriesBuilder::add(const RawSample& sample) {
    constexpr double kFarAway = 1e12, kNoMemory = 1e18;  // 30,000 years, an exabyte: beyond any clock and machine
    if (!(std::fabs(sample.seconds) < kFarAway) || !(sample.bytes < kNoMemory)) return Outcome::not_a_number;
    if (sample.bytes < 0) return Outcome::negative;
    // Compared as they will be stored: far from the origin, two times can become equal.
    const double since_origin = sample.seconds - origin_, last_since_origin = last_.seconds - origin_;
    if (taken_ > 0 && since_origin <= last_since_origin) {
        return since_origin == last_since_origin ? Outcome::duplicate_time : Outcome::backwards;
    }
    if (taken_ == 0) origin_ = sample.seconds;
    ++taken_;
    last_ = sample;
    last_kept_ = in_group_ == pick_;
    if (last_kept_) keep(sample);
    if (++in_group_ == group_) {
        in_group_ = 0;
        pick_ = group_ == 1 ? 0 : random() % group_;
    }
    return Outcome::taken;
}

void SeriesBuilder::keep(const RawSample& sample) {
    if (series_.size() >= max_points_) thin();
    series_.seconds.push_back(sample.seconds - origin_);
    series_.value.push_back(sample.bytes);
    if (sample.requests) {
        // A counter that appears late counts from there; one that is missing in between keeps its value.
        if (series_.requests.size() + 1 < series_.size()) series_.requests.resize(series_.size() - 1, *sample.requests);
        series_.requests.push_back(*sample.requests);
    } else if (!series_.requests.empty()) {
        series_.requests.push_back(series_.requests.back());
    }
}

void SeriesBuilder::thin() {
    std::size_t kept = 1;  // the first sample stays
    for (std::size_t pair = 1; pair + 1 < series_.size(); pair += 2, ++kept) {
        const std::size_t pick = pair + (random() & 1);
        series_.seconds[kept] = series_.seconds[pick];
        series_.value[kept] = series_.value[pick];
        if (!series_.requests.empty()) series_.requests[kept] = series_.requests[pick];
    }
    series_.seconds.resize(kept);
    series_.value.resize(kept);
    if (!series_.requests.empty()) series_.requests.resize(kept);
    group_ *= 2;
}

// xorshift64* (Vigna 2016)
std::uint64_t SeriesBuilder::random() {
    random_state_ ^= random_state_ >> 12;
    random_state_ ^= random_state_ << 25;
    random_state_ ^= random_state_ >> 27;
    return (random_state_ * 0x2545F4914F6CDD1Du) >> 32;
}

Series SeriesBuilder::take(std::string name) {
    if (taken_ > 0 && !last_kept_) keep(last_);
    Series series = std::move(series_);
    series.name = std::move(name);
    *this = SeriesBuilder(max_points_);
    return series;
}

}  // namespace leakline::memory
