#include "replay/internal/value_rules.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

constexpr const char *kExtract = "--extract", *kSubstitute = "--substitute";
constexpr const char* kExtractExample = "--extract 'token=POST /login .body.access_token'";
constexpr const char* kSubstituteExample = "--substitute 'header:Authorization=Bearer {token}'";

bool is_name(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; });
}

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    if (path.size() < 2) return segments;
    for (const std::string_view segment : split(path.substr(1), '/')) segments.emplace_back(segment);
    return segments;
}

// "[METHOD ][/PATH ]LAST": returns LAST and sets the scope.
std::string take_scope(std::string_view text, RequestScope& scope) {
    while (true) {
        text = trim(text);
        const std::size_t blank = text.find(' ');
        if (blank == text.npos) return std::string(text);
        const std::string_view word = text.substr(0, blank);
        const bool is_path = word.front() == '/';
        const bool is_method =
            scope.method.empty() && scope.segments.empty() && std::all_of(word.begin(), word.end(), [](char c) { return is_letter(c); });
        if (is_path && scope.segments.empty()) {
            scope.segments = segments_of(word);
            if (scope.segments.empty()) scope.segments = {""};
        } else if (is_method) {
            for (const char c : word) scope.method += static_cast<char>(c >= 'a' && c <= 'z' ? c - 0x20 : c);
        } else {
            return std::string(text);
        }
        text.remove_prefix(blank + 1);
    }
}

// "header:Name" -> "Name" where the prefix is "header:".
bool take_prefix(std::string& text, std::string_view prefix) {
    if (!text.starts_with(prefix) || text.size() == prefix.size()) return false;
    text.erase(0, prefix.size());
    return true;
}

std::vector<Substitution::Piece> parse_replacement(std::string_view text, const std::string& whole,
                                                   const std::vector<Extraction>& extractions) {
    std::vector<Substitution::Piece> pieces(1);
    while (!text.empty()) {
        const std::size_t open = text.find('{'), close = open == text.npos ? text.npos : text.find('}', open);
        const std::string_view name = close == text.npos ? std::string_view() : text.substr(open + 1, close - open - 1);
        if (!is_name(name)) {  // a brace that stands for itself
            const std::size_t end = open == text.npos ? text.size() : open + 1;
            pieces.back().literal += text.substr(0, end);
            text.remove_prefix(end);
            continue;
        }
        pieces.back().literal += text.substr(0, open);
        const auto found =
            std::find_if(extractions.begin(), extractions.end(), [&](const Extraction& extraction) { return extraction.name == name; });
        if (found == extractions.end()) {
            std::vector<std::string> names;
            for (const Extraction& extraction : extractions) names.push_back(extraction.name);
            throw Error(ErrorKind::usage, kSubstitute,
                        "'" + printable(whole) + "': no --extract gives {" + printable(name) + "}" + did_you_mean_text(name, names),
                        "--extract '" + std::string(name) + "=.body." + std::string(name) + "'");
        }
        pieces.back().value = static_cast<int>(found - extractions.begin());
        pieces.emplace_back();
        text.remove_prefix(close + 1);
    }
    if (pieces.back().literal.empty() && pieces.size() > 1) pieces.pop_back();
    return pieces;
}

bool uses(const Substitution& substitution, const std::vector<Extraction>& extractions, const std::string& name) {
    return std::any_of(substitution.replacement.begin(), substitution.replacement.end(), [&](const Substitution::Piece& piece) {
        return piece.value >= 0 && extractions[static_cast<std::size_t>(piece.value)].name == name;
    });
}

}  // namespace

bool RequestScope::covers(std::string_view request_method, std::string_view target) const {
    if (!method.empty() && method != request_method) return false;
    if (segments.empty()) return true;
    std::string_view path = path_of_target(target);
    path = path.substr(0, path.find('?'));
    std::size_t begin = 1;
    for (const std::string& segment : segments) {
        if (segment == "**") return true;
        if (begin > path.size()) return false;
        const std::size_t end = std::min(path.find('/', begin), path.size());
        if (segment != "*" && path.substr(begin, end - begin) != segment) return false;
        begin = end + 1;
    }
    return begin > path.size();
}

Extraction parse_extraction(const std::string& text) {
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorKind::usage, kExtract, "'" + printable(text) + "' " + why, kExtractExample);
    };
    Extraction result;
    result.text = text;
    const std::size_t equals = text.find('=');
    if (equals == text.npos) refuse("is not NAME=SOURCE");
    result.name = text.substr(0, equals);
    if (!is_name(result.name)) refuse("has no name of letters, digits, '_' and '-' before '='");
    std::string source = take_scope(std::string_view(text).substr(equals + 1), result.scope);
    if (take_prefix(source, "header:")) {
        result.source = Extraction::Source::header;
    } else if (take_prefix(source, "cookie:")) {
        result.source = Extraction::Source::cookie;
    } else if (const auto path = source.starts_with(".body") ? parse_json_path(std::string_view(source).substr(5)) : std::nullopt) {
        result.path = *path;
        return result;
    } else {
        refuse("has no source .body.PATH, header:NAME or cookie:NAME at its end");
    }
    result.field = source;
    return result;
}

Substitution parse_substitution(const std::string& text, const std::vector<Extraction>& extractions) {
    const auto refuse = [&](const std::string& why) {
        throw Error(ErrorKind::usage, kSubstitute, "'" + printable(text) + "' " + why, kSubstituteExample);
    };
    Substitution result;
    result.text = text;
    const std::size_t equals = text.find('=');
    if (equals == text.npos) refuse("is not TARGET=TEXT");
    std::string target = take_scope(std::string_view(text).substr(0, equals), result.scope);
    using enum Substitution::Target;
    if (take_prefix(target, "header:")) {
        result.target = header;
        result.field = target;
    } else if (take_prefix(target, "cookie:")) {
        result.target = cookie;
        result.field = target;
    } else if (take_prefix(target, "query:")) {
        result.target = query;
        result.field = target;
    } else if (take_prefix(target, "path:")) {
        result.target = Substitution::Target::path;
        if (!result.scope.segments.empty()) refuse("has two paths");
        result.scope.segments = segments_of(target);
        const auto last = std::find(result.scope.segments.rbegin(), result.scope.segments.rend(), "*");
        if (target.front() != '/' || last == result.scope.segments.rend()) refuse("has no path with a * for the segment that is replaced");
        result.segment = static_cast<std::size_t>(result.scope.segments.rend() - last) - 1;
    } else if (const auto path = target.starts_with(".body.") || target.starts_with(".body[")
                                     ? parse_json_path(std::string_view(target).substr(5))
                                     : std::nullopt) {
        result.target = body;
        result.path = *path;
    } else {
        refuse("has no target header:NAME, cookie:NAME, query:NAME, path:/a/* or .body.PATH before '='");
    }
    result.replacement = parse_replacement(std::string_view(text).substr(equals + 1), text, extractions);
    const bool in_target = result.target == query || result.target == Substitution::Target::path;
    for (const Substitution::Piece& piece : result.replacement)
        if (result.target != body && std::any_of(piece.literal.begin(), piece.literal.end(), [&](char c) {
                return static_cast<unsigned char>(c) < ' ' || c == 0x7f || (in_target && (c == ' ' || c == '#'));
            }))
            refuse("has a character in its text that cannot be sent there");
    return result;
}

ExtractionSet extractions_of(const ValueOptions& options, std::string_view method, std::string_view target) {
    ExtractionSet set = options.cookies ? kCookies : 0;
    for (std::size_t i = 0; i < options.extractions.size(); ++i)
        if (options.extractions[i].scope.covers(method, target)) set |= ExtractionSet{1} << i;
    return set;
}

void check(const ValueOptions& options) {
    if (options.extractions.size() > ValueOptions::kMaxExtractions)
        throw Error(ErrorKind::usage, kExtract, "more than " + std::to_string(ValueOptions::kMaxExtractions) + " values");
    for (std::size_t i = 0; i < options.extractions.size(); ++i) {
        const std::string& name = options.extractions[i].name;
        if (std::none_of(options.substitutions.begin(), options.substitutions.end(),
                         [&](const Substitution& substitution) { return uses(substitution, options.extractions, name); }))
            throw Error(ErrorKind::usage, kExtract, "no --substitute uses {" + name + "}",
                        "--substitute 'header:Authorization=Bearer {" + name + "}'");
    }
    for (const Substitution& substitution : options.substitutions)
        if (options.cookies && (substitution.target == Substitution::Target::cookie || equal_ignoring_case(substitution.field, "cookie")))
            throw Error(ErrorKind::usage, kSubstitute, "'" + printable(substitution.text) + "' and --cookies both change cookies",
                        "leave one of them out");
}

}  // namespace leakline::replay
