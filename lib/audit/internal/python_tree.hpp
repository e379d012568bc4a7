// Nodes of a Python syntax tree, as tree-sitter has them.
//
// Thread-safety: one thread.
#pragma once

#include <tree_sitter/api.h>

#include <string_view>
#include <vector>

namespace leakline::audit {

class PythonNode {
  public:
    PythonNode() = default;
    PythonNode(TSNode node, std::string_view text) : node_(node), text_(text), there_(!ts_node_is_null(node)) {}

    explicit operator bool() const { return there_; }
    std::string_view kind() const { return there_ ? ts_node_type(node_) : std::string_view(); }
    bool is(std::string_view kind) const { return this->kind() == kind; }
    std::string_view text() const {
        if (!there_) return {};
        const std::size_t begin = ts_node_start_byte(node_), end = ts_node_end_byte(node_);
        return begin > text_.size() || end > text_.size() || begin > end ? std::string_view() : text_.substr(begin, end - begin);
    }
    std::uint32_t last_line() const { return there_ ? ts_node_end_point(node_).row + 1 : 0; }
    std::uint32_t line() const { return there_ ? ts_node_start_point(node_).row + 1 : 0; }
    // The child that the grammar names so; nothing where there is none.
    PythonNode field(std::string_view name) const {
        return there_ ? PythonNode(ts_node_child_by_field_name(node_, name.data(), static_cast<std::uint32_t>(name.size())), text_)
                      : PythonNode();
    }
    std::vector<PythonNode> children() const {  // the named ones
        std::vector<PythonNode> out;
        if (!there_) return out;
        const std::uint32_t count = ts_node_named_child_count(node_);
        TSTreeCursor cursor = ts_tree_cursor_new(node_);
        out.reserve(count);
        for (bool more = ts_tree_cursor_goto_first_child(&cursor); more; more = ts_tree_cursor_goto_next_sibling(&cursor)) {
            const TSNode child = ts_tree_cursor_current_node(&cursor);
            if (ts_node_is_named(child) && std::string_view(ts_node_type(child)) != "comment") out.emplace_back(child, text_);
        }
        ts_tree_cursor_delete(&cursor);
        return out;
    }
    PythonNode first() const {
        const auto all = children();
        return all.empty() ? PythonNode() : all.front();
    }
    bool has_error() const { return there_ && ts_node_has_error(node_); }
    bool is_error() const { return there_ && (ts_node_is_missing(node_) || kind() == "ERROR"); }

  private:
    TSNode node_{};
    std::string_view text_;
    bool there_ = false;
};

}  // namespace leakline::audit
