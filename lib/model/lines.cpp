#include "model/lines.hpp"

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

}  // namespace leakline
