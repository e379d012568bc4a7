#include "pace.hpp"
#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::cli {

replay::Pace parse_pace(const std::string& text, const std::string& speed) {
    replay::Pace pace;
    std::string_view factor = trim(speed);
    if (factor.ends_with('x') || factor.ends_with('X')) factor.remove_suffix(1);
    const std::optional<double> times = parse_rate(factor);
    if (!times || !(*times > 0)) throw Error(ErrorKind::usage, "--speed", "'" + printable(speed) + "' is not a factor", "--speed 10x");
    pace.speed = *times;
    if (text == "recorded") return pace;
    if (*times != 1) throw Error(ErrorKind::usage, "--speed", "requires --pace recorded");
    if (text == "max") {
        pace.kind = replay::Pace::Kind::max;
        return pace;
    }
    const std::optional<double> rate = parse_rate(text);
    if (!rate || !(*rate > 0)) {
        const std::string words[] = {"recorded", "max"};
        throw Error(ErrorKind::usage, "--pace",
                    "'" + printable(text) + "' is neither recorded nor max nor a rate" + did_you_mean_text(text, words), "--pace 500/s");
    }
    pace.kind = replay::Pace::Kind::rate;
    pace.rate = *rate;
    return pace;
}

}  // namespace leakline::cli
