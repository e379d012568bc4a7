// Texts about a soak, shared by text, Markdown and HTML. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/diagnosis.hpp"

namespace leakline::report {

// The finding first, then one line per run; empty if the diagnosis has no soak.
std::vector<std::string> soak_words(const Diagnosis& diagnosis);

}  // namespace leakline::report
