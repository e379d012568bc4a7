// The segment of an agent that was attached to a running process, as its reader holds it: keeps the agent going, and ends it.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include "agent/segment.hpp"
#include "base/quantities.hpp"
#include "system/descriptor.hpp"

namespace leakline::heap {

class AttachedSegment {
  public:
    // file: as the agent made it, open for reading and writing. Maps its first page once that exists.
    explicit AttachedSegment(Descriptor file) : file_(std::move(file)) {}
    ~AttachedSegment();
    AttachedSegment(const AttachedSegment&) = delete;
    AttachedSegment& operator=(const AttachedSegment&) = delete;

    int file() const { return file_.get(); }
    Bytes memory() const;  // that its pages take
    // Tells the agent that it has a reader. Call it at least each second: the agent leaves the process 5 s after the last time.
    void beat();
    agent::AttachState state();  // none: the agent is still starting
    agent::AttachEnd end_reason();
    struct Slots {
        std::uint32_t hooked = 0, other = 0;
    };
    Slots slots();
    // Has the agent leave the process, without waiting for it.
    void ask_to_leave();
    // The same; false if it has not left within the time.
    bool detach(Nanoseconds patience);

  private:
    agent::Attachment* attachment();

    Descriptor file_;
    void* page_ = nullptr;
};

}  // namespace leakline::heap
