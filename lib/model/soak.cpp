#include "model/soak.hpp"

namespace leakline {

std::string_view soak_growth_name(Soak::Growth growth) {
    switch (growth) {
        case Soak::Growth::none: return "none";
        case Soak::Growth::with_requests: return "with requests";
        case Soak::Growth::with_time: return "with time";
        case Soak::Growth::unclear: return "unclear";
    }
    return "unclear";
}

}  // namespace leakline
