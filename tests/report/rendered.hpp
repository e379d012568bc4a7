// Reports as a person or a program gets them. Pure.
#pragma once

#include <string>
#include <string_view>

#include "report/report.hpp"

namespace leakline::test {

inline std::string render(const char* format, const report::Document& document, report::RenderOptions options = {}) {
    return report::format_named(format).render(document, options);
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace leakline::test
