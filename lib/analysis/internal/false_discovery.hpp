// Correction for testing many lines of which few leak.
//
// Thread-safety: a pure function.
#pragma once

#include <span>
#include <vector>

namespace leakline::analysis {

// Adjusted p-values of Benjamini and Yekutieli (2001, Annals of Statistics 29, theorem 1.3): naming every
// line whose adjusted value is <= q keeps the expected share of wrongly named lines at or below q, whatever
// the dependence between the lines. Not Benjamini-Hochberg (1995): lines of one program are fed by the same
// requests, so their noise moves together, in either direction. Values of p in [0, 1]; the result has p's
// order and length.
std::vector<double> adjust_for_discovery(std::span<const double> p);

}  // namespace leakline::analysis
