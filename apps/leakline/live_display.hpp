// The views of `leakline sample --live`, and how they get to the user: redrawn in place on a terminal, else a line now
// and then.
//
// Thread-safety: one thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/quantities.hpp"
#include "memory/source.hpp"
#include "memory/tick_schedule.hpp"
#include "messages.hpp"
#include "redrawn_block.hpp"
#include "sample_view.hpp"

namespace leakline::cli {

// "api (pid 7)", or the path of a cgroup.
std::string name_of(const memory::Subject& subject);

class LiveDisplay {
  public:
    // metrics: those that are sampled, the one to show first. limit: what a command was given, else each subject's own.
    LiveDisplay(std::vector<Metric> metrics, std::optional<Bytes> limit, Nanoseconds now);

    void add(const memory::Subject& subject, const MemorySample& sample);
    // After the samples of a tick: a subject that had none has ended, and its view goes.
    void tick(Nanoseconds now);
    void finish();

  private:
    Metric shown(const MemorySample& sample) const;
    std::optional<Bytes> known_limit(const memory::Subject& subject);
    void draw();

    std::vector<Metric> metrics_;
    std::optional<Bytes> limit_;
    Terminal terminal_;
    memory::TickSchedule draw_, judge_;
    using Key = std::pair<int, std::string>;
    std::map<Key, SampleView> views_;
    std::set<Key> alive_;  // sampled since the last tick
    std::map<int, std::optional<Bytes>> limits_;
    RedrawnBlock block_;
};

}  // namespace leakline::cli
