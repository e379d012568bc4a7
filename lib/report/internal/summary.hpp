// The texts at the top of every report, shared by text, Markdown, HTML and CI annotations.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/words.hpp"
#include "report/report.hpp"

namespace leakline::report {

// A verdict in two parts: "NO LEAK" and "above 12 B per request". The second may be empty.
struct VerdictWords {
    std::string head, qualification;
};
// The smallest growth that a run can detect: "12 B" and "per request", or "unknown" and why. The second may be empty.
struct DetectionLimit {
    std::string size, note;
    std::string text() const { return note.empty() ? size : size + " " + note; }
};
enum class LimitState { none, unknown, not_reached, known };  // known: the trend has the time until the limit

struct Summary {
    std::string verdict;         // "LEAK", "NO LEAK ABOVE 12 B per request", "INCONCLUSIVE", "INVALID": never a bare
                                 // "no leak"
    VerdictWords verdict_words;  // the same
    std::string reason;          // the decisive one
    std::string growth;          // "1.21 KiB per request (1.19 KiB to 1.23 KiB), 43 MiB per hour (...)"; of memory as sampled
    std::string limit;           // "512 MiB is reached in 11h12m (...) at 9.8 requests/s"; empty if there is no limit
    LimitState limit_state = LimitState::none;
    std::string limit_rate;            // "at the log's rate of 9.8 requests/s"; empty where the time does not depend on it
    DetectionLimit detection;          // its text is never empty
    const LineGrowth* top = nullptr;   // the line at fault: the headline line, else the first that leaks; nothing where none does
    std::string top_note;              // "80 % of the growth of 3 lines; 1 other line leaks"; empty where the line is all of it
    std::string types;                 // "dict +12,001 (+2.8 MiB), ...": what grows, by type; empty if it was not counted
    std::string held_by;               // "global app::cache (std::list<app::Event>, ...)": what holds what leaks; empty if it is not known
    std::string audited;               // "kept grows by append at a.py:6; nothing removes from it"; empty if it is not known
    const LineTable* table = nullptr;  // of its function, where there is one
};

// Views into diagnosis: it must outlive the summary.
Summary summarize(const Diagnosis& diagnosis);

// The table of the function that line is in; else nothing.
const LineTable* table_of(const LineReport& lines, const CodeLine& line);

// "+8.06 MiB"; with the half width of the 95 % interval if blocks were sampled: "+8.06 MiB +- 210 KiB".
std::string growth_text(std::int64_t bytes, const std::optional<double>& standard_error);
// "+- 210 KiB"; empty if every block was recorded.
std::string error_text(const std::optional<double>& standard_error);
// "1.21 KiB (1.19 KiB to 1.23 KiB)"; the bounds only where they differ from the estimate as printed.
std::string interval_text(const Interval& bytes);
// Only "(1.19 KiB to 1.23 KiB)", or nothing.
std::string interval_bounds(const Interval& bytes);
// 11.2 -> "11h12m"; beyond 72 h in days, beyond ten years "more than 10 years", infinite "never".
std::string hours_text(double hours);
std::string hours_interval_text(const Interval& hours);
// Of a time to a limit: "reached in 11h12m (11h to 12h)", "never reached", or "reached already".
std::string reached_text(const Interval& hours);
// "13.9 ms"; very short ones "0.132 µs", very long ones "2.97 s".
std::string latency_text(double microseconds);
// A trend's slope and, where known, bytes per request, as in Summary::growth.
std::string slope_text(const TrendVerdict& trend);
// Of a whole diagnosis: per request, and per hour at the log's own rate where that is known (else as
// slope_text).
std::string diagnosed_growth_text(const Diagnosis& diagnosis);
// "day.jsonl, 8 rounds"; a soak has none.
std::string traffic_text(const Diagnosis& diagnosis);
DetectionLimit detection_limit(const TrendVerdict& trend);
// "at the log's rate of 9.8 requests/s".
std::string log_rate_text(double requests_per_second);

// "POST /b: 39.3 B (12.3 B to 66.4 B) of heap per request, leaks": what each kind of request leaves behind, at most twelve
// of them.
std::vector<std::string> endpoint_words(const Diagnosis& diagnosis);

// Of a line that is named first, leaking or not: "store.cpp:44 in Store::keep".
std::string line_and_function(const CodeLine& line);
// What a headline line leaves open, as Summary::top_note.
std::string headline_note(const HeadlineLine& headline);

// The memory accounting as a table with a note per row; a figure that is not known has no row.
struct AccountingRow {
    std::string_view name;
    std::int64_t bytes = 0;
    std::string_view note;
};
std::vector<AccountingRow> accounting_rows(const Accounting& accounting);
// "estimated from 1,234 samples, one in 64 KiB allocated"; empty if every block was recorded.
std::string sampling_text(const LineReport& report);

}  // namespace leakline::report
