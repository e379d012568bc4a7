#include "http/internal/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"

namespace leakline::http {

namespace {

// Descriptors have generations from 1 on: generation 0 marks the loop's own.
constexpr EventLoop::Id kTimer = 1, kWake = 2;
constexpr std::size_t kEventsPerTurn = 64;

void watch(int epoll, int operation, int descriptor, std::uint32_t events, EventLoop::Id id) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    if (::epoll_ctl(epoll, operation, descriptor, &event) != 0)
        throw os_error(ErrorKind::system, "epoll", "a descriptor cannot be watched", errno);
}

int opened(int descriptor) {
    if (descriptor < 0) throw os_error(ErrorKind::system, "epoll", "cannot create a descriptor", errno);
    return descriptor;
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(opened(::epoll_create1(EPOLL_CLOEXEC))),
      timer_(opened(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))),
      wake_(opened(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))) {
    // Edge-triggered, both report each expiry and each write without being read.
    watch(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), EPOLLIN | EPOLLET, kTimer);
    watch(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), EPOLLIN | EPOLLET, kWake);
}

EventLoop::Id EventLoop::add(int descriptor, std::uint32_t events, Watcher& watcher) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    const Id id = Id{slots_[index].generation} << 32 | index;
    watch(epoll_.get(), EPOLL_CTL_ADD, descriptor, events | EPOLLET, id);
    free_.pop_back();
    slots_[index].watcher = &watcher;
    return id;
}

void EventLoop::remove(Id id, int descriptor) {
    const auto index = static_cast<std::uint32_t>(id);
    Slot& slot = slots_[index];
    slot.watcher = nullptr;
    if (++slot.generation == 0) slot.generation = 1;
    free_.push_back(index);
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

void EventLoop::rearm(Id id, int descriptor, std::uint32_t events) { watch(epoll_.get(), EPOLL_CTL_MOD, descriptor, events | EPOLLET, id); }

void EventLoop::set_timer(Nanoseconds when) {
    // A time of 0 would disarm the timer; earlier times do not exist.
    const std::int64_t ns = std::max<std::int64_t>(when.count(), 1);
    itimerspec at{};
    at.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
    at.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
}

void EventLoop::wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

EventLoop::Turn EventLoop::turn(Wait wait) {
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait == Wait::yes ? -1 : 0);
    Turn turn;
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const Id id = event.data.u64;
        if (id == kTimer) {
            turn.timer = true;
        } else if (id == kWake) {
            turn.woken = true;
        } else {
            const Slot& slot = slots_[static_cast<std::uint32_t>(id)];
            // A watcher called before may have removed this one.
            if (slot.watcher != nullptr && slot.generation == id >> 32) slot.watcher->on_events(event.events);
        }
    }
    return turn;
}

}  // namespace leakline::http
