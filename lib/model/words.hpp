// Texts for values of the model, shared by reasons and reports. Pure.
#pragma once

#include <string>

#include "base/quantities.hpp"
#include "model/lines.hpp"

namespace leakline {

// With the digits that are significant for an estimate: "3.2", "41,000".
std::string number_words(double value);
// "50 per 1,000 requests", "3.2 per request", "1 per 40,000 requests".
std::string per_request_words(double per_request);
// "180,000 per hour".
std::string per_hour_words(double per_hour);
// "track_user_behavior.cpp:57", never "??:0": a line without a file is shown as its function, or "(no debug info)".
std::string place_text(const CodeLine& line);
// The same without folders: "track.cpp:31", "push in libx.so" without line numbers.
std::string short_place(const CodeLine& at);
// A function's name without its parameters, which can be very long in C++: "a::f(int, char) const" ->
// "a::f".
std::string short_function(const std::string& name);
std::string growth_text(const Growth& growth);       // "64 B/request"
std::string budget_gate_name(const Growth& growth);  // of the gate of --max-growth: "growth at most 64 B/request"

}  // namespace leakline
