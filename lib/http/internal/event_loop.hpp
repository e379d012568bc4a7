// Internal to lib/http's client side: descriptors, a timer and wake-ups from other threads, waited for together with
// epoll. Each descriptor is registered once, edge-triggered: readiness is reported once, and the watcher then reads until
// EAGAIN, or calls rearm().
//
// Asio instead of it: 1.19 times the CPU time of a whole replay (150,000 POSTs of 1 KB over 32 connections at maximum pace,
// median of 9 interleaved runs, noise 0.95 to 1.05), as Asio tries a recv() that fails with EAGAIN before each wait, or else
// calls epoll_ctl() for each read; and the code that adapts it is as long as this.
//
// Thread-safety: one thread; wake() alone may be called from others.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/quantities.hpp"
#include "system/descriptor.hpp"

namespace leakline::http {

class EventLoop {
  public:
    class Watcher {
      public:
        virtual ~Watcher() = default;
        virtual void on_events(std::uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, ...
    };
    // Of a registered descriptor. 0 is none.
    using Id = std::uint64_t;

    EventLoop();  // throws Error{system}

    // Calls watcher for these events until remove(), which must precede the descriptor's closing. Events of a
    // descriptor that was removed in the same turn are dropped. Throws Error{system}.
    Id add(int descriptor, std::uint32_t events, Watcher& watcher);
    void remove(Id id, int descriptor);
    // Reports the events that are ready once more in a later turn.
    void rearm(Id id, int descriptor, std::uint32_t events);

    // The time of steady_clock at which turn() reports timer; replaces the previous time.
    void set_timer(Nanoseconds when);
    // The current or the next turn() reports woken. From any thread.
    void wake();

    struct Turn {
        bool timer = false, woken = false;
    };
    enum class Wait { no, yes };
    // Calls the watchers for the events that are ready. With yes it sleeps until there is something to report; a signal
    // ends that too.
    Turn turn(Wait wait);

  private:
    struct Slot {
        Watcher* watcher = nullptr;
        std::uint32_t generation = 1;  // part of Id: an index alone could belong to a later descriptor
    };

    Descriptor epoll_, timer_, wake_;
    std::deque<Slot> slots_;
    std::vector<std::uint32_t> free_;
};

}  // namespace leakline::http
