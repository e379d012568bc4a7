// What is concluded from the evidence (by analysis::conclude), and held against gates. Plain data.
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
    std::vector<std::string> caveats = {};  // warnings that come with the verdict
    // Inconclusive because lines grow in a way that a leak and a cache which is still filling have in common.
    bool still_filling = false;
    StatedGrowth growth = {};
    std::vector<Gate> gates = {};
    bool accepted = false;  // a leak that the committed baseline knows, and no larger than it says
};

}  // namespace leakline
