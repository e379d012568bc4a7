#include "report/internal/caller_tree.hpp"

#include <fmt/format.h>

#include "base/quantities.hpp"
#include "base/utf8.hpp"
#include "report/internal/line_table.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

struct Edges {
    const char *inner, *last, *passed;  // 3 columns each
};
constexpr Edges kUnicode = {"├─ ", "└─ ", "│  "}, kAscii = {"|- ", "`- ", "|  "};

struct Tree {
    std::size_t width;
    const Edges& edges;
    std::vector<std::string> rows{};
    std::size_t left_out = 0;

    void add(const std::vector<CallerNode>& callers, std::size_t depth, const std::string& indent, bool branches) {
        for (std::size_t i = 0; i < callers.size(); ++i) {
            const CallerNode& caller = callers[i];
            const bool last = i + 1 == callers.size();
            if (rows.size() >= kCallerRows) {
                ++left_out;
                continue;
            }
            const std::string edge = branches ? (last ? edges.last : edges.inner) : "";
            const std::size_t used = 15 + 3 * (depth + (branches ? 1 : 0));
            const std::string name = caller.at.file.empty() || caller.at.function.empty()
                                         ? place_text(caller.at)
                                         : fmt::format("{} {}", place_text(caller.at), caller.at.function);
            rows.push_back(fmt::format("  {:>11}  {}{}{}", format_signed_bytes(static_cast<double>(caller.growth_bytes)), indent, edge,
                                       utf8_cut(terminal_safe(name), width > used + 20 ? width - used : 20)));
            // Depth is indented only where it branches: most stacks are one long chain.
            const std::string deeper = branches ? indent + (last ? "   " : edges.passed) : indent;
            add(caller.callers, depth + (branches ? 1 : 0), deeper, caller.callers.size() > 1);
        }
    }
};

}  // namespace

std::vector<std::string> caller_tree(const LineGrowth& line, std::size_t width, Characters characters) {
    Tree tree{width, characters == Characters::unicode ? kUnicode : kAscii};
    tree.add(line.callers, 0, "", line.callers.size() > 1);
    if (tree.left_out > 0) tree.rows.push_back(fmt::format("  {:>11}  ... and {} more", "", tree.left_out));
    return std::move(tree.rows);
}

}  // namespace leakline::report
