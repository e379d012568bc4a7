// Records lines in a run: sets the marks of the recording at the rounds, and judges lines and kinds of requests at the end. Used by the
// recorded run, and by a run that measures memory as well. Inside lib/diagnose only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/per_connection.hpp"
#include "diagnose/internal/holder_snapshots.hpp"
#include "diagnose/internal/python_search.hpp"
#include "diagnose/internal/rounds.hpp"
#include "diagnose/internal/run_context.hpp"
#include "heap/recorder.hpp"
#include "memory/glibc_heap.hpp"

namespace leakline::diagnose {

// Requests in blocks of a random mix, between whose marks growth is compared with what was requested.
struct MixedBlocks {
    std::vector<std::string> kinds;
    std::vector<analysis::ConnectionBlock> blocks;
};

// Thread-safety: one thread.
class LineRecording {
  public:
    // Sets the first mark. Throws NotRecordable if the recorder sees no process of the service. All must live as long as this.
    LineRecording(RunContext& context, heap::Recorder& recorder, const replay::Progress& progress);

    int pid() const { return pid_; }  // the recorded process, or with the agent the first of them
    void idle_mark();
    void quiet_mark(int number);  // after round `number`
    void rounds_end();            // after the mark of the last round, before anything else is requested
    // Two marks without a request between them: growth there follows time.
    void idle_begins();
    void idle_ends();
    // After the rounds, while the service runs: blocks of a random mix.
    void record_mix(const RoundPlan& plan, const RoundsResult& rounds);
    // After the service has ended: fills in the result's lines, connections, endpoints and what holds the leak. Throws as Recorder::finish does.
    HeapProfile judge(const std::vector<Round>& rounds);

  private:
    void find_allocators();
    void read_allocators();

    RunContext& context_;
    heap::Recorder& recorder_;
    const replay::Progress& progress_;
    const int pid_;
    std::map<int, memory::GlibcHeap> allocators_;  // by pid: of the recorded process, or of all that an agent is attached to
    HolderSnapshots holders_;
    PythonSearch python_;
    MixedBlocks mix_;
};

}  // namespace leakline::diagnose
