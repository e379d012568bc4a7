// Which source line each trace belongs to, and which lines it passes through. Pure, safe from any thread.
//
//   malloc <- operator new <- std::deque::push_back <- append(...) cache.cpp:31 <- handle(...) app.cpp:12 <-
//   main
//                             header of the library    ^ the line, under Attribution::user_code
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/lines/code_kind.hpp"
#include "analysis/lines/lines.hpp"
#include "model/heap.hpp"

namespace leakline::analysis {

// Recorders cap stacks (heaptrack at 62 frames): a deeper chain is a damaged file, and is cut.
inline constexpr std::size_t kDeepestStack = 512;

// Without "." and "..", by the text alone; two spellings of one file become one.
std::string normal_path(std::string_view file);

// A group of code that bytes are attributed to: a line, a function or a file (LineOptions::by). Code without debug info
// is identified by its function alone, or by nothing; its file is then the program or library that it is in, its line 0.
struct Site {
    CodeLine at;
    bool user_code = true;
};

inline constexpr std::uint32_t kNoSite = ~std::uint32_t{0};

struct TraceAttribution {
    std::vector<Site> sites;
    std::vector<std::uint32_t> site_of_trace;   // index trace - 1; kNoSite: nothing in the trace has a source line or is the user's
    std::vector<std::uint32_t> line_of_trace;   // the line number behind it, 0 where there is none
    std::vector<std::uint32_t> frame_of_trace;  // index into HeapProfile::frames; kNoSite where there is none
    std::vector<TraceId> node_of_trace;         // the trace node that holds it: its parent is the caller
    std::vector<CodeKind> kind_of_frame;        // index as HeapProfile::frames
};

TraceAttribution attribute_traces(const HeapProfile& profile, const LineOptions& options);

}  // namespace leakline::analysis
