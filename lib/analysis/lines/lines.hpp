// Growth of live heap bytes by source line. Pure: source text is put in by report/source_text, not here.
#pragma once

#include "base/quantities.hpp"
#include "model/heap.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

// What an element takes in a block that it shares with others, at least about; a smaller one makes their count too low.
inline constexpr double kBytesPerElement = 32;

enum class Attribution {
    user_code,  // a trace belongs to its innermost frame in user code (not a system library or header)
    self,       // to its innermost frame with a known line
};

struct LineOptions {
    // Since the start of the recording. Default: from the first round end (else the start) to the last mark
    // under load, never to the end of the process, where destructors have run.
    std::optional<Nanoseconds> window_begin, window_end;
    GroupBy by = GroupBy::line;
    Attribution attribution = Attribution::user_code;
    std::vector<std::string> skip, only;  // parts of file paths or function names
    std::string table_function;           // also make this function's table (bare or qualified name)
    std::size_t tables = 3;               // tables for the functions of this many lines at fault
    Bytes file_growth = 0;                // of the window: Accounting::file_delta_bytes
};

LineReport grow_lines(const HeapProfile& profile, const LineOptions& options = {});

}  // namespace leakline::analysis
