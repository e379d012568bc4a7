// The conclusions from the evidence (by analysis::conclude), and the results of gates. Plain data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/follows.hpp"
#include "model/gate.hpp"

namespace leakline {

enum class Verdict { leak, no_leak, inconclusive, invalid };
std::string_view verdict_name(Verdict verdict);  // "leak", "no_leak", ...

struct Conclusion {
    Verdict verdict = Verdict::inconclusive;
    std::vector<std::string> reasons = {};  // never empty once concluded; the first is the decisive one
    std::vector<std::string> caveats = {};  // warnings about the verdict
    // Inconclusive because lines grow in a way that is common to a leak and a cache that is still filling.
    bool still_filling = false;
    StatedGrowth growth = {};
    std::vector<Gate> gates = {};
    bool accepted = false;  // a leak that the committed baseline contains, no larger than there, or that budgets allow
};

}  // namespace leakline
