#include "replay/internal/recorded_connections.hpp"

namespace leakline::replay {

RecordedConnections::RecordedConnections(int connections) {
    for (int i = 0; i < connections; ++i) position_.push_back(order_.insert(order_.end(), i));
}

RecordedConnections::Place RecordedConnections::place(std::uint64_t name) {
    if (places_.size() >= kRemembered && !places_.contains(name)) places_.clear();
    const auto [found, opens] = places_.try_emplace(name, order_.front());
    order_.splice(order_.end(), order_, position_[static_cast<std::size_t>(found->second)]);
    return {found->second, opens};
}

}  // namespace leakline::replay
