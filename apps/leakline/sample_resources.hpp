// What the sampled processes hold beside memory, by kind: at the start, now and then, and at the end of `leakline sample`.
//
// Thread-safety: one thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "memory/process_tree.hpp"
#include "memory/resource_marks.hpp"
#include "model/memory.hpp"
#include "system/clock.hpp"

namespace leakline::cli {

class SampleResources {
  public:
    // Which of the metrics are counts decides what is looked at; nothing where none is.
    explicit SampleResources(const std::vector<Metric>& metrics);

    // A process that is sampled, with its descendants or without. One that has gone meanwhile is left out.
    void watch(int pid, bool descendants);
    // Looks at the kinds where it is time for it: it costs a readlink for each descriptor and a walk of the mappings.
    void tick(Nanoseconds now);
    // "file descriptors: 10 to 60: file /tmp/a-* (+48), pipe (+2); the limit is 1,024 (RLIMIT_NOFILE of x (pid 7))" for each
    // count that grew since the start. Looks once more.
    std::vector<std::string> lines();

  private:
    void look();

    std::array<bool, kResourceCount> wanted_{};
    std::vector<std::unique_ptr<memory::ProcessTree>> trees_;
    std::vector<bool> descendants_;
    memory::ResourceMarks marks_;
    Nanoseconds begin_{}, next_{};
};

}  // namespace leakline::cli
