#include "diagnose/internal/delta_debugging.hpp"

#include <algorithm>
#include <iterator>

namespace leakline::diagnose {

namespace {

using Elements = std::vector<std::size_t>;

std::vector<Elements> in_parts(const Elements& all, std::size_t count) {
    std::vector<Elements> parts;
    for (std::size_t i = 0; i < count; ++i)
        parts.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(all.size() * i / count),
                           all.begin() + static_cast<std::ptrdiff_t>(all.size() * (i + 1) / count));
    return parts;
}

Elements without(const Elements& all, const Elements& part) {
    Elements rest;
    std::set_difference(all.begin(), all.end(), part.begin(), part.end(), std::back_inserter(rest));
    return rest;
}

}  // namespace

Minimum minimize(Elements all, const std::function<TestResult(const Elements&)>& test) {
    Minimum minimum;
    std::size_t granularity = 2;
    while (all.size() >= 2 && !minimum.stopped) {
        granularity = std::min(granularity, all.size());
        const std::vector<Elements> parts = in_parts(all, granularity);
        bool reduced = false;
        const auto adopt = [&](const Elements& part, std::size_t next) {
            const TestResult answer = test(part);
            if (answer == TestResult::stop) minimum.stopped = true;
            if (answer != TestResult::fail) return minimum.stopped;
            all = part;
            granularity = next;
            reduced = true;
            return true;
        };
        // Any part alone; then, where there are more than two, everything but one part.
        for (const Elements& part : parts)
            if (adopt(part, 2)) break;
        for (const Elements& part : parts) {
            if (reduced || minimum.stopped || granularity == 2) break;
            adopt(without(all, part), granularity - 1);
        }
        if (reduced) continue;
        if (granularity >= all.size()) break;
        granularity *= 2;
    }
    minimum.elements = std::move(all);
    return minimum;
}

}  // namespace leakline::diagnose
