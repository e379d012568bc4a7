// Where `leakline trend` gets its series from: files of samples, heap recordings, a Prometheus server.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "cli11_names.hpp"
#include "memory/count_series.hpp"
#include "memory/prometheus.hpp"
#include "memory/series_reader.hpp"
#include "model/series.hpp"
#include "output.hpp"

namespace leakline::cli {

struct TrendInputs {
    std::vector<std::string> files;
    memory::SeriesReadOptions reading;
    std::optional<Nanoseconds> interval;  // of logs without times
    memory::PrometheusQuery prometheus;   // url empty: not asked
    std::optional<std::string> end;       // ISO 8601
};

// Adds the options to app; inputs must live as long as app.
void add_trend_inputs(CLI::App& app, TrendInputs& inputs);

// Hands every series to judge, and every count over time with its file's name to judge_counts, file by file, so that one
// file's series are gone before the next is read. Warnings go to warn. A file that cannot be used is an Error where it is the only one; else it is warned about and the rest goes
// on: false. A stop ends it with the series so far.
bool for_each_series(const TrendInputs& inputs, Output& output, const std::stop_token& stop,
                     const std::function<void(const std::string&)>& warn, const std::function<void(Series)>& judge,
                     const std::function<void(const std::string&, const memory::CountSeries&)>& judge_counts);

}  // namespace leakline::cli
