#include "model/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline {

namespace {

// Three digits: a rate is an estimate.
double rounded(double value) {
    if (value == 0 || !std::isfinite(value)) return value;
    const double unit = std::pow(10, std::floor(std::log10(std::abs(value))) - 2);
    return unit >= 1 ? std::round(value / unit) * unit : value;
}

}  // namespace

std::string number_words(double value) {
    const double size = std::abs(value);
    return size < 999.5 ? fmt::format("{:.3g}", value)
                        : (value < 0 ? "-" : "") + format_count(static_cast<std::uint64_t>(std::min(std::round(size), 1e18)));
}

std::string per_request_words(double per_request) {
    if (per_request >= 1) return number_words(rounded(per_request)) + " per request";
    if (per_request >= 0.001) return number_words(per_request * 1000) + " per 1,000 requests";
    if (per_request <= 0) return "0 per 1,000 requests";
    // Two digits: 1 per 41,000 requests.
    const double requests = 1 / per_request, unit = std::pow(10, std::floor(std::log10(requests)) - 1);
    return fmt::format("1 per {} requests", format_count(static_cast<std::uint64_t>(std::min(std::round(requests / unit) * unit, 1e18))));
}

std::string per_hour_words(double per_hour) { return number_words(rounded(per_hour)) + " per hour"; }

std::string place_text(const CodeLine& line) {
    if (!line.file.empty()) return line.line != 0 ? fmt::format("{}:{}", line.file, line.line) : line.file;
    return line.function.empty() ? "(no debug info)" : line.function + " (no debug info)";
}

std::string short_place(const CodeLine& at) {
    if (at.file.empty()) return at.function.empty() ? "an unknown place" : at.function;
    const std::string_view base = file_name(at.file);
    if (at.line != 0) return fmt::format("{}:{}", base, at.line);
    return at.function.empty() ? std::string(base) : fmt::format("{} in {}", at.function, base);
}

std::string short_function(const std::string& name) {
    const std::size_t close = name.rfind(')');
    if (close == std::string::npos) return name;
    // A bracket that closes within "f<...::<lambda(int)> >" or "f(int)::{lambda()#1}" is not the list of this name's parameters.
    const std::string_view rest = std::string_view(name).substr(close + 1);
    if (!rest.empty() && std::string_view(" &[.").find(rest.front()) == std::string_view::npos) return name;
    int depth = 0;
    for (std::size_t i = close + 1; i-- > 0;) {
        if (name[i] == ')') ++depth;
        if (name[i] != '(' || --depth != 0) continue;
        const std::string_view before = std::string_view(name).substr(0, i);
        const bool is_name = before.ends_with("operator") && close == i + 1;  // "a::operator()", which has no parameters in debug info
        return i == 0 || is_name ? name.substr(0, close + 1) : std::string(before);
    }
    return name;
}

std::string growth_text(const Growth& growth) {
    return format_bytes(growth.bytes) + (growth.per == Growth::Per::request ? "/request" : "/h");
}

std::string budget_gate_name(const Growth& growth) { return "growth at most " + growth_text(growth); }

}  // namespace leakline
