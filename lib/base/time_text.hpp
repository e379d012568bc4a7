// Times as logs, tables and people write them, read and written. Pure functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/quantities.hpp"

namespace leakline {

// Time stamps of logs: a form that the log's format names, and a reason where the text is not of it.

// A time, or why the text is none: "bad timestamp '31/Feb/2024:10:00:00 +0000': February has 29 days".
struct ParsedTime {
    std::optional<Nanoseconds> at;  // since the Unix epoch
    std::string reason;
};

// "10/Oct/2000:13:55:36 -0700" (Apache's and nginx's %t, $time_local), "10/Oct/2000 13:55:36" (servers in Python); no zone: UTC.
ParsedTime parse_common_time(std::string_view text);

// "2016-04-15T20:17:00.310Z", "2016-04-15 20:17:00+02:00"; no zone: UTC. Up to 9 digits of a second are kept.
ParsedTime parse_iso_time(std::string_view text);

// A count since the epoch: seconds, milli-, micro- or nanoseconds, recognized by their size (years 1973 to 5138), with a
// fraction or without ("1700000000.123"). Exact: no floating point is used.
ParsedTime parse_unix_time(std::string_view text);

// "Nov 29, 2026 @ 12:34:56.789", as Kibana shows and exports times; no zone: UTC.
ParsedTime parse_kibana_time(std::string_view text);

// "2023/10/10 11:55:36.250" (Go's log, Caddy) and "2023/10/10 - 11:55:36" (gin); no zone: UTC.
ParsedTime parse_slash_time(std::string_view text);

// "231010 11:55:36" (Tornado); no zone: UTC.
ParsedTime parse_short_time(std::string_view text);

// Whichever of these it is, or parse_date_words() where it begins with a weekday, as "Tue Oct 10 11:55:36 2023" (asctime) does.
ParsedTime parse_any_time(std::string_view text);

// "Oct 10 11:55:36.250", as syslog writes times (RFC 3164): without a year, which becomes the last one in which the time is not
// after latest; no zone: UTC.
ParsedTime parse_syslog_time(std::string_view text, Nanoseconds latest);

// The first time with a date in a line of text, of a form that parse_any_time reads; a view into the line, "" if there is none.
// Counts of seconds are not searched for.
std::string_view find_time(std::string_view line);

// Whether a time that one of these reads has no fraction of a second: such times do not give the order within a second.
bool is_in_whole_seconds(std::string_view stamp);

// Decimal seconds, "0.012" or "12": for durations in logs.
std::optional<Nanoseconds> parse_decimal_seconds(std::string_view text);

// Times in tables and logs of memory, in any of many forms: seconds since the Unix epoch, or nothing for text that is not
// wholly such a time, and for a date that does not exist.

// "2024-06-07T12:30:00.5Z", "2024-06-07 12:30:00,500", "2024/06/07 12:30", "07.06.2024 12:30", "2024-06-07"; with "+02:00",
// " +0200", " UTC" or without (then UTC). (06/07/2024 is refused: whether it is June or July depends on the file; see
// parse_slash_date.)
std::optional<double> parse_table_time(std::string_view text);

// "12/31/2018 12:00", "6/7/24, 1:05:09 PM", as the United States (and, day first, others) write dates: with "/" or "-"
// between, without a zone. Nothing where the date does not exist in that order.
enum class DateOrder : unsigned char { month_first, day_first };
std::optional<double> parse_slash_date(std::string_view text, DateOrder order);

// A date with the month as a word: "Fri Jun  7 12:30:00 UTC 2024", "Fri 07 Jun 2024 12:30:00 PM UTC" (the forms of date),
// "Friday, June 7, 2024 12:30:00 PM", "Dec 12, 2018 @ 12:00:00.000", "07/Jun/2024:12:30:00 +0000". Zones are ignored: the
// time is read as UTC. English months, and the German, French and Spanish ones that differ.
std::optional<double> parse_date_words(std::string_view text);

// "20240607123000" and "202406071230", as date +%Y%m%d%H%M%S writes them.
std::optional<double> parse_compact_date(std::string_view text);

// parse_unix_time, of 2001 to 2033.
std::optional<double> parse_epoch(std::string_view text);

// Seconds since midnight of "13:05:09", "01:05:09 PM", "1:05 PM".
std::optional<double> parse_clock_time(std::string_view text);

// Writing, in UTC and whatever the locale; wall is since the Unix epoch.
std::string format_utc_time(Nanoseconds wall);   // "2024-05-06T07:30:00Z"
std::string format_utc_date(Nanoseconds wall);   // "2024-05-06"
std::string format_mail_date(Nanoseconds wall);  // "Mon, 06 May 2024 07:30:00 +0000" (RFC 5322)

}  // namespace leakline
