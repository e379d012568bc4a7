// The library that scales the time of a service: this file reads clocks, the other ones wait. It is loaded into programs that
// know nothing of it. What it cannot scale: programs that ask the kernel without the C library (Go, static programs), times of
// files, and timeouts that the kernel counts (sockets).
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <string_view>

#include "clock/internal/service_clocks.hpp"

namespace leakline::clock {

namespace {

using unwind::Next;

constinit Next<int (*)(clockid_t, timespec*)> next_clock_gettime("clock_gettime"), next_clock_getres("clock_getres");
constinit Next<int (*)(timeval*, void*)> next_gettimeofday("gettimeofday");
constinit Next<time_t (*)(time_t*)> next_time("time");
constinit Next<int (*)(timespec*, int)> next_timespec_get("timespec_get"), next_timespec_getres("timespec_getres");

constinit Next<int (*)(clockid_t, const timespec*)> next_clock_settime("clock_settime");
constinit Next<int (*)(const timeval*, const void*)> next_settimeofday("settimeofday");
constinit Next<int (*)(const timeval*, timeval*)> next_adjtime("adjtime");
constinit Next<int (*)(timex*)> next_adjtimex("adjtimex"), next_ntp_adjtime("ntp_adjtime");
constinit Next<int (*)(clockid_t, timex*)> next_clock_adjtime("clock_adjtime");

// Written once, by whichever thread comes first; a second one would write the same.
struct State {
    std::atomic<int> known{0};  // 0: not yet; -1: off; 1: on
    Settings settings;
    std::array<std::int64_t, 16> from_monotonic{};  // of each scaled clock, what it is ahead of CLOCK_MONOTONIC
    std::array<std::uint64_t, 16> at_origin{};      // what it showed at the origin
    std::uintptr_t tracker_begin = 0, tracker_size = 0;
    char library[64] = {};  // the path that this library came from
};
constinit State state;

std::int64_t read_real(clockid_t clock) {
    timespec now{};
    next_clock_gettime.get()(clock, &now);
    return to_ns(now);
}

int find_tracker(dl_phdr_info* object, std::size_t, void*) {
    if (!std::string_view(object->dlpi_name).ends_with("/libheaptrack_preload.so")) return 0;
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const ElfW(Phdr)& part = object->dlpi_phdr[i];
        if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
        state.tracker_begin = object->dlpi_addr + part.p_vaddr;
        state.tracker_size = part.p_memsz;
    }
    return 1;
}

void note_own_path() {
    dl_find_object self;
    if (_dl_find_object(&state, &self) != 0) return;
    const std::string_view path = self.dlfo_link_map->l_name;
    if (path.size() < sizeof state.library) std::copy(path.begin(), path.end(), state.library);
}

void learn() {
    const char* const text = ::getenv(kVariable);
    const auto settings = text != nullptr ? parse_settings(text) : std::nullopt;
    if (!settings) {
        if (environ != nullptr) state.known.store(-1, std::memory_order_release);
        return;
    }
    state.settings = *settings;
    const std::int64_t monotonic = read_real(CLOCK_MONOTONIC);
    for (std::size_t i = 0; i < state.from_monotonic.size(); ++i) {
        const auto clock = static_cast<clockid_t>(i);
        if (is_scaled_clock(clock)) state.from_monotonic[i] = read_real(clock) - monotonic;
    }
    // The wall clock may begin at another time than the machine's.
    const std::int64_t wall = settings->wall_ns - settings->origin_ns, moved = wall - state.from_monotonic[CLOCK_REALTIME];
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_TAI})
        state.from_monotonic[static_cast<std::size_t>(clock)] += moved;
    // A coarse clock is up to one tick late; the comparison must not depend on when in the tick it was made.
    state.from_monotonic[CLOCK_REALTIME_COARSE] = state.from_monotonic[CLOCK_REALTIME];
    state.from_monotonic[CLOCK_MONOTONIC_COARSE] = 0;
    for (std::size_t i = 0; i < state.at_origin.size(); ++i)
        state.at_origin[i] = static_cast<std::uint64_t>(settings->origin_ns + state.from_monotonic[i]);
    ::dl_iterate_phdr(find_tracker, nullptr);
    if (state.tracker_size != 0 && state.library[0] == '\0') {
        note_own_path();
        static char name[] = "leakline-clock";
        unwind::take_name(name);
    }
    state.known.store(1, std::memory_order_release);
}

// Coarse clocks stay cheap.
clockid_t source_of(clockid_t clock) {
    return clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC;
}

// The tracker takes LD_PRELOAD out of the environment, and children of the service would have the machine's clock.
[[gnu::constructor]] void keep_loading_into_children() {
    const int errno_before = errno;
    next_clock_gettime.get(), next_clock_getres.get(), next_gettimeofday.get(), next_time.get();
    next_timespec_get.get(), next_timespec_getres.get(), next_clock_settime.get(), next_settimeofday.get(), next_adjtime.get();
    next_adjtimex.get(), next_ntp_adjtime.get(), next_clock_adjtime.get();
    if (settings() != nullptr && state.library[0] != '\0') {
        void* volatile block = ::malloc(1);  // setenv would otherwise call the tracker's first malloc, which calls unsetenv
        ::free(block);
        if (::getenv("LD_PRELOAD") == nullptr) ::setenv("LD_PRELOAD", state.library, 1);
    }
    errno = errno_before;
}

}  // namespace

const Settings* settings() {
    int known = state.known.load(std::memory_order_acquire);
    if (known == 0) [[unlikely]] {
        learn();
        known = state.known.load(std::memory_order_acquire);
    }
    return known > 0 ? &state.settings : nullptr;
}

bool is_tracker(const void* caller) { return reinterpret_cast<std::uintptr_t>(caller) - state.tracker_begin < state.tracker_size; }

std::int64_t real_now(clockid_t clock) { return read_real(clock); }

std::int64_t service_now(const Settings& settings, clockid_t clock) {
    return added(service_time(settings, read_real(source_of(clock))), state.from_monotonic[static_cast<std::size_t>(clock)]);
}

timespec real_deadline(const Settings& settings, clockid_t clock, const timespec& until) {
    const std::int64_t left = added(to_ns(until), -service_now(settings, clock));
    return to_timespec(added(real_now(clock), left > 0 ? real_wait(settings, left) : -1));
}

}  // namespace leakline::clock

using namespace leakline::clock;

extern "C" {

LEAKLINE_EXPORT int clock_gettime(clockid_t clock, timespec* now) noexcept {
    const Settings* const known = settings();
    if (known == nullptr || !is_scaled_clock(clock) || is_tracker(__builtin_return_address(0))) return next_clock_gettime.get()(clock, now);
    // As to_timespec(service_now()), in a third of its time: programs read clocks several times per request.
    timespec real;
    next_clock_gettime.get()(source_of(clock), &real);
    const auto passed = static_cast<std::uint64_t>(real.tv_sec * kSecond + real.tv_nsec - known->origin_ns);
    __extension__ typedef unsigned __int128 Product;
    const Product scaled = static_cast<Product>(passed) * known->scale >> Settings::kFractionBits;
    if (scaled >> 62 != 0) [[unlikely]] {
        *now = to_timespec(service_now(*known, clock));
        return 0;
    }
    const std::uint64_t ns = static_cast<std::uint64_t>(scaled) + state.at_origin[static_cast<std::size_t>(clock)],
                        seconds = ns / static_cast<std::uint64_t>(kSecond);
    *now = {static_cast<time_t>(seconds), static_cast<long>(ns - seconds * static_cast<std::uint64_t>(kSecond))};
    return 0;
}

// std::chrono::steady_clock::now(), which is how the tracker reads the time: its caller is only known here.
LEAKLINE_EXPORT std::int64_t leakline_steady_now() noexcept __asm__("_ZNSt6chrono3_V212steady_clock3nowEv");
std::int64_t leakline_steady_now() noexcept {
    const Settings* const known = settings();
    if (known == nullptr || is_tracker(__builtin_return_address(0))) return real_now(CLOCK_MONOTONIC);
    return service_now(*known, CLOCK_MONOTONIC);
}

LEAKLINE_EXPORT int clock_getres(clockid_t clock, timespec* resolution) noexcept {
    const int result = next_clock_getres.get()(clock, resolution);
    const Settings* const known = settings();
    if (result == 0 && resolution != nullptr && known != nullptr && is_scaled_clock(clock))
        *resolution = to_timespec(std::max<std::int64_t>(1, service_duration(*known, to_ns(*resolution))));
    return result;
}

LEAKLINE_EXPORT int leakline_gettimeofday(timeval* now, void* zone) noexcept __asm__("gettimeofday");  // there, now is never null
int leakline_gettimeofday(timeval* now, void* zone) noexcept {
    const Settings* const known = settings();
    if (known == nullptr || now == nullptr) return next_gettimeofday.get()(now, zone);
    if (zone != nullptr) next_gettimeofday.get()(now, zone);
    const timespec time = to_timespec(service_now(*known, CLOCK_REALTIME));
    *now = {time.tv_sec, time.tv_nsec / 1000};
    return 0;
}

LEAKLINE_EXPORT time_t time(time_t* result) noexcept {
    const Settings* const known = settings();
    if (known == nullptr) return next_time.get()(result);
    const time_t now = to_timespec(service_now(*known, CLOCK_REALTIME)).tv_sec;
    if (result != nullptr) *result = now;
    return now;
}

LEAKLINE_EXPORT int timespec_get(timespec* now, int base) noexcept {
    const Settings* const known = settings();
    if (known == nullptr || base != TIME_UTC) return next_timespec_get.get()(now, base);
    *now = to_timespec(service_now(*known, CLOCK_REALTIME));
    return base;
}

LEAKLINE_EXPORT int timespec_getres(timespec* resolution, int base) noexcept {
    const auto next = next_timespec_getres.get();
    const int result = next != nullptr ? next(resolution, base) : 0;
    const Settings* const known = settings();
    if (result == TIME_UTC && resolution != nullptr && known != nullptr)
        *resolution = to_timespec(std::max<std::int64_t>(1, service_duration(*known, to_ns(*resolution))));
    return result;
}

// A service with the right to set the machine's clock would set it by its own: to a time that is wrong for everybody else.
static int refused() {
    errno = EPERM;
    return -1;
}
LEAKLINE_EXPORT int clock_settime(clockid_t clock, const timespec* now) noexcept {
    return settings() != nullptr ? refused() : next_clock_settime.get()(clock, now);
}
LEAKLINE_EXPORT int settimeofday(const timeval* now, const struct timezone* zone) noexcept {
    return settings() != nullptr ? refused() : next_settimeofday.get()(now, zone);
}
LEAKLINE_EXPORT int adjtime(const timeval* change, timeval* before) noexcept {
    return settings() != nullptr && change != nullptr ? refused() : next_adjtime.get()(change, before);
}
LEAKLINE_EXPORT int adjtimex(timex* values) noexcept {
    return settings() != nullptr && values->modes != 0 ? refused() : next_adjtimex.get()(values);
}
LEAKLINE_EXPORT int ntp_adjtime(timex* values) noexcept {
    return settings() != nullptr && values->modes != 0 ? refused() : next_ntp_adjtime.get()(values);
}
LEAKLINE_EXPORT int clock_adjtime(clockid_t clock, timex* values) noexcept {
    return settings() != nullptr && values->modes != 0 ? refused() : next_clock_adjtime.get()(clock, values);
}

}  // extern "C"
