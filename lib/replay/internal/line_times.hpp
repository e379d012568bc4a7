// When the lines of an envelope were written, for the requests of formats that have no times.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "base/quantities.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

class LineTimes {
  public:
    // latest: times without a year are not after this one, since the Unix epoch.
    explicit LineTimes(Nanoseconds latest) : latest_(latest) {}
    // Lines in their order. Text that is no time is ignored.
    void add(std::uint64_t line, std::string_view stamp);
    // Sets the record's time if that of its line (its place) is known. Forgets those before it.
    void give(Record& record);
    void forget_before(std::uint64_t line);
    // The records have times of their own: keeps no more.
    void stop();

  private:
    struct LineTime {
        std::uint64_t line;
        Nanoseconds at, resolution;
    };
    const Nanoseconds latest_;
    std::deque<LineTime> times_;
    bool stopped_ = false;
};

}  // namespace leakline::replay
