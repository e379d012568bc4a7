#include "memory/internal/series_swap.hpp"

namespace leakline::memory {

void SwapCollector::add(std::string_view series, std::string_view process, const RawSample& sample, std::optional<double> swap,
                        std::uint64_t line) {
    key_.assign(series);
    key_ += '\n';
    key_ += process;
    const auto [place, added] = swaps_.try_emplace(key_);
    Swap& known = place->second;
    if (added) {
        known.series = series;
        known.process = process;
    }
    const Row row{sample, line};
    if (known.state == Swap::State::unknown && !swap && waiting_ < kMaxWaiting) {
        known.waiting.push_back(row);
        ++waiting_;
        return;
    }
    if (known.state == Swap::State::unknown) known.state = swap ? Swap::State::known : Swap::State::unused;
    if (swap && known.state == Swap::State::known) known.bytes = *swap;
    give_waiting(known);
    give(known, row);
}

void SwapCollector::finish() {
    for (auto& [key, swap] : swaps_) give_waiting(swap);
}

void SwapCollector::give(const Swap& swap, const Row& row) {
    RawSample sample = row.sample;
    sample.bytes += swap.bytes;
    collector_.add(swap.series, swap.process, sample, row.line);
}

void SwapCollector::give_waiting(Swap& swap) {
    for (const Row& row : swap.waiting) give(swap, row);
    waiting_ -= swap.waiting.size();
    swap.waiting.clear();
}

}  // namespace leakline::memory
