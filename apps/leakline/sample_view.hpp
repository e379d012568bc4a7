// `leakline sample --live`: one process's memory as it runs: a sparkline, the slope, the time to a limit. Pure: samples
// in, text out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "memory/source.hpp"
#include "model/series.hpp"

namespace leakline::cli {

// At most `width` characters of a line (UTF-8): one that wraps would be redrawn in the wrong place.
std::string cut_to(std::string line, std::size_t width);

// values as one character each, between their least and their greatest; flat values are the lowest character.
// At most `width` characters: more values are averaged.
std::string sparkline(const std::vector<double>& values, std::size_t width, bool utf8);

class SampleView {
  public:
    SampleView(std::string name, Metric metric);

    // Samples without the metric are passed over. Memory is bounded: a long run is thinned to every second point
    // again and again, which keeps its shape.
    void add(const MemorySample& sample, std::optional<Bytes> limit);

    // Judges what has been seen so far. Costs some milliseconds: call it every few seconds.
    void judge();

    // Three or four lines for a terminal that is redrawn, of at most `width` characters each.
    std::vector<std::string> block(std::size_t width, bool utf8) const;
    // One line for a log: "api (pid 7) rss 120 MiB, growing, +3.1 MiB/h [2.9 MiB/h, 3.3 MiB/h], ...".
    std::string line() const;

  private:
    std::string slope_text() const;
    std::string limit_text() const;  // empty: no limit, or not known yet

    std::string name_;
    Metric metric_;
    std::optional<Bytes> limit_;
    Series series_;
    std::uint64_t seen_ = 0, every_ = 1;
    double first_second_ = 0, last_second_ = 0, last_value_ = 0;
    TrendVerdict verdict_;
    bool judged_ = false;
};

}  // namespace leakline::cli
