// Internal to lib/http's client side: descriptors, a timer and wake-ups from other threads, waited for together with
// epoll. Each descriptor is registered once, edge-triggered: that something can be read is told once, and whoever is
// told takes all there is, or says rearm().
//
// Asio is not used for this: its reads first try a recv() that fails with EAGAIN, or else cost an epoll_ctl() each.
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

    // Tells watcher about these events until remove(), which precedes the descriptor's closing. What epoll reports
    // of a descriptor that was removed meanwhile is dropped. Throws Error{system}.
    Id add(int descriptor, std::uint32_t events, Watcher& watcher);
    void remove(Id id, int descriptor);
    // Tells the watcher again, soon, about what is ready by then.
    void rearm(Id id, int descriptor, std::uint32_t events);

    // The time of steady_clock at which turn() says timer; replaces the one set before.
    void set_timer(Nanoseconds when);
    // The turn() under way, or the next one, says woken. From any thread.
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
        std::uint32_t generation = 1;  // of Id: an index alone would be taken for its next user
    };

    Descriptor epoll_, timer_, wake_;
    std::deque<Slot> slots_;
    std::vector<std::uint32_t> free_;
};

}  // namespace leakline::http
