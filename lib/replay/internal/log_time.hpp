// Time stamps as logs write them. Pure functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/quantities.hpp"

namespace leakline::replay {

// A stamp, or why it is none: "bad timestamp '31/Feb/2024:10:00:00 +0000': February has 29 days".
struct LogTime {
    std::optional<Nanoseconds> at;  // since the Unix epoch
    std::string reason;
};

// "10/Oct/2000:13:55:36 -0700" (Apache's and nginx's %t, $time_local).
LogTime parse_common_time(std::string_view text);

// "2016-04-15T20:17:00.310Z", "2016-04-15 20:17:00+02:00"; no zone: UTC. Up to 9 digits of a second are kept.
LogTime parse_iso_time(std::string_view text);

// A count since the epoch: seconds with a fraction ("1700000000.123"), or whole milli-, micro- or nanoseconds, told
// apart by their size (years 1973 to 5138). Exact, without a detour through floating point.
LogTime parse_unix_time(std::string_view text);

// "Nov 29, 2026 @ 12:34:56.789", as Kibana shows and exports times; no zone: UTC.
LogTime parse_kibana_time(std::string_view text);

// Whichever of these it is.
LogTime parse_any_time(std::string_view text);

// Decimal seconds, "0.012" or "12": for durations in logs.
std::optional<Nanoseconds> parse_decimal_seconds(std::string_view text);

}  // namespace leakline::replay
