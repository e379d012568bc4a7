#include "model/heap.hpp"

namespace leakline {

std::string_view completeness_name(Completeness completeness) {
    switch (completeness) {
        case Completeness::complete: return "complete";
        case Completeness::final_tick: return "final tick";
        case Completeness::torn: return "torn";
    }
    return "torn";
}

const std::string& HeapProfile::string(StringId id) const {
    static const std::string empty;
    return id.value == 0 || id.value > strings.size() ? empty : strings[id.value - 1];
}

}  // namespace leakline
