// Processes that the traced one has started and that do its work (a server with workers): the tracker follows no fork, so
// a recording of the first process alone has next to nothing of them.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <map>
#include <string>

namespace leakline::heap {

class ForkedChildren {
  public:
    explicit ForkedChildren(int pid) : pid_(pid) {}

    // To be called every so often while the process runs. A child counts when it was there the time before, and is a copy
    // of the process or has used more of the processor than it.
    void look();
    // What to say of them; empty where there were none.
    std::string warning() const;

  private:
    int pid_;
    std::map<int, bool> there_;  // children at the last look; of our own program
    std::size_t most_ = 0;
    std::string one_of_them_;
};

}  // namespace leakline::heap
