// What the rows of json_*_fields.hpp have in common. They name each member once, in the order of the text. The archives that write them
// (json.cpp), read them back (json_read.cpp) and fill them in tests walk the same rows, so that everything that is written can be read.
// A new member is a row there and one in report.schema.json.
//
// An archive `a` has
//   kWrites                           its arguments are const
//   a(name, value)                    a member; null if the value is absent, and unchanged when read
//   a.where_any(name, value)          the same, omitted if there is none: zero, empty or absent
//   a.object(name, f)                 f(inner archive) gives the members of an object without its own structure
//   a.beside(name, optional)          the members of an optional structure among the others; name is one of them
//   a.derived(name, value)            for other programs: derived from other members, and not read
//   a.check(holds, expected)          a condition on the members read so far
#pragma once

#include <string_view>
#include <type_traits>

#include "model/series.hpp"

namespace leakline::report {

template <class Archive, class T>
using In = std::conditional_t<Archive::kWrites, const T, T>;

// The names of an enumeration's values, which count from 0 to last.
template <class Enum>
struct Words {
    Enum last;
    std::string_view (*name)(Enum);
};
constexpr Words<Trend> words(Trend) { return {Trend::inconclusive, trend_name}; }

template <class A>
void fields(A& a, In<A, Interval>& interval) {
    a("estimate", interval.estimate);
    a("low", interval.low);
    a("high", interval.high);
}

template <class A>
void fields(A& a, In<A, TrendVerdict>& trend) {
    a("verdict", trend.verdict);
    a("class", trend.growth_class);
    a("p_leak", trend.p_leak);
    a("slope_bytes_per_hour", trend.slope_bytes_per_hour);
    a("bytes_per_request", trend.bytes_per_request);
    a("detectable_bytes_per_hour", trend.detectable_bytes_per_hour);
    a("detectable_bytes_per_request", trend.detectable_bytes_per_request);
    a("warmup_end_s", trend.warmup_end_s);
    a("plateau_bytes", trend.plateau_bytes);
    a("level_bytes", trend.level_bytes);
    a("time_to_limit_h", trend.time_to_limit_h);
    a("reasons", trend.reasons);
}

}  // namespace leakline::report
