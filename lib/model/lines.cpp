#include "model/lines.hpp"

#include <algorithm>

namespace leakline {

std::string_view growth_class_name(GrowthClass growth_class) {
    switch (growth_class) {
        case GrowthClass::flat: return "flat";
        case GrowthClass::linear: return "linear";
        case GrowthClass::container_doubling: return "container doubling";
        case GrowthClass::filling_then_flat: return "filling then flat";
        case GrowthClass::sawtooth: return "sawtooth";
        case GrowthClass::shrinking: return "shrinking";
        case GrowthClass::unclear: return "unclear";
    }
    return "unclear";
}

const LineGrowth* leaking_line(const LineReport& lines) {
    if (lines.headline && lines.headline->line.leaking) return &lines.headline->line;
    const auto top = std::find_if(lines.lines.begin(), lines.lines.end(), [](const LineGrowth& line) { return line.leaking; });
    return top == lines.lines.end() ? nullptr : &*top;
}

}  // namespace leakline
