#include "heap/internal/mark_clock.hpp"

#include "base/quantities.hpp"
#include "heap/internal/byte_classes.hpp"
#include "heap/internal/fields.hpp"

namespace leakline::heap {

std::optional<Nanoseconds> MarkClock::newest_tick(std::string_view lines) {
    constexpr std::uint64_t kLatest = std::uint64_t{1} << 42;  // ms; larger values are damage
    const std::size_t last = last_pair(lines, '\n', 'c');
    if (last == std::string_view::npos) return std::nullopt;
    const std::string_view line = lines.substr(last + 1, lines.find('\n', last + 1) - last - 1);
    std::uint64_t tick = 0;
    if (!Fields(line).hex(tick) || tick > kLatest) return std::nullopt;
    return std::chrono::milliseconds(tick);
}

}  // namespace leakline::heap
