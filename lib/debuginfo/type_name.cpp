#include "debuginfo/type_name.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/strings.hpp"

namespace leakline::debuginfo {

namespace {

// Deeper nesting is not shortened: names come from files, and each level is a call.
constexpr int kDeepestName = 32;

bool is_inline_namespace(std::string_view scope) { return scope == "__cxx11" || scope == "__1" || scope == "__cxx1998"; }

bool is_default_argument(std::string_view argument) {
    for (const std::string_view start :
         {"std::allocator<", "std::char_traits<", "std::less<", "std::hash<", "std::equal_to<", "std::default_delete<",
          "alloc::alloc::Global", "std::hash::random::RandomState", "std::collections::hash::map::RandomState"})
        if (argument.starts_with(start)) return true;
    return false;
}

// Calls visit(begin, end) for each piece between separators at the outermost level.
template <class Visit>
void for_each_piece(std::string_view text, std::string_view separator, const Visit& visit) {
    int depth = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '<' || c == '(' || c == '{' || c == '[') ++depth;
        if (c == '>' || c == ')' || c == '}' || c == ']') depth = std::max(depth - 1, 0);
        if (depth != 0 || text.substr(i, separator.size()) != separator) continue;
        visit(text.substr(begin, i - begin));
        begin = i + separator.size();
        i = begin - 1;
    }
    visit(text.substr(begin));
}

std::string shorten(std::string_view name, int depth);

// "<...>" of a template; empty if all arguments are the defaults.
std::string shorten_arguments(std::string_view inside, int depth) {
    std::string out;
    bool first = true;
    for_each_piece(inside, ",", [&](std::string_view piece) {
        std::string argument = shorten(trim(piece), depth + 1);
        if (!first && is_default_argument(argument)) return;
        out += (first ? "" : ", ") + argument;
        first = false;
    });
    return "<" + out + ">";
}

std::string shorten(std::string_view name, int depth) {
    if (depth > kDeepestName) return std::string(name);
    std::string out;
    for_each_piece(name, "::", [&](std::string_view scope) {
        if (is_inline_namespace(scope)) return;
        if (!out.empty()) out += "::";
        const std::size_t open = scope.find('<'), close = scope.rfind('>');
        const bool arguments = open != scope.npos && close != scope.npos && open > 0 && close > open && !scope.starts_with("operator") &&
                               !scope.starts_with("(");
        if (!arguments) {
            out += scope;
            return;
        }
        out += scope.substr(0, open);
        out += shorten_arguments(scope.substr(open + 1, close - open - 1), depth);
        out += scope.substr(close + 1);
    });
    for (const auto& [longer, shorter] :
         {std::pair{"std::basic_string<char>", "std::string"}, {"std::basic_string_view<char>", "std::string_view"}})
        if (out.starts_with(longer)) out.replace(0, std::strlen(longer), shorter);
    return out;
}

}  // namespace

std::string short_type_name(std::string_view name) { return shorten(name, 0); }

std::vector<std::string_view> scopes_of(std::string_view name) {
    std::vector<std::string_view> scopes;
    for_each_piece(name, "::", [&](std::string_view scope) {
        if (!is_inline_namespace(scope)) scopes.push_back(scope);
    });
    return scopes;
}

std::string_view first_argument_of(std::string_view name) {
    const std::size_t open = name.find('<'), close = name.rfind('>');
    if (open == name.npos || close == name.npos || close < open) return {};
    std::string_view first;
    bool seen = false;
    for_each_piece(name.substr(open + 1, close - open - 1), ",", [&](std::string_view piece) {
        if (!seen) first = trim(piece);
        seen = true;
    });
    return first;
}

std::string demangle(const char* symbol) {
    // Longer names exist in no program; the demangler's own limit on recursion does not bound its time.
    constexpr std::size_t kLongest = 16384;
    if (std::strncmp(symbol, "_Z", 2) != 0 || std::strlen(symbol) > kLongest) return symbol;
    int status = 0;
    char* const text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
    std::string out = text != nullptr && status == 0 ? text : symbol;
    std::free(text);
    // Marks of libstdc++'s ABI are not in the source.
    for (std::size_t begin = 0, end = 0; (begin = out.find("[abi:", begin)) != out.npos && (end = out.find(']', begin)) != out.npos;)
        out.erase(begin, end - begin + 1);
    return out;
}

}  // namespace leakline::debuginfo
