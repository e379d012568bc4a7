// What a search answers: lines of fields that a tab separates (heap/python_holders.cpp reads them). For a copy of the process that has one thread.
#pragma once

#include <string_view>

#include "agent/internal/segment_view.hpp"

namespace leakline::agent::python {

// Answers follow each other in the segment's room for them, and readers see each when it ends. One that does not fit is left out.
void begin_answers(const SegmentView& segment);
void put(std::string_view text);       // of the program: nothing in it ends a field
void put_mark(std::string_view text);  // as it is
void put_count(double value);          // rounded; negative: 0
void tab();
void new_line();
// A type's name as a programmer writes it: "dict", "collections.deque", "app.Event".
void put_type(const void* type);
// Ends an answer. The last one counts.
void end_answer();

}  // namespace leakline::agent::python
