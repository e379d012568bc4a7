// What `leakline top` shows: figures of one moment in, text out. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "model/lines.hpp"

namespace leakline::cli {

enum class TopOrder { growth, last_minute, blocks, calls };
// "growth", ... and the one after it, for the key that changes it.
std::string_view order_name(TopOrder order);
TopOrder next_order(TopOrder order);

struct TopFigures {
    std::string process;                         // "trackd (pid 7)"
    std::vector<int> pids;                       // recorded
    Nanoseconds recorded{};                      // since the attach
    std::optional<Bytes> resident;               // of the recorded processes, summed
    std::optional<leakline::Sampling> sampling;  // nothing: every block
    LineReport all;                              // since the attach
    // Growth since about a minute ago, of lines that changed, and how long ago that is; nothing before.
    std::map<CodeLine, std::int64_t> lately;
    std::optional<Nanoseconds> lately_span;
    std::vector<std::string> unseen;  // sentences about what is not in the figures
};

// Totals and the table. width: columns, to which lines are cut. most: lines of code that are shown, of which each has its source text below
// it where that is known. Only lines that grow are shown (of TopOrder::calls: all).
std::vector<std::string> top_view(const TopFigures& figures, TopOrder order, std::size_t most, std::size_t width);

// The same as one line of JSON, without its end of line. Growth is in bytes; errors are standard errors, absent where every block is recorded.
std::string top_json(const TopFigures& figures, TopOrder order, std::size_t most);

}  // namespace leakline::cli
