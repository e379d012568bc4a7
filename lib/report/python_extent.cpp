// Where a Python function begins and ends, by its indentation.
#include <algorithm>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "report/source_text.hpp"

namespace leakline::report {

namespace {

// The lines of a text on which a statement begins: not those within brackets or a string of several lines, blank ones, or comments.
class StatementLines {
  public:
    bool begins_on(std::string_view line) {
        const bool begins = depth_ == 0 && quotes_.empty() && !continued_;
        continued_ = line.ends_with('\\');
        const std::string_view text = trim(line);
        scan(line);
        return begins && !text.empty() && text[0] != '#';
    }

  private:
    void scan(std::string_view line) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (!quotes_.empty()) {
                if (line[i] == '\\') {
                    ++i;
                } else if (line.substr(i).starts_with(quotes_)) {
                    i += quotes_.size() - 1;
                    quotes_.clear();
                }
                continue;
            }
            switch (line[i]) {
                case '#': return;
                case '(':
                case '[':
                case '{': ++depth_; break;
                case ')':
                case ']':
                case '}': depth_ = std::max(0, depth_ - 1); break;
                case '"':
                case '\'': {
                    const bool three = line.substr(i, 3) == std::string(3, line[i]);
                    quotes_ = line.substr(i, three ? 3 : 1);
                    i += quotes_.size() - 1;
                    break;
                }
                default: break;
            }
        }
        // Only a string in three quotes goes on.
        if (quotes_.size() == 1) quotes_.clear();
    }

    int depth_ = 0;
    std::string quotes_;
    bool continued_ = false;
};

std::size_t indentation(std::string_view line) { return std::min(line.find_first_not_of(" \t"), line.size()); }

// "track" of "make_app.<locals>.track".
std::string_view bare_python_name(std::string_view name) { return name.substr(name.rfind('.') + 1); }

bool defines(std::string_view statement, std::string_view name) {
    if (statement.starts_with("async ")) statement = trim(statement.substr(6));
    if (!statement.starts_with("def ")) return false;
    statement = trim(statement.substr(4));
    if (!statement.starts_with(name)) return false;
    const std::string_view rest = statement.substr(name.size());
    return rest.empty() || !is_word_part(rest[0]);
}

}  // namespace

std::optional<FunctionExtent> python_function_extent(const std::vector<std::string>& lines, const std::string& name, std::uint32_t line) {
    const std::string_view bare = bare_python_name(name);
    if (line < 1 || line > lines.size() || bare.empty() || bare[0] == '<') return std::nullopt;
    StatementLines statements;
    std::optional<FunctionExtent> open;
    std::size_t depth = 0;
    std::uint32_t decorators = 0;  // the first line of those right before this one
    for (std::uint32_t number = 1; number <= lines.size(); ++number) {
        const std::string& text = lines[number - 1];
        if (!statements.begins_on(text)) {
            if (open && !trim(text).empty() && indentation(text) > depth) open->last = number;
            continue;
        }
        if (open && indentation(text) <= depth) {
            if (line <= open->last) return open;
            open.reset();
        }
        if (open) open->last = number;
        const std::string_view statement = trim(text);
        const bool decorator = statement.starts_with('@');
        // The innermost function of that name which contains the line.
        if (number <= line && defines(statement, bare)) {
            open = FunctionExtent{decorators != 0 ? decorators : number, number};
            depth = indentation(text);
        }
        decorators = decorator ? (decorators != 0 ? decorators : number) : 0;
    }
    return open && line <= open->last ? open : std::nullopt;
}

}  // namespace leakline::report
