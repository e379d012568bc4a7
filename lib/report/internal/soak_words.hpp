// A soak in words: made once, so that text, Markdown and HTML agree. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/diagnosis.hpp"

namespace leakline::report {

// The finding first, then a line a run; empty where the diagnosis has no soak.
std::vector<std::string> soak_words(const Diagnosis& diagnosis);

}  // namespace leakline::report
