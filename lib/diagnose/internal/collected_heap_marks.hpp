// The live objects of a service on a JVM, counted in the quiet times of rounds that follow those in which memory is measured: a full
// collection changes what memory as a whole shows. Inside lib/diagnose only.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "memory/jvm.hpp"
#include "model/collected_heap.hpp"

namespace leakline::diagnose {

// Thread-safety: one thread.
class CollectedHeapMarks {
  public:
    // processes: of the service. The first that is a JVM is asked.
    explicit CollectedHeapMarks(const std::vector<int>& processes);

    bool available() const { return pid_ > 0; }
    bool begun() const { return !heap_.live_bytes.empty(); }
    double begin_s() const { return heap_.mark_seconds.front(); }  // once begun
    // Counts once more, then calls memory for the service's whole memory. If the JVM does not answer, it is not asked again.
    void add(double at_s, std::uint64_t requests, const std::function<Bytes()>& memory);
    // Judged; nothing where it has not begun.
    std::optional<CollectedHeap> judged() const;

  private:
    int pid_ = 0;
    CollectedHeap heap_;
    memory::LiveObjects first_, last_;
};

}  // namespace leakline::diagnose
