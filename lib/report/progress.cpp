#include "report/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include "base/strings.hpp"
#include "base/utf8.hpp"

namespace leakline::report {

namespace {

constexpr int kBarWidth = 20;

// Whole seconds: a figure that changes ten times a second cannot be read.
std::string seconds_text(double seconds) { return format_duration(std::chrono::seconds(static_cast<std::int64_t>(std::ceil(seconds)))); }

// What fits of a statement with details: "round 3 of 8, RSS 45 MiB", without the details that do not; else whole words.
std::string shortened(std::string_view text, std::size_t room) {
    if (text.size() <= room) return std::string(text);
    for (std::size_t at = room; at > 0; --at)
        if ((text[at] == ',' || text[at] == ';') && text.substr(at + 1, 1) == " ") return std::string(text.substr(0, at));
    constexpr std::string_view kMore = "...";
    if (room < 2 * kMore.size()) return std::string(utf8_head(text, room));
    std::string_view head = utf8_head(text, room - kMore.size());
    if (const std::size_t space = head.rfind(' '); space != std::string_view::npos && text[head.size()] != ' ')
        head = head.substr(0, space);
    return std::string(head) + std::string(kMore);
}

}  // namespace

std::string progress_line(std::string_view what, std::optional<double> fraction, Nanoseconds elapsed, int width) {
    const double so_far = to_seconds(elapsed);
    std::string tail;
    if (fraction) {
        const double done = std::clamp(*fraction, 0.0, 1.0);
        const int filled = static_cast<int>(done * kBarWidth);
        tail = fmt::format("  [{:#<{}}{:.<{}}] {:3.0f} %", "", filled, "", kBarWidth - filled, std::floor(done * 100));
        if (done >= 0.02 && so_far >= 1 && done < 1) tail += fmt::format("  {} left", seconds_text(so_far * (1 - done) / done));
    } else {
        tail = fmt::format("  {}", seconds_text(std::floor(so_far)));
    }
    const std::size_t columns = static_cast<std::size_t>(std::max(width, 0));
    const std::string safe = printable(what);
    if (tail.size() + 8 <= columns) return shortened(safe, columns - tail.size()) + tail;
    return shortened(safe, columns);
}

}  // namespace leakline::report
