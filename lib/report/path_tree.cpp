#include "report/internal/path_tree.hpp"

#include <algorithm>
#include <cmath>

namespace leakline::report {

namespace {

constexpr std::size_t kDeepestPath = 200;

struct PathStep {
    const CodeLine* at;
    bool library, leaking;
};

// One side of the tree: what a path adds, and to which of the two figures.
class PathAdder {
  public:
    PathAdder(PathNode& root, double PathNode::*side, double scale) : root_(root), side_(side), scale_(scale) {}

    void add_line(const CodeLine& at, bool library, bool leaking, const std::vector<CallerNode>& callers, std::int64_t bytes) {
        path_ = {{&at, library, leaking}};
        walk(callers, bytes);
    }

  private:
    // Growth through the path but through none of its listed callers belongs to the path that begins here.
    void walk(const std::vector<CallerNode>& callers, std::int64_t bytes) {
        std::int64_t listed = 0;
        if (path_.size() < kDeepestPath)
            for (const CallerNode& caller : callers) {
                if (caller.growth_bytes <= 0) continue;
                listed += caller.growth_bytes;
                path_.push_back({&caller.at, caller.library, false});
                walk(caller.callers, caller.growth_bytes);
                path_.pop_back();
            }
        if (bytes > listed) add(static_cast<double>(bytes - listed) * scale_);
    }

    void add(double bytes) {
        PathNode* node = &root_;
        node->*side_ += bytes;
        for (auto step = path_.rbegin(); step != path_.rend(); ++step) {
            node = &node->callees[*step->at];
            node->at = *step->at;
            node->library = step->library;
            node->leaking = node->leaking || step->leaking;
            node->*side_ += bytes;
        }
    }

    PathNode& root_;
    double PathNode::*side_;
    double scale_;
    std::vector<PathStep> path_;
};

void measure(PathNode& node) {
    double before = node.before, after = node.after, below = 0;
    for (auto& [at, callee] : node.callees) {
        measure(callee);
        before -= callee.before;
        after -= callee.after;
        below += callee.size;
    }
    node.size = below + std::max({before, after, 0.0});
}

}  // namespace

PathNode growth_by_path(const LineReport& report) {
    PathNode root;
    PathAdder adder(root, &PathNode::after, 1);
    for (const LineGrowth& line : report.lines)
        if (line.growth_bytes > 0) adder.add_line(line.at, !line.user_code, line.leaking, line.callers, line.growth_bytes);
    measure(root);
    return root;
}

PathNode growth_by_path(const Comparison& comparison) {
    PathNode root;
    const auto add = [&](double PathNode::*side, const std::optional<CodeLine>& at, const Interval& rate, std::int64_t growth,
                         const std::vector<CallerNode>& callers, bool leaking) {
        if (!at || growth <= 0 || !(rate.estimate > 0) || !std::isfinite(rate.estimate)) return;
        PathAdder(root, side, rate.estimate / static_cast<double>(growth)).add_line(*at, false, leaking, callers, growth);
    };
    for (const LineDifference& line : comparison.lines) {
        // A line that has moved is one frame, at its new place.
        const std::optional<CodeLine>& at = line.after ? line.after : line.before;
        add(&PathNode::before, at, line.rate_before, line.growth_before_bytes, line.callers_before, line.over_budget);
        add(&PathNode::after, at, line.rate_after, line.growth_after_bytes, line.callers_after, line.over_budget);
    }
    measure(root);
    return root;
}

}  // namespace leakline::report
