#include "analysis/lines/function_name.hpp"

#include "base/ascii.hpp"

namespace leakline::analysis {

namespace {

bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '$'; }

// The end of the bracketed text that opens at begin, past its closing bracket; the text's end where it never
// closes.
std::size_t past_bracket(std::string_view text, std::size_t begin, char open, char close) {
    int depth = 0;
    for (std::size_t i = begin; i < text.size(); ++i) {
        if (text[i] == open) ++depth;
        // "->" inside template arguments closes nothing.
        if (text[i] == close && !(close == '>' && i > 0 && text[i - 1] == '-') && --depth == 0) return i + 1;
    }
    return text.size();
}

bool ends_with_operator(std::string_view out) {
    constexpr std::string_view word = "operator";
    return out.ends_with(word) && (out.size() == word.size() || !is_word(out[out.size() - word.size() - 1]));
}

// After a parameter list: what can follow in the same function's name is "::", everything else is a suffix.
bool is_decoration(std::string_view rest) {
    for (std::string_view word : {" const", " volatile", " &", " [", " noexcept", " requires", "[", ".", "&"})
        if (rest.starts_with(word)) return true;
    return false;
}

}  // namespace

std::string qualified_name(std::string_view name) {
    std::string out;
    bool parameters_seen = false;
    for (std::size_t i = 0; i < name.size();) {
        const char c = name[i];
        if (parameters_seen && is_decoration(name.substr(i))) {
            // " const::{lambda..." goes on with what is inside; anything else ends the name.
            const std::size_t more = name.find("::{", i);
            if (more == std::string_view::npos) break;
            i = more;
            parameters_seen = false;
        } else if (c == '(') {
            constexpr std::string_view anonymous = "(anonymous namespace)";
            if (name.substr(i).starts_with(anonymous)) {
                out += anonymous;
                i += anonymous.size();
            } else if (ends_with_operator(out) && name.substr(i).starts_with("()")) {
                out += "()";
                i += 2;
            } else {
                i = past_bracket(name, i, '(', ')');
                parameters_seen = true;
            }
        } else if (c == '<' && !ends_with_operator(out) && !out.ends_with("operator<")) {
            // "<lambda()>" and "<unnamed>" stand where a name would; after a name there are template
            // arguments.
            const std::size_t end = past_bracket(name, i, '<', '>');
            if (out.empty() || out.ends_with("::")) {
                const std::string_view inner = name.substr(i, end - i);
                out += inner.substr(0, inner.find('('));
                if (inner.find('(') != std::string_view::npos) out += '>';
            }
            i = end;
        } else if (c == '{') {
            const std::size_t end = past_bracket(name, i, '{', '}');
            const std::string_view inner = name.substr(i, end - i);
            const std::size_t open = inner.find('(');
            out += inner.substr(0, open);
            if (open != std::string_view::npos) out += inner.substr(past_bracket(inner, open, '(', ')'));
            i = end;
        } else if (c == '[') {  // [abi:cxx11], [clone .cold]
            i = past_bracket(name, i, '[', ']');
        } else if (c == '.' && !out.empty() && is_word(out.back())) {  // foo.cold, foo.isra.0
            break;
        } else if (c == ' ') {
            // A return type ends here, unless the blank is part of "operator new", a conversion, or
            // "operator< <int>".
            if (name.substr(i + 1).starts_with('<'))
                i = past_bracket(name, i + 1, '<', '>') - 1;
            else if (ends_with_operator(out))
                out += ' ';
            else if (out.find("operator ") == std::string::npos)
                out.clear();
            parameters_seen = false;
            ++i;
        } else {
            if ((c == '*' || c == '&') && out.empty()) {  // of a return type: "char* f()"
                ++i;
                continue;
            }
            if (c == ':') parameters_seen = false;
            out += c;
            ++i;
        }
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

std::string_view enclosing_function(std::string_view qualified) {
    std::size_t lambda = qualified.find("::{lambda");
    if (lambda == std::string_view::npos) lambda = qualified.find("::<lambda");
    if (lambda == std::string_view::npos) lambda = qualified.find("::$_");  // clang's spelling
    if (lambda == std::string_view::npos || lambda == 0) return qualified;
    return qualified.substr(0, lambda);
}

bool names_function(std::string_view name, std::string_view wanted) {
    if (name == wanted) return true;
    const std::string full = qualified_name(name), part = qualified_name(wanted);
    if (full.empty() || part.empty()) return false;
    if (full == part) return true;
    return full.size() > part.size() + 2 && full.ends_with(part) && full.compare(full.size() - part.size() - 2, 2, "::") == 0;
}

}  // namespace leakline::analysis
