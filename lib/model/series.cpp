#include "model/series.hpp"

namespace leakline {

std::string_view trend_name(Trend trend) {
    switch (trend) {
        case Trend::growing: return "growing";
        case Trend::stable: return "stable";
        case Trend::shrinking: return "shrinking";
        case Trend::inconclusive: return "inconclusive";
    }
    return "inconclusive";
}

}  // namespace leakline
