// The lines of an interpreted recording that are nearly all of it, "+ <info>" and "- <info>", many at a time: text in,
// numbers out. Lines that look like events are gathered without being understood, by where their ends stand; then
// their digits are checked and converted, several lines at once.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "heap/internal/processor.hpp"

namespace leakline::heap {

class EventLines {
  public:
    static constexpr std::size_t kMax = 128;  // lines in a batch
    // convert() may write this many entries more than there are lines: it works on groups.
    static constexpr std::size_t kSlack = 8;

    explicit EventLines(Processor processor = Processor::this_one) : newer_processor_(runs_newer_code(processor)) {}

    // Takes lines from [line, end), which holds whole lines, up to the first that cannot be an event of an info below
    // `infos`, and moves line behind them. Returns how many. As many bytes as the margins of ReadAhead are read before
    // line and behind end.
    std::size_t gather(const char*& line, const char* end, std::size_t infos);

    // The entry of each line gathered: index << 1, plus 1 for an allocation. False where a line is no event, or refers
    // to an index from `infos` on; the entries mean nothing then. infos must be that of gather() and below 2^31.
    bool convert(std::size_t infos, std::uint32_t* entries);

  private:
    std::size_t count_ = 0;
    bool wide_ = false, newer_processor_;
    // Of each line the two characters that it starts with, and those that it ends with: four, or eight with what
    // belongs to the line before cleared to 0.
    alignas(16) std::array<std::uint16_t, kMax + kSlack> heads_;
    alignas(16) std::array<std::uint32_t, kMax + kSlack> short_ends_;
    alignas(16) std::array<std::uint64_t, kMax + kSlack> long_ends_;
};

}  // namespace leakline::heap
