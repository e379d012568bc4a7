// What epoll says reaches whom it concerns, and nobody else.
#include "http/internal/event_loop.hpp"

#include <doctest/doctest.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>

using namespace leakline;
using namespace std::chrono_literals;
using http::EventLoop;

namespace {

struct Pair {
    Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0); }
    ~Pair() {
        for (const int end : ends) ::close(end);
    }
    void write() const { REQUIRE(::write(ends[1], "x", 1) == 1); }
    int ends[2] = {-1, -1};
};

struct Counter : EventLoop::Watcher {
    void on_events(std::uint32_t) override {
        ++count;
        if (then) then();
    }
    int count = 0;
    std::function<void()> then;
};

Nanoseconds now() { return std::chrono::steady_clock::now().time_since_epoch(); }

}  // namespace

TEST_CASE("readiness is told once, and again for what comes later or when asked") {
    EventLoop loop;
    const Pair pair;
    Counter counter;
    const EventLoop::Id id = loop.add(pair.ends[0], EPOLLIN, counter);
    loop.turn(EventLoop::Wait::no);
    CHECK(counter.count == 0);
    pair.write();
    loop.turn(EventLoop::Wait::yes);
    loop.turn(EventLoop::Wait::no);
    CHECK(counter.count == 1);
    pair.write();
    loop.turn(EventLoop::Wait::yes);
    CHECK(counter.count == 2);
    loop.rearm(id, pair.ends[0], EPOLLIN);
    loop.turn(EventLoop::Wait::yes);
    loop.turn(EventLoop::Wait::no);
    CHECK(counter.count == 3);
    loop.remove(id, pair.ends[0]);
    pair.write();
    loop.turn(EventLoop::Wait::no);
    CHECK(counter.count == 3);
}

TEST_CASE("an event that is on its way when its descriptor goes reaches nobody, not even the next of its place") {
    EventLoop loop;
    const Pair first, second, third;
    Counter one, other, late;
    EventLoop::Id ids[2] = {};
    // Whichever is told first takes the other's place away and gives it to a third.
    const auto replace = [&](int mine) {
        const int its = 1 - mine;
        if (ids[its] == 0) return;
        loop.remove(ids[its], (its == 0 ? first : second).ends[0]);
        ids[0] = ids[1] = 0;
        loop.add(third.ends[0], EPOLLIN, late);
    };
    one.then = [&] { replace(0); };
    other.then = [&] { replace(1); };
    ids[0] = loop.add(first.ends[0], EPOLLIN, one);
    ids[1] = loop.add(second.ends[0], EPOLLIN, other);
    first.write();
    second.write();
    loop.turn(EventLoop::Wait::yes);
    CHECK(one.count + other.count == 1);
    CHECK(late.count == 0);
    third.write();
    loop.turn(EventLoop::Wait::yes);
    CHECK(late.count == 1);
}

TEST_CASE("the timer comes at its time, also when it is set anew, and not before") {
    EventLoop loop;
    for (int i = 0; i < 3; ++i) {
        const Nanoseconds when = now() + 2ms;
        loop.set_timer(when + 10s);
        loop.set_timer(when);
        CHECK_FALSE(loop.turn(EventLoop::Wait::no).timer);
        EventLoop::Turn turn;
        while (!turn.timer) turn = loop.turn(EventLoop::Wait::yes);
        CHECK(now() >= when);
        CHECK_FALSE(loop.turn(EventLoop::Wait::no).timer);
    }
    loop.set_timer(Nanoseconds(-5));  // long ago is now
    CHECK(loop.turn(EventLoop::Wait::yes).timer);
}

TEST_CASE("another thread wakes it, each time") {
    EventLoop loop;
    for (int i = 0; i < 2; ++i) {
        std::thread waker([&] { loop.wake(); });
        CHECK(loop.turn(EventLoop::Wait::yes).woken);
        waker.join();
        CHECK_FALSE(loop.turn(EventLoop::Wait::no).woken);
    }
}
