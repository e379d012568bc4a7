#include "system/stop.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>

#include "base/error.hpp"
#include "system/clock.hpp"

namespace leakline {

namespace {

bool wait_for_event(int descriptor, short event, const StopDescriptor& stop) {
    for (;;) {
        pollfd waits[2] = {{descriptor, event, 0}, {stop.get(), POLLIN, 0}};
        const int ready = ::poll(waits, 2, -1);
        if (ready < 0 && errno != EINTR) return true;  // the read or write says what is wrong
        if (ready > 0) return waits[0].revents != 0;
    }
}

}  // namespace

void StopDescriptor::Wake::operator()() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(descriptor, &one, sizeof one);
}

StopDescriptor::StopDescriptor(const std::stop_token& stop) : stop_(stop) {
    if (!stop.stop_possible()) return;
    event_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (event_.get() < 0) throw os_error(ErrorKind::system, "eventfd", "cannot wait for the end", errno);
    wake_.emplace(stop, Wake{event_.get()});
}

bool wait_readable(int descriptor, const StopDescriptor& stop) { return wait_for_event(descriptor, POLLIN, stop); }
bool wait_writable(int descriptor, const StopDescriptor& stop) { return wait_for_event(descriptor, POLLOUT, stop); }

bool sleep_for(const std::stop_token& stop, Nanoseconds duration) { return sleep_until(stop, system_clock().monotonic() + duration); }

bool sleep_until(const std::stop_token& stop, Nanoseconds until) {
    if (stop.stop_requested()) return false;
    const StopDescriptor wake(stop);
    for (;;) {
        const Nanoseconds left = until - system_clock().monotonic();
        if (left <= Nanoseconds(0)) return !stop.stop_requested();
        timespec time{};
        time.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000);
        time.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
        pollfd wait{wake.get(), POLLIN, 0};
        ::ppoll(&wait, 1, &time, nullptr);
        if (stop.stop_requested()) return false;
    }
}

}  // namespace leakline
