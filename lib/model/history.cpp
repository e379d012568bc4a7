#include "model/history.hpp"

#include <algorithm>

namespace leakline {

std::string_view change_name(History::Change change) {
    switch (change) {
        case History::Change::steady: return "steady";
        case History::Change::appeared: return "new";
        case History::Change::jumped: return "jumped";
        case History::Change::slow_growth: return "slow growth";
        case History::Change::gone: return "gone";
    }
    return "steady";
}

bool worse(History::Change change) {
    return change == History::Change::appeared || change == History::Change::jumped || change == History::Change::slow_growth;
}

bool History::has_slow_growth() const {
    return std::any_of(lines.begin(), lines.end(), [](const Line& line) { return line.change == Change::slow_growth; });
}

bool History::worsened() const {
    return std::any_of(lines.begin(), lines.end(), [](const Line& line) { return worse(line.change); });
}

}  // namespace leakline
