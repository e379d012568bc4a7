// How far up a stack may be read. A stack that a program made itself (a coroutine's) can end at the end of a mapping, under a
// return address that is a function's: a walk that trusts it reads beyond the mapping, and the program crashes.
//
// Only what is certain is taken as known: the page of the innermost frame, and the thread's own stack, which stays
// mapped while the thread runs. All else is asked of the kernel, each time anew: pages that were readable at the last walk
// may be unmapped by now, without any call that could be seen from here.
//
// One object per walk. Nothing allocates, locks or waits; errno is left alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace leakline::unwind {

// Whether the word at `address` (a multiple of 8) can be read. One system call, which sandboxes allow.
bool is_readable(std::uintptr_t address);

// What is known of the running thread's own stack: [low, high) can be read. A new thread's is zeroes, also where it gets the
// memory of one that has ended.
struct OwnStack {
    std::uintptr_t low, high;
    unsigned searches;  // that failed, since one succeeded
};
[[gnu::tls_model("initial-exec")]] extern constinit thread_local OwnStack own_stack;

class StackReach {
  public:
    // For a walk that begins where the stack pointer is `sp`. The page below it has the innermost frame.
    explicit StackReach(std::uintptr_t sp) : begin_(sp - sizeof(std::uintptr_t)) {
        own_ = known_ = begin_ - own_stack.low < own_stack.high - own_stack.low;
        end_ = own_ ? own_stack.high : (begin_ & ~(kPage - 1)) + kPage;
    }

    // All bytes from the innermost frame to here can be read.
    std::uintptr_t end() const { return end_; }
    // Checks further memory; false if not everything up to `wanted` can be read, or if that is too far.
    bool extend(std::uintptr_t wanted);
    bool at_unreadable() const { return unreadable_; }  // the former of the two

    // Where the walk ends without having arrived on the thread's own stack, its frames may be followed further to find out
    // whether they lead there. True if that is worth the time: less and less often after failed searches.
    bool begin_search();
    bool on_own_stack() const { return own_; }

    // To be called where no frame has a caller: that is where a thread's own stack begins. `sp`: of that frame.
    void outermost(std::uintptr_t sp);
    // The end of a walk that followed its frames to here.
    void done() const {
        if (own_ && !known_) learn();
    }

  private:
    static constexpr std::uintptr_t kPage = 4096;

    void learn() const;

    static constexpr unsigned kMaxPages = 64, kMaxPagesSearched = 4096;  // that one walk asks about

    std::uintptr_t begin_, end_;
    unsigned pages_left_ = kMaxPages;
    bool own_, known_, unreadable_ = false;  // known_: all of this stack was, from the beginning
};

}  // namespace leakline::unwind
