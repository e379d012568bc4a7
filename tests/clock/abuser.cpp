// Uses everything of the C library that reads clocks or waits, and checks that time is as a service expects it: what waited N
// seconds has waited so long by every clock, and nothing is early. Under a scaled clock it takes no longer than the waits of less
// than a second, which are not scaled. Prints the name of each check that failed; exit code 0: none.
//   abuser NAME...   these checks; without names, all
#include <errno.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "abuser.hpp"

namespace {

void clocks() {
    const std::int64_t wall = now(CLOCK_REALTIME);
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI}) {
        REQUIRE(now(clock) - wall < 200'000 * kSecond);
        REQUIRE(now(clock) - wall > -50'000 * kSecond);
    }
    for (int i = 0; i < 20'000; ++i) {
        const std::int64_t a = now(), b = now();
        if (b < a) REQUIRE(false && "monotonic time ran backwards");
    }
    timeval day{};
    REQUIRE(::gettimeofday(&day, nullptr) == 0);
    REQUIRE(day.tv_sec * kSecond >= wall - kSecond);
    const time_t seconds = ::time(nullptr);
    REQUIRE(seconds >= day.tv_sec);
    time_t again = 0;
    REQUIRE(::time(&again) == again);
    timespec utc{};
    REQUIRE(::timespec_get(&utc, TIME_UTC) == TIME_UTC);
    REQUIRE(utc.tv_sec >= again - 1);
    const std::int64_t steady = std::chrono::steady_clock::now().time_since_epoch().count(), mono = now();
    REQUIRE(mono >= steady);
    REQUIRE(mono - steady < 100'000 * kSecond);
    timespec raw{};
    REQUIRE(::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &raw) == 0);
    REQUIRE(raw.tv_sec * kSecond + raw.tv_nsec >= mono);
    timespec resolution{};
    REQUIRE(::clock_getres(CLOCK_MONOTONIC, &resolution) == 0);
    REQUIRE(resolution.tv_sec + resolution.tv_nsec > 0);
    // What counts processors' time stays as it is.
    REQUIRE(now(CLOCK_PROCESS_CPUTIME_ID) < 3600 * kSecond);
    REQUIRE(now(CLOCK_THREAD_CPUTIME_ID) < 3600 * kSecond);
    timespec none{};
    REQUIRE(::clock_gettime(99, &none) == -1);
    REQUIRE(errno == EINVAL);
    // The machine's clock is not set by the service's, whoever runs it. Invalid times, for where that is not so.
    const timespec invalid{0, -1};
    const timeval invalid_day{0, -1};
    REQUIRE(::clock_settime(CLOCK_REALTIME, &invalid) == -1 && errno == EPERM);
    REQUIRE(::settimeofday(&invalid_day, nullptr) == -1 && errno == EPERM);
    REQUIRE(::syscall(SYS_clock_settime, CLOCK_REALTIME, &invalid) == -1 && errno == EPERM);
    timex values{};
    REQUIRE(::adjtimex(&values) >= 0);  // reads
    values.modes = ~0u;
    REQUIRE(::adjtimex(&values) == -1 && errno == EPERM);
}

const std::map<std::string, void (*)()> kChecks = {{"cancellation", cancellation},
                                                   {"clocks", clocks},
                                                   {"conditions", conditions},
                                                   {"descriptors", descriptors},
                                                   {"endless", endless},
                                                   {"futexes", futexes},
                                                   {"interruptions", interruptions},
                                                   {"locks", locks},
                                                   {"processes", processes},
                                                   {"queues", queues},
                                                   {"sleeps", sleeps},
                                                   {"threads", threads},
                                                   {"timers", timers}};

}  // namespace

int main(int argc, char** argv) {
    constexpr const char* kShow = "show-time=";
    if (argc > 1 && std::strncmp(argv[1], kShow, std::strlen(kShow)) == 0) {
        const std::int64_t parent = std::atoll(argv[1] + std::strlen(kShow)), own = now(CLOCK_REALTIME) / kSecond;
        return own >= parent && own < parent + 500'000 ? 0 : 1;
    }
    std::vector<std::string> names(argv + 1, argv + argc);
    if (names.empty())
        for (const auto& [name, check] : kChecks) names.push_back(name);
    bool failed = false;
    for (const std::string& name : names) {
        failures.clear();
        kChecks.at(name)();
        for (const std::string& failure : failures) std::printf("%s: %s\n", name.c_str(), failure.c_str());
        failed = failed || !failures.empty();
    }
    return failed ? 1 : 0;
}
