// Adds the swap of a process to its memory where a table has a column of each, series by series.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/internal/series_processes.hpp"

namespace leakline::memory {

class SwapCollector {
  public:
    // Rows that wait for their series' first value of swap, in all; those of another series are then without it.
    static constexpr std::size_t kMaxWaiting = 1 << 16;

    // collector outlives this.
    explicit SwapCollector(SeriesCollector& collector) : collector_(collector) {}

    // As SeriesCollector::add, with swap added to sample.bytes. nullopt: unknown in this row, the value before it in its series and process
    // counts. Rows before the first value wait for it and get it: there must be no step from 0.
    void add(std::string_view series, std::string_view process, const RawSample& sample, std::optional<double> swap, std::uint64_t line);
    // Gives the rows that still wait to the collector: their series have no value of swap.
    void finish();

  private:
    struct Row {
        RawSample sample;
        std::uint64_t line;
    };
    struct Swap {
        enum class State { unknown, known, unused } state = State::unknown;
        double bytes = 0;
        std::string series, process;
        std::vector<Row> waiting;
    };

    void give(const Swap& swap, const Row& row);
    void give_waiting(Swap& swap);

    SeriesCollector& collector_;
    std::map<std::string, Swap, std::less<>> swaps_;
    std::string key_;
    std::size_t waiting_ = 0;
};

}  // namespace leakline::memory
