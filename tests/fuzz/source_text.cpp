// Any bytes as source code: the extent of a function holds the line that was asked for. The first line is the function's name.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.hpp"
#include "report/source_text.hpp"
#include "require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::string name(take_line(text));
    std::vector<std::string> lines;
    while (!text.empty() && lines.size() < 50) lines.emplace_back(take_line(text));
    for (std::uint32_t line = 0; line <= lines.size() + 1; ++line)
        for (const auto extent : {report::function_extent(lines, name, line), report::python_function_extent(lines, name, line)})
            if (extent) fuzz::require(extent->first >= 1 && extent->first <= line && line <= extent->last && extent->last <= lines.size());
    return 0;
}
