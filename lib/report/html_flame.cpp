// Growth by call path as JSON for d3-flame-graph, and as nested lists that need no script.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/utf8.hpp"
#include "model/words.hpp"
#include "report/internal/html_page.hpp"
#include "report/internal/path_tree.hpp"

namespace leakline::report {

namespace {

constexpr double kSmallestFrame = 0.0005;  // of the whole: less than a pixel wide
constexpr double kSmallestBranch = 0.01;
constexpr std::size_t kTreeRows = 400, kTreeLines = 20;

std::string frame_name(const CodeLine& line) {
    std::string name = line.function.empty() ? place_text(line) : fmt::format("{} ({})", short_function(line.function), place_text(line));
    return utf8_cut(name, 300);
}

nlohmann::ordered_json frame_json(const PathNode& node, bool difference, double smallest) {
    nlohmann::ordered_json children = nlohmann::ordered_json::array();
    for (const auto& [at, callee] : node.callees)
        if (callee.size >= smallest) children.push_back(frame_json(callee, difference, smallest));
    nlohmann::ordered_json out = {{"name", node.at == CodeLine{} ? "growth of live bytes" : frame_name(node.at)},
                                  {"value", node.size},
                                  {"children", std::move(children)}};
    if (node.library) out["library"] = true;
    if (node.leaking) out["leaking"] = true;
    if (difference) out["sides"] = {node.before, node.after};
    return out;
}

// Rows of a tree whose inner nodes fold; a chain of single calls is not indented.
class CallTree {
  public:
    explicit CallTree(double whole) : whole_(whole) {}

    // callees: whole paths from the entry points.
    void add(const PathNode& node) {
        std::vector<const PathNode*> callees;
        for (const auto& [at, callee] : node.callees)
            if (callee.after >= kSmallestBranch * whole_) callees.push_back(&callee);
        std::sort(callees.begin(), callees.end(), [](const PathNode* a, const PathNode* b) { return a->after > b->after; });
        add_all(callees, node.at != CodeLine{});
    }
    void add(const CallerNode& node) {
        std::vector<const CallerNode*> callers;
        for (const CallerNode& caller : node.callers)
            if (static_cast<double>(caller.growth_bytes) >= kSmallestBranch * whole_) callers.push_back(&caller);
        add_all(callers, true);
    }

    void row(const CodeLine& at, double bytes, bool library, bool leaking) {
        ++rows_;
        const std::string function = short_function(at.function);
        out_ += fmt::format(
            "<div class=\"call{}{}\"><span class=\"n\">{}</span><span class=\"part\"><i style=\"width:{:.1f}%\"></i></span><span><code>{}</code> "
            "<span class=\"note\">{}</span></span></div>\n",
            library ? " library" : "", leaking ? " leaking" : "", format_bytes(bytes),
            whole_ > 0 ? std::clamp(100 * bytes / whole_, 0.0, 100.0) : 0,
            html_cut(utf8_cut(function.empty() ? place_text(at) : function, 200)), function.empty() ? "" : html_cut(place_text(at)));
    }
    bool full() const { return rows_ >= kTreeRows; }
    std::string take() { return std::move(out_); }

  private:
    void add_all(const auto& nodes, bool indent) {
        const bool branches = nodes.size() > 1 && indent;
        if (branches) out_ += "<div class=\"calls\">\n";
        for (const auto* node : nodes) {
            if (full()) break;
            show(*node);
        }
        if (branches) out_ += "</div>\n";
    }
    void show(const PathNode& node) {
        row(node.at, node.after, node.library, node.leaking);
        add(node);
    }
    void show(const CallerNode& node) {
        row(node.at, static_cast<double>(node.growth_bytes), node.library, false);
        add(node);
    }

    double whole_;
    std::string out_;
    std::size_t rows_ = 0;
};

std::string folded_tree(const std::string& summary, const std::string& rows) {
    return fmt::format("<details class=\"tree\"><summary>{}</summary>\n{}</details>\n", summary, rows);
}

}  // namespace

std::string flame_json(const PathNode& root, bool difference) {
    return frame_json(root, difference, kSmallestFrame * root.size).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string html_call_tree(const LineReport& report, const PathNode& root) {
    if (root.callees.empty()) return {};
    std::string out = "<p class=\"note\">Growth of live bytes through each call; calls with less than 1 % of it are left out.</p>\n";
    std::size_t shown = 0;
    for (const LineGrowth& line : report.lines) {
        const auto bytes = static_cast<double>(line.growth_bytes);
        if (bytes <= 0 || bytes < kSmallestBranch * root.after || shown == kTreeLines) break;
        CallTree tree(bytes);
        CallerNode of_line;
        of_line.callers = line.callers;
        tree.row(line.at, bytes, !line.user_code, line.leaking);
        tree.add(of_line);
        out += folded_tree(fmt::format("Callers of <code>{}</code> <span class=\"note\">from the line outwards, {}</span>",
                                       html_cut(file_name(place_text(line.at))), format_signed_bytes(bytes)),
                           tree.take());
        ++shown;
    }
    CallTree tree(root.after);
    tree.add(root);
    return out + folded_tree(fmt::format("Calls from the entry points <span class=\"note\">down to the lines, {}</span>",
                                         format_signed_bytes(root.after)),
                             tree.take());
}

}  // namespace leakline::report
