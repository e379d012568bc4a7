// Whether the lines below a common caller are the parts of one record, or leaks of their own. Pure, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "analysis/lines/internal/tables.hpp"
#include "analysis/lines/internal/user_lines.hpp"

namespace leakline::analysis {

// A record is kept by one line, wherever its parts are made; of two leaks each has a line that keeps it. A line keeps what it
// puts into a container that outlives the request: its blocks are far fewer than the records (a vector, a deque, a table), or as
// many (a node for each).
struct Keeping {
    enum class By {
        common,    // the common line puts the record into a container, or all parts are made by one constructor
        one_line,  // one line below it does: `line`
        several,   // at least two lines below it do: `part` is the one with the largest growth
        unknown,   // no line does that shows it
    };
    By by = By::unknown;
    std::uint32_t line = kNoSite;  // as UserLines
    std::uint32_t part = kNoSite;  // the line that the common line calls on the way to it
    bool each_record = false;      // what the container itself grew by is enough for a pointer to each record
};

// traces: those whose growth is asked about; growth: of each trace of the recording.
Keeping find_keeping_line(UserLines& user, std::span<const TraceGrowth> growth, std::span<const std::uint32_t> traces,
                          std::uint32_t common);

}  // namespace leakline::analysis
