// The libraries that are preloaded into recorded programs, built with this program.
#pragma once

#include <string_view>

namespace leakline::unwind {

// The bytes of a shared object (static storage). Empty if there is none for this kind of machine.
std::string_view embedded_unwinder();            // answers the tracker's requests for backtraces
std::string_view embedded_unwinder_operators();  // the same, with operator new and delete (operators.cpp)
std::string_view embedded_follow();              // finds the program to record behind a wrapper
std::string_view embedded_stream_guard();        // keeps the tracker's stream from being closed, and from what the program opens

}  // namespace leakline::unwind
