#include "base/exposition.hpp"

#include <fmt/format.h>

#include <cmath>

#include "base/utf8.hpp"

namespace leakline {

std::string exposition_label(std::string_view name, std::string_view value) {
    std::string out = fmt::format("{}=\"", name);
    while (!value.empty()) {
        const std::size_t length = utf8_length(value);
        const char first = value.front();
        if (length == 0)
            out += '?';
        else if (first == '\n')
            out += "\\n";
        else if (static_cast<unsigned char>(first) < 0x20 || first == 0x7f)
            out += ' ';
        else
            (first == '\\' || first == '"' ? out += '\\' : out) += value.substr(0, length);
        value.remove_prefix(length == 0 ? 1 : length);
    }
    return out += '"';
}

void Exposition::family(std::string_view name, MetricType type, std::string_view help, std::string_view unit) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type == MetricType::counter ? "counter" : "gauge");
    if (!unit.empty()) text_ += fmt::format("# UNIT {} {}\n", name, unit);
}

void Exposition::begin_sample(std::string_view labels) {
    text_ += name_;
    if (!labels.empty()) text_ += fmt::format("{{{}}}", labels);
    text_ += ' ';
}

void Exposition::sample(std::string_view labels, double value) {
    begin_sample(labels);
    if (std::isnan(value))
        text_ += "NaN\n";
    else if (std::isinf(value))
        text_ += value > 0 ? "+Inf\n" : "-Inf\n";
    else
        text_ += fmt::format("{}\n", value);
}

void Exposition::sample(std::string_view labels, std::uint64_t value) {
    begin_sample(labels);
    text_ += fmt::format("{}\n", value);
}

void Exposition::single(std::string_view name, MetricType type, std::string_view help, std::uint64_t value) {
    family(name, type, help);
    sample({}, value);
}

}  // namespace leakline
