#include "model/diagnosis.hpp"

namespace leakline {

std::string_view verdict_name(Verdict verdict) {
    switch (verdict) {
        case Verdict::leak: return "leak";
        case Verdict::no_leak: return "no_leak";
        case Verdict::inconclusive: return "inconclusive";
        case Verdict::invalid: return "invalid";
    }
    return "invalid";
}

}  // namespace leakline
