#include "audit/internal/release_paths.hpp"

#include <algorithm>

namespace leakline::audit {

namespace {

bool meets(const std::set<Name>& a, const std::set<Name>& b) {
    return std::any_of(a.begin(), a.end(), [&](Name name) { return b.contains(name); });
}

}  // namespace

ReleasePaths::Event& ReleasePaths::note(Event::Kind kind, const Access& on, Place at, std::set<Name> names) {
    Event& event = events_.emplace_back();
    event.kind = kind;
    event.on = on;
    event.at = at;
    event.path = path_;
    event.names = std::move(names);
    for (const auto& mentioned : conditions_) event.conditions.insert(mentioned.begin(), mentioned.end());
    if (kind == Event::Kind::left || kind == Event::Kind::thrown)
        for (const Final& around : finals_) event.released.insert(around.released.begin(), around.released.end());
    return event;
}

void ReleasePaths::final_ends(std::size_t begin) {
    Final& last = finals_.emplace_back();
    last.events.assign(events_.begin() + static_cast<std::ptrdiff_t>(begin), events_.end());
    events_.resize(begin);
    for (const Event& event : last.events)
        if (event.kind == Event::Kind::removed || event.kind == Event::Kind::closed) last.released.insert(event.on.variable);
}

void ReleasePaths::final_left() {
    events_.insert(events_.end(), finals_.back().events.begin(), finals_.back().events.end());
    finals_.pop_back();
}

bool ReleasePaths::within(const Event& inner, const Event& outer) {
    return outer.path.size() <= inner.path.size() && std::equal(outer.path.begin(), outer.path.end(), inner.path.begin());
}

void ReleasePaths::finish(Name function, std::vector<Skip>& skips, std::vector<Handle>& handles) const {
    const auto is_exit = [](const Event& event) { return event.kind == Event::Kind::left || event.kind == Event::Kind::thrown; };
    // The first exit between begin and end that no event of kind `undo` comes before on its own path.
    const auto skipped = [&](std::size_t begin, std::size_t end, Event::Kind undo, const std::set<Name>& excused) -> const Event* {
        for (std::size_t i = begin + 1; i < end; ++i) {
            const Event& exit = events_[i];
            if (exit.released.contains(events_[begin].on.variable)) continue;
            // A path that does not pass the addition for sure, or asks how it went, proves nothing.
            if (!is_exit(exit) || !within(exit, events_[begin]) || meets(exit.conditions, excused) || meets(exit.names, excused)) continue;
            const bool undone =
                std::any_of(events_.begin() + static_cast<std::ptrdiff_t>(begin), events_.begin() + static_cast<std::ptrdiff_t>(i),
                            [&](const Event& event) {
                                return event.kind == undo && event.on.variable == events_[begin].on.variable && within(exit, event);
                            });
            if (!undone) return &exit;
        }
        return nullptr;
    };

    for (std::size_t i = 0; i < events_.size(); ++i) {
        const Event& event = events_[i];
        if (event.kind == Event::Kind::added) {
            // The removal that belongs to it: of the same, later, on every path but those that left.
            const auto removal = std::find_if(events_.begin() + static_cast<std::ptrdiff_t>(i), events_.end(), [&](const Event& other) {
                return other.kind == Event::Kind::removed && other.on == event.on && within(event, other);
            });
            if (removal == events_.end()) continue;
            const auto end = static_cast<std::size_t>(removal - events_.begin());
            if (const Event* exit = skipped(i, end, Event::Kind::removed, event.names))
                skips.push_back({event.on, function, event.at, exit->at, removal->at, exit->kind == Event::Kind::thrown});
        } else if (event.kind == Event::Kind::opened) {
            Handle handle = event.handle;
            bool leaves = false;   // returned, stored or handed on: it has another owner
            std::size_t last = i;  // where it is closed last; i: nowhere
            const std::set<Name> excused = {event.on.variable};
            for (std::size_t j = i + 1; j < events_.size(); ++j) {
                const Event& other = events_[j];
                // Opened again in another branch: what follows both concerns this one, too.
                if (other.kind == Event::Kind::opened && other.on.variable == event.on.variable && within(event, other)) break;
                if (other.kind == Event::Kind::ended && within(event, other)) leaves = true;
                if (is_exit(other) && other.names.contains(event.on.variable)) leaves = true;
                if (other.on.variable != event.on.variable) continue;
                if (other.kind == Event::Kind::handed_on) leaves = true;
                if (other.kind == Event::Kind::closed) last = j;
            }
            if (leaves) continue;
            if (const Event* exit = skipped(i, last, Event::Kind::closed, excused)) handle.skipped = exit->at;
            if (last == i || handle.skipped) handles.push_back(handle);
        }
    }
}

}  // namespace leakline::audit
