#include "live_display.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/cgroup.hpp"
#include "output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace leakline::cli {

using memory::Subject;

std::string name_of(const Subject& subject) {
    const std::string name = printable(subject.name);
    return subject.pid != 0 ? fmt::format("{} (pid {})", name, subject.pid) : name;
}

LiveDisplay::LiveDisplay(std::vector<Metric> metrics, std::optional<Bytes> limit, Nanoseconds now)
    : metrics_(std::move(metrics)),
      limit_(limit),
      terminal_(detect_terminal(STDOUT_FILENO)),
      draw_(now, terminal_.interactive ? std::chrono::milliseconds(500) : std::chrono::seconds(1)),
      judge_(now + std::chrono::seconds(2), std::chrono::seconds(2)) {}

void LiveDisplay::add(const Subject& subject, const MemorySample& sample) {
    const Key key{subject.pid, subject.name};
    alive_.insert(key);
    const auto [view, fresh] = views_.try_emplace(key, name_of(subject), shown(sample));
    const auto& of_cgroup = sample[Metric::cgroup_limit];
    view->second.add(sample, limit_ ? limit_ : of_cgroup ? of_cgroup : known_limit(subject));
}

void LiveDisplay::tick(Nanoseconds now) {
    std::erase_if(views_, [&](const auto& view) { return !alive_.contains(view.first); });
    alive_.clear();
    if (judge_.is_due(now)) {
        for (auto& [key, view] : views_) view.judge();
        judge_.taken(now);
    }
    if (!draw_.is_due(now)) return;
    draw_.taken(now);
    draw();
}

void LiveDisplay::finish() {
    for (auto& [key, view] : views_) view.judge();
    draw();
}

// The first metric that this subject has: a cgroup has no RSS.
Metric LiveDisplay::shown(const MemorySample& sample) const {
    const auto read = std::find_if(metrics_.begin(), metrics_.end(), [&](Metric m) { return sample[m].has_value(); });
    return read == metrics_.end() ? metrics_.front() : *read;
}

// The limit of the process's own cgroup, looked up once: it is what will end it.
std::optional<Bytes> LiveDisplay::known_limit(const Subject& subject) {
    const auto [place, fresh] = limits_.try_emplace(subject.pid);
    if (fresh && subject.pid != 0)
        if (const auto directory = memory::memory_cgroup_of(subject.pid)) place->second = memory::CgroupReader(*directory).limit();
    return place->second;
}

void LiveDisplay::draw() {
    if (!terminal_.interactive) {
        std::string out;
        for (const auto& [key, view] : views_) out += view.line() + "\n";
        return write_standard_output(out);
    }
    const Terminal now = detect_terminal(STDOUT_FILENO);  // anew: windows are resized
    const auto room = static_cast<std::size_t>(std::max(now.height - 2, 4));
    std::vector<std::string> lines;
    std::size_t shown = 0;
    for (const auto& [key, view] : views_) {
        const std::vector<std::string> block = view.block(redrawn_width(now), now.utf8);
        if (shown > 0 && lines.size() + block.size() > room) break;
        lines.insert(lines.end(), block.begin(), block.end());
        ++shown;
    }
    if (shown < views_.size()) lines.push_back(fmt::format("and {} more", views_.size() - shown));
    block_.draw(lines);
}

}  // namespace leakline::cli
