// Programs behind a wrapper that were not recorded, as another one was taken for the program to record: a service that starts
// after a migration, say.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "unwind/follow_block.hpp"

namespace leakline::heap {

class PassedOver {
  public:
    // To be called every so often while the wrapper runs. recorded: the pid of the process that is recorded. A program counts when
    // it was there the time before, and has used more of the processor than the recorded one had when it was seen last.
    void look(unwind::FollowBlock& block, int recorded);
    // What to say of the one that did most; empty where there was none.
    std::string warning() const;

  private:
    std::uint64_t recorded_ticks_ = 0;  // of processor time
    std::string recorded_;              // executables
    std::map<int, std::string> there_;  // at the last look, by pid
    std::string program_;
    std::uint64_t ticks_ = 0;
};

}  // namespace leakline::heap
