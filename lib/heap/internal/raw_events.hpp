// The lines of a raw stream that are nearly all of it, text in, numbers out:
//
//   + <size> <trace> <address>        - <address>
//
// Pure, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/quantities.hpp"
#include "heap/internal/processor.hpp"

namespace leakline::heap {

struct RawEvent {
    std::uint64_t address;  // never 0
    Bytes size;
    std::uint32_t trace;  // one more than in the stream; 0: a free
};

class RawEvents {
  public:
    explicit RawEvents(Processor processor = Processor::this_one) : newer_processor_(runs_newer_code(processor)) {}

    // Takes events from [line, end), which holds whole lines, up to the first line that is none, that names a trace from
    // `traces` on or a block of kLargestBlock or more, or for which there is no room, and moves line behind them. Returns
    // how many. As many bytes as the margins of a LineBuffer or ReadAhead are read before line and behind end.
    std::size_t take(const char*& line, const char* end, std::uint32_t traces, RawEvent* events, std::size_t room) const;

  private:
    bool newer_processor_;
};

}  // namespace leakline::heap
