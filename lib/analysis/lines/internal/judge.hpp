// Judges the growth of one site: class, rates, and whether it is a candidate for a leak.
#pragma once

#include <optional>

#include "analysis/lines/internal/growth.hpp"
#include "analysis/lines/internal/history.hpp"
#include "base/strings.hpp"
#include "model/lines.hpp"

namespace leakline::analysis {

// Holds references to window and axes. Safe from any thread.
class Judge {
  public:
    // sample_bytes: as for judge_growth.
    Judge(const Window& window, const Axes& axes, double sample_bytes);

    // Fills in class, rates and payload of line, whose growth_bytes is set. Returns the raw p-value of the
    // test for growth; nothing for a container that doubles, which is judged by its steps: line.leaking is set
    // then.
    std::optional<double> judge(const SiteHistory& site, LineGrowth& line) const;

  private:
    // What to call a site that holds its level within the window: flat, or a cache that traffic had filled before.
    GrowthClass level_class(const SiteHistory& site) const;

    // Which of the two axes growth follows, and at what rate.
    void split(const SiteHistory& site, LineGrowth& line) const;

    const Window& window_;
    const Axes& axes_;
    Spans spans_;
    double sample_bytes_;
};

}  // namespace leakline::analysis
