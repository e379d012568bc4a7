// What a gate catches, on one screen.
#include <fmt/format.h>

#include "base/quantities.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/summary.hpp"
#include "report/internal/terminal_text.hpp"
#include "report/internal/traffic_words.hpp"

namespace leakline::report {

namespace {

std::string gate_headline(const GateReport& gate) {
    if (gate.run.verdict == Verdict::invalid) return "nothing is known: the runs are invalid";
    if (!gate.fails_bytes_per_request) return "the smallest leak that fails it is unknown (too little data)";
    const std::string at = format_bytes(*gate.fails_bytes_per_request) + " per request";
    return gate.run.max_growth ? "growth of more than " + at + " fails it" : "a leak of " + at + " or more fails it";
}

void add_detection_limit(TerminalText& text, const GateReport& gate) {
    if (!gate.detectable_bytes_per_request) return text.field("detection limit", detection_limit(gate.run.trend).text());
    std::string words = format_bytes(*gate.detectable_bytes_per_request) + " per request";
    if (gate.detectable_bytes_per_hour)
        words += fmt::format(": {} per hour, {} per day {}", format_bytes(*gate.detectable_bytes_per_hour),
                             format_bytes(*gate.detectable_bytes_per_hour * 24), log_rate_text(*gate.run.requests_per_second));
    text.field("detection limit", words);
    if (gate.hours_to_limit)
        text.field("smaller leaks",
                   fmt::format("are not caught; from {}, they reach {} after {} or later", format_bytes(gate.level_bytes.value_or(0)),
                               format_bytes(static_cast<double>(*gate.run.memory_limit)), hours_text(*gate.hours_to_limit)));
    else
        text.field("smaller leaks",
                   gate.run.memory_limit ? "are not caught" : "are not caught; --memory-limit of diagnose shows what they do");
}

void add_budget(TerminalText& text, const GateReport& gate) {
    if (!gate.run.max_growth) return;
    std::string words = growth_text(*gate.run.max_growth) + ": growth that is shown to be below it passes";
    if (gate.run.max_growth->per == Growth::Per::request && gate.detectable_bytes_per_request &&
        gate.run.max_growth->bytes < *gate.detectable_bytes_per_request)
        words += "; it is below the detection limit, so that no run can pass: use a longer run or a larger budget";
    text.field("budget", words);
}

void add_smallest(TerminalText& text, const GateReport& gate) {
    if (!gate.smallest) return text.field("leaks found", "none in these runs");
    const GateReport::Smallest& leak = *gate.smallest;
    std::string words = format_bytes(leak.bytes_per_request) + " per request";
    if (!leak.at.file.empty()) words += " at " + line_and_function(leak.at);
    if (leak.hours_to_limit)
        words += ": the memory limit is " + reached_text({*leak.hours_to_limit, *leak.hours_to_limit, *leak.hours_to_limit});
    text.field("smallest leak", words + ", in " + leak.file);
}

void add_runs(TerminalText& text, const GateReport& gate) {
    std::string words = fmt::format("{}: {} leaking, {} inconclusive, {} invalid", gate.runs, gate.leaks, gate.inconclusive, gate.invalid);
    if (gate.detectable_of_runs && gate.runs > 1)
        words += fmt::format("; detection limit {} to {} per request", format_bytes(gate.detectable_of_runs->low),
                             format_bytes(gate.detectable_of_runs->high));
    text.field("runs", words);
}

void add_blind_spots(TerminalText& text, const GateReport& gate) {
    text.heading("Not exercised");
    if (const std::string kinds = not_tested_text(gate.run.coverage); !kinds.empty())
        text.field("not tested", kinds);
    else
        text.field("requests", "none of the log's kinds of request: all were served");
    if (!gate.run.soak) text.field("time", "leaks that follow time, and what a timer frees: --soak, --time-scale");
    if (!gate.run.connections) text.field("connections", "growth per connection was not measured");
    if (gate.run.lines.lines.empty()) text.field("lines", "no source lines: a leak is found in memory as a whole, and named nowhere");
}

}  // namespace

std::string gate_text(const GateReport& gate, const RenderOptions& options) {
    TerminalText text(options);
    text.line(text.paint("GATE", Color::bold) + ": " + gate_headline(gate));
    text.line();
    text.field("newest run", fmt::format("{}, {}", gate.file, verdict_name(gate.run.verdict)));
    add_detection_limit(text, gate);
    add_budget(text, gate);
    for (const Gate& other : gate.run.gates)
        if (!gate.run.max_growth || other.name != budget_gate_name(*gate.run.max_growth))
            text.field("gate", fmt::format("{}: {}", outcome_name(other.outcome), other.name));
    add_smallest(text, gate);
    add_runs(text, gate);
    add_blind_spots(text, gate);
    return text.take();
}

}  // namespace leakline::report
