// Parses the answer of a Prometheus server (or Thanos, Mimir, VictoriaMetrics) to a range query, from JSON text to columns.
// Builds no tree: memory is that of the kept numbers. Pure; any bytes are accepted.
//
//   {"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"api",...},
//    "values":[[1700000000.123,"4096"],...]},...]},"warnings":["..."]}
//   {"status":"error","errorType":"bad_data","error":"parse error: ..."}
//
// Thread-safety: one function without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leakline::memory {

using Labels = std::vector<std::pair<std::string, std::string>>;  // sorted by name

struct MatrixSeries {
    Labels labels;
    std::vector<double> seconds;  // since the Unix epoch, as the server ordered them
    std::vector<double> values;   // finite
};

struct MatrixAnswer {
    bool success = false;           // reported by the server
    std::string error_type, error;  // if not success
    std::string result_type;        // "matrix"
    std::vector<MatrixSeries> series;
    std::vector<std::string> warnings, infos;  // as the server writes them, the first ten of each
    bool partial = false;                      // VictoriaMetrics' isPartial: a part of the storage did not answer
    std::uint64_t not_finite = 0;              // skipped values: NaN, +Inf, -Inf
    std::uint64_t unreadable = 0;              // skipped points: not [number, "number"]
    std::uint64_t histograms = 0;              // skipped series: native histograms
    bool too_many_series = false;              // reading stopped after max_series
    std::string damage;                        // where the text stops being JSON; empty if all of it is
};

MatrixAnswer parse_matrix(std::string_view json, std::size_t max_series);

// name{a="b",c="d"}: the metric's name first, the rest in order, escaped as in PromQL.
std::string labels_text(const Labels& labels);

}  // namespace leakline::memory
