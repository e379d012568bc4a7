// Reads and writes baseline files. Pure.
//
//   {"schema": 1, "lines": [{"function", "source", "file", "bytes_per_request", "history": [...]}],
//    "findings": [{"rule", "container", "file"}],
//    "suppressions": [{"function", "source", "reason", "max": "64B/request", "expires": "2025-12-31"},
//                     {"container", "reason", "expires"}]}
//
// A line is identified by its function and its text, not by its number or file: code that moved is the same code.
// A finding of an audit is identified by its rule, by what grows and by its file.
// Suppressions are written by hand; "source" and "expires" are optional, "reason" and, of a line, "max" are required.
#pragma once

#include <string>
#include <string_view>

#include "model/baseline.hpp"

namespace leakline::report {

// Throws Error{input} with the place: not JSON, wrong types, a suppression without a reason or a maximum, a
// bad date.
Baseline read_baseline(std::string_view text, const std::string& name);
std::string write_baseline(const Baseline& baseline);

}  // namespace leakline::report
