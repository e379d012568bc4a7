// Which Python variables hold what a recorded service keeps: the answer of the agent, which searches a copy of each process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/quantities.hpp"
#include "model/holders.hpp"

namespace leakline::heap {

enum class ReadSources { no, yes };
// Adds an answer's last complete part; false if it has none. Processes of one service have the same variables: those are added up. Reads the
// source files that it names, for the lines where the variables are made, unless told not to. What is damaged is passed over.
bool add_answer(std::string_view answer, PythonHolders& found, ReadSources sources = ReadSources::yes);
// What was weighed for an answer, held or not: samples, or all objects.
struct Weighed {
    std::uint64_t blocks = 0;
    Bytes bytes = 0;
};
Weighed weighed_in(std::string_view answer);
// An answer that says the same, with those lines.
std::string answer_of(const PythonHolders& found);

// In place of a time: all objects count, by their own sizes, whenever they were made.
constexpr Nanoseconds kAllObjects{-1};
// Whether leakline's agent is in a running process, and sees its Python.
bool has_python_agent(int pid);
// Of a running process: which Python variables hold what it has allocated since that time (of the monotonic clock; zero: since it is recorded), by
// the samples of the agent, or kAllObjects; largest growth first. Nothing if no agent in it sees Python. Throws Error{system} with the reason if there is no
// answer.
std::optional<HolderReport> find_python_holders(int pid, Nanoseconds since);
// Of a search, and one after it for what was allocated since then: the growth in the time between, of types by their numbers of objects.
HolderReport growth_between_searches(const HolderReport& before, HolderReport after, Nanoseconds since);

}  // namespace leakline::heap
