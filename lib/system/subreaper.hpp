// Processes that a program leaves behind (daemons that fork twice) become our children, so that they can be measured and ended.
#pragma once

#include <vector>

namespace leakline {

// While it lives, orphans among our descendants become our children (PR_SET_CHILD_SUBREAPER; prctl(2)) instead of init's. The
// destructor ends those that are left. One at a time in a process.
// Thread-safety: orphans() and end_orphans() may be called from any thread.
class Subreaper {
  public:
    Subreaper();
    ~Subreaper();
    Subreaper(const Subreaper&) = delete;
    Subreaper& operator=(const Subreaper&) = delete;

    // Our children that nothing of ours started: those that still run. Zombies among them are reaped. The guard knows them from
    // then on (see guard.hpp). Where we are the first process of a container, those that the guard's mark shows to be others' are
    // left out.
    std::vector<int> orphans() const;
    // SIGTERM to each and to what descends from it, SIGKILL after two seconds.
    void end_orphans() const;

  private:
    std::vector<int> before_;  // children that came with us from before exec: none of the program's
};

}  // namespace leakline
