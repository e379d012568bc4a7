// The prerequisites of leakline on this machine. Plain data, made by leakline doctor.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace leakline {

struct Prerequisite {
    enum class State { good, limited, missing };
    State state = State::good;
    std::string what;
    std::string fix;  // empty if there is nothing to do
};
constexpr std::string_view state_name(Prerequisite::State state) {
    switch (state) {
        case Prerequisite::State::good: return "ok";
        case Prerequisite::State::limited: return "limited";
        case Prerequisite::State::missing: break;
    }
    return "missing";
}

struct Prerequisites {
    std::vector<Prerequisite> checks;

    bool met() const {
        return std::none_of(checks.begin(), checks.end(), [](const auto& check) { return check.state == Prerequisite::State::missing; });
    }
};

}  // namespace leakline
