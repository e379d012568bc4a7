#include "model/comparison.hpp"

namespace leakline {

std::string_view line_change_name(LineChange change) {
    switch (change) {
        case LineChange::appeared: return "new";
        case LineChange::grown: return "grown";
        case LineChange::same: return "same";
        case LineChange::shrunk: return "shrunk";
        case LineChange::gone: return "gone";
        case LineChange::unclear: return "unclear";
    }
    return "unclear";
}

}  // namespace leakline
