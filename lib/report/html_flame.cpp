// Growth by call path: from the lines' trees of callers (the line at the root) to one tree with the outermost
// caller at the root, as an icicle is drawn.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

constexpr int kDeepest = 200;
constexpr double kSmallest = 0.0005;  // of the whole growth: less than a pixel wide

struct Frame {
    std::int64_t bytes = 0;
    std::map<std::string, Frame> children;
};

std::string name_of(const CodeLine& line) {
    std::string name = line.function.empty() ? place_text(line) : fmt::format("{} ({})", short_function(line.function), place_text(line));
    return utf8_cut(name, 300);
}

void add(Frame& root, const std::vector<std::string>& path_from_line, std::int64_t bytes) {
    if (bytes <= 0) return;
    Frame* frame = &root;
    frame->bytes += bytes;
    for (auto name = path_from_line.rbegin(); name != path_from_line.rend(); ++name) {
        frame = &frame->children[*name];
        frame->bytes += bytes;
    }
}

// Growth through node but through none of its listed callers belongs to the path that ends here.
void walk(Frame& root, std::vector<std::string>& path, const std::vector<CallerNode>& callers, std::int64_t bytes) {
    std::int64_t listed = 0;
    if (path.size() < kDeepest)
        for (const CallerNode& caller : callers) {
            if (caller.growth_bytes <= 0) continue;
            listed += caller.growth_bytes;
            path.push_back(name_of(caller.at));
            walk(root, path, caller.callers, caller.growth_bytes);
            path.pop_back();
        }
    add(root, path, bytes - listed);
}

nlohmann::ordered_json to_json(const std::string& name, const Frame& frame, double smallest) {
    nlohmann::ordered_json children = nlohmann::ordered_json::array();
    for (const auto& [child_name, child] : frame.children)
        if (static_cast<double>(child.bytes) >= smallest) children.push_back(to_json(child_name, child, smallest));
    return {{"name", name}, {"value", frame.bytes}, {"children", std::move(children)}};
}

}  // namespace

std::string flame_json(const LineReport& report) {
    Frame root;
    for (const LineGrowth& line : report.lines) {
        std::vector<std::string> path = {name_of(line.at)};
        walk(root, path, line.callers, line.growth_bytes);
    }
    return to_json("growth of live bytes", root, kSmallest * static_cast<double>(root.bytes))
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace leakline::report
