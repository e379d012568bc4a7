// Where a function begins and ends, from its text alone: debug info says where a function's code is, not
// where its closing brace stands, and a recording names only the lines that allocated.
#include <algorithm>
#include <cctype>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "report/source_text.hpp"

namespace leakline::report {

namespace {

// The text with comments, literals and preprocessor lines blanked out (line ends kept), so that the braces
// and semicolons that remain are code.
std::string code_only(const std::vector<std::string>& lines) {
    std::string code;
    for (const std::string& line : lines) code += line + '\n';
    const auto blank = [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < std::min(to, code.size()); ++i)
            if (code[i] != '\n') code[i] = ' ';
    };
    bool line_begins = true;
    for (std::size_t i = 0; i < code.size();) {
        const char c = code[i];
        std::size_t end = i + 1;
        if (c == '#' && line_begins) {
            while (end < code.size() && (code[end] != '\n' || code[end - 1] == '\\')) ++end;
            blank(i, end);
        } else if (code.compare(i, 2, "//") == 0) {
            end = std::min(code.find('\n', i), code.size());
            blank(i, end);
        } else if (code.compare(i, 2, "/*") == 0) {
            const std::size_t close = code.find("*/", i + 2);
            end = close == std::string::npos ? code.size() : close + 2;
            blank(i, end);
        } else if (c == '"' && i > 0 && code[i - 1] == 'R') {
            const std::size_t open = std::min(code.find('(', i), code.size());
            const std::string delimiter = ")" + code.substr(i + 1, open - i - 1) + "\"";
            const std::size_t close = code.find(delimiter, open);
            end = close == std::string::npos ? code.size() : close + delimiter.size();
            blank(i, end);
        } else if (c == '"' || (c == '\'' && (i == 0 || !is_word_part(code[i - 1])))) {  // the quote in 1'000 does not begin a literal
            while (end < code.size() && code[end] != c && code[end] != '\n') end += code[end] == '\\' ? 2 : 1;
            end = std::min(end + 1, code.size());
            blank(i, end);
        }
        if (c == '\n')
            line_begins = true;
        else if (c != ' ' && c != '\t')
            line_begins = false;
        i = end;
    }
    return code;
}

// "ns::Class<int>::method(int, char)" -> "method"; "" if there is no plain name (a lambda, an operator).
std::string bare_name(const std::string& name) {
    std::string plain;
    int depth = 0;
    for (char c : name) {
        if (c == '(' && depth == 0) break;
        if (c == '<')
            ++depth;
        else if (c == '>')
            --depth;
        else if (depth == 0)
            plain += c;
    }
    const std::size_t colon = plain.rfind(':');
    if (colon != std::string::npos) plain.erase(0, colon + 1);
    const std::size_t space = plain.rfind(' ');
    if (space != std::string::npos) plain.erase(0, space + 1);
    return std::all_of(plain.begin(), plain.end(), is_word_part) ? plain : std::string();
}

bool is_called(const std::string& text, const std::string& word) {
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
        if (at > 0 && is_word_part(text[at - 1])) continue;
        std::size_t after = at + word.size();
        if (after < text.size() && is_word_part(text[after])) continue;
        while (after < text.size() && std::isspace(static_cast<unsigned char>(text[after]))) ++after;
        if (after < text.size() && text[after] == '(') return true;
    }
    return false;
}

// Whether the words before a '{' can begin a function of any name.
bool is_function_header(std::string_view header) {
    if (header.starts_with("template")) {  // its parameters may say "class"
        int depth = 0;
        std::size_t i = header.find('<');
        for (; i < header.size(); ++i) {
            if (header[i] == '<') ++depth;
            if (header[i] == '>' && --depth == 0) break;
        }
        header = trim(header.substr(std::min(i + 1, header.size())));
    }
    const std::size_t call = header.find('(');
    if (call == std::string_view::npos || header.starts_with("namespace")) return false;
    for (const std::string_view keyword : {"class ", "struct ", "enum ", "union "}) {
        if (!header.starts_with(keyword)) continue;
        // "struct alignas(8) Name" is a type, "struct Name function(int)" is not.
        const std::string words(trim(header.substr(0, call)));
        return std::count_if(words.begin(), words.end(), [](char c) { return c == ' ' || c == '\n'; }) >= 2;
    }
    return true;
}

struct Block {
    std::size_t header, open, close;  // offsets into the code: first word of the header, '{', '}'
};

// Whether the ':' at offset at ends "public:" or its like, which stand before a member function without being
// of it.
bool ends_access_label(const std::string& code, std::size_t at) {
    for (const std::string_view label : {"public", "protected", "private"})
        if (at >= label.size() && code.compare(at - label.size(), label.size(), label) == 0) return true;
    return false;
}

// Every pair of braces with the words before it.
std::vector<Block> blocks_of(const std::string& code) {
    std::vector<Block> done, open;
    std::size_t header = 0;
    for (std::size_t i = 0; i < code.size(); ++i) {
        if (code[i] == ';' || (code[i] == ':' && ends_access_label(code, i))) {
            header = i + 1;
        } else if (code[i] == '{') {
            open.push_back({header, i, i});
            header = i + 1;
        } else if (code[i] == '}' && !open.empty()) {
            open.back().close = i;
            done.push_back(open.back());
            const std::size_t next = code.find_first_not_of(" \t\n", i + 1);
            // "Class() : member{1}, other{2} {": the header of what comes began before this block.
            const bool goes_on = next != std::string::npos && (code[next] == ',' || code[next] == '{' || code[next] == ')');
            header = goes_on ? open.back().header : i + 1;
            open.pop_back();
        }
    }
    return done;
}

}  // namespace

std::optional<FunctionExtent> function_extent(const std::vector<std::string>& lines, const std::string& name, std::uint32_t line) {
    if (line < 1 || line > lines.size()) return std::nullopt;
    const std::string code = code_only(lines);
    std::vector<std::size_t> line_begins = {0};
    for (std::size_t i = 0; i < code.size(); ++i)
        if (code[i] == '\n') line_begins.push_back(i + 1);
    const auto line_of = [&](std::size_t offset) {
        return static_cast<std::uint32_t>(std::upper_bound(line_begins.begin(), line_begins.end(), offset) - line_begins.begin());
    };

    const std::string bare = bare_name(name);
    std::optional<FunctionExtent> found;
    bool found_named = false;
    for (const Block& block : blocks_of(code)) {
        const std::size_t begin = code.find_first_not_of(" \t\n", block.header);
        if (begin == std::string::npos || begin > block.open) continue;
        const FunctionExtent extent{line_of(begin), line_of(block.close)};
        if (line < extent.first || line > extent.last) continue;
        const std::string header = code.substr(begin, block.open - begin);
        if (!is_function_header(header)) continue;
        const bool named = !bare.empty() && is_called(header, bare);
        // The outermost block with the name; without one, the outermost that could be a function at
        // all. Inner blocks are closed first.
        if (found_named && !named) continue;
        found = extent;
        found_named = named;
    }
    return found;
}

}  // namespace leakline::report
