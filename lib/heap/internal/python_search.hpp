// Asks the agent in a recorded process for the Python variables that hold its memory (agent::SearchState).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "agent/segment.hpp"
#include "base/quantities.hpp"
#include "heap/python_holders.hpp"
#include "model/holders.hpp"
#include "system/descriptor.hpp"

namespace leakline::heap {

// Thread-safety: one object at a time for a process, from one thread.
class HolderSearch {
  public:
    // segment: of the process, open for reading and writing.
    HolderSearch(Descriptor segment, int pid) : segment_(std::move(segment)), pid_(pid) {}

    // False if the process has ended, runs no Python that the agent knows, or is still searched.
    bool ask(Nanoseconds since);
    // Waits for the answer and adds it, or the reason why there is none. patience: until the process makes a copy of itself; the search in it may
    // take longer.
    void read(Nanoseconds patience, PythonHolders& found);
    // Both, as a report. Throws Error{system} if there is no answer.
    HolderReport report(Nanoseconds since);

    bool is_of_python() const;

  private:
    template <class Field>
    std::optional<Field> read_field(std::size_t place) const;
    template <class Field>
    bool write_field(std::size_t place, Field field) const;
    agent::SearchState state() const;
    std::string take_answer() const;
    void set_totals(HolderReport& report) const;

    Descriptor segment_;
    int pid_;
    Weighed weighed_;
};

}  // namespace leakline::heap
