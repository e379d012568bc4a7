// Two copies of the memory of the recorded process, taken when nothing is requested, between which holders are compared with
// lines. They show what holds a leak; that they cannot be had fails no diagnosis. Inside lib/diagnose only.
#pragma once

#include <optional>

#include "diagnose/internal/run_context.hpp"
#include "holders/holders.hpp"
#include "model/heap.hpp"

namespace leakline::diagnose {

// What is allocated after this round, and held at the end, is growth: it is after what only the first requests allocate, and most of the run is
// still to come.
inline constexpr int kFirstSnapshotRound = 2;

// Thread-safety: one thread.
class HolderSnapshots {
  public:
    // context must live as long as this.
    HolderSnapshots(const RunContext& context, int pid) : context_(context), pid_(pid) {}

    // At the quiet mark of that round (from 1), once it has been set: takes the first copy after an early round.
    void after_round(int number);
    // After the last round: takes the second copy.
    void after_last_round();
    // What holds most of what the lines leak; nothing if that is not known. The process may have ended.
    std::optional<HeldBy> held_by(const LineReport& lines, const HeapProfile& profile) const;

  private:
    std::optional<holders::Snapshot> take() const;

    const RunContext& context_;
    const int pid_;
    int last_round_ = 0;
    std::optional<holders::Snapshot> first_, last_;
};

}  // namespace leakline::diagnose
