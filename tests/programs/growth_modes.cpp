// A small HTTP service whose memory grows in a known way: growth_modes PORT MODE [N].
//   leak      one block of 256 bytes per request
//   lost      one block of 256 bytes per request, without a pointer to it
//   timer     8 KiB every 20 ms, independent of requests
//   both      the two together
//   lru       a block of 256 bytes per request, of which the newest N are kept
//   ttl       the same, kept for N milliseconds
//   sawtooth  a block of 256 bytes per request, all of them freed whenever there are N
//   late      leaks from request N on
//   dies      leaks, and aborts at block N under heaptrack's tracker, as a service that its recorder brings over its limit
//   churn     blocks of many sizes per request, freed some requests later by any thread
//   swings    one block, reallocated on every 100th request to a random size of up to N bytes
//   queue     a block of 256 bytes per request; a worker frees them more slowly than they come, at N % of that rate
//   none      nothing
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "get_server.hpp"

namespace {

using Clock = std::chrono::steady_clock;

struct Kept {
    char* block;
    Clock::time_point at;
};

std::deque<Kept> kept, by_timer;
std::mutex lock;
std::string mode;
std::size_t bound = 0, requests = 0;
char* swinging = nullptr;
char* volatile newest = nullptr;

char* filled(std::size_t bytes) {
    char* block = static_cast<char*>(std::malloc(bytes));
    std::memset(block, 1, bytes);
    return block;
}

bool is_recorded() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find("heaptrack") != std::string::npos) return true;
    return false;
}

void drop_oldest() {
    std::free(kept.front().block);
    kept.pop_front();
}

void on_tick() {
    const std::lock_guard guard(lock);
    by_timer.push_back({filled(8192), Clock::now()});
}

void on_request() {
    const std::lock_guard guard(lock);
    ++requests;
    if (mode == "churn") {
        for (int i = 0; i < 20; ++i) kept.push_back({filled(16 + (requests * 2654435761u + static_cast<std::size_t>(i) * 40503u) % 6000), Clock::now()});
        while (kept.size() > 400) drop_oldest();
        return;
    }
    if (mode == "swings") {
        if (requests % 100 != 0) return;
        std::free(swinging);
        swinging = filled(1 + (requests * 2654435761u >> 7) % bound);
        return;
    }
    if (mode == "lost") {
        newest = filled(256);
        return;
    }
    if (mode == "none" || mode == "timer" || (mode == "late" && requests <= bound)) return;
    kept.push_back({filled(256), Clock::now()});
    if (mode == "lru" && kept.size() > bound) drop_oldest();
    while (mode == "ttl" && Clock::now() - kept.front().at > std::chrono::milliseconds(bound)) drop_oldest();
    while (mode == "sawtooth" && kept.size() >= bound) {
        while (!kept.empty()) drop_oldest();
        return;
    }
    if (mode == "dies" && kept.size() == bound && is_recorded()) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    mode = argv[2];
    if (argc > 3) bound = std::strtoul(argv[3], nullptr, 10);
    const int listener = listen_on(argv[1]);
    if (mode == "timer" || mode == "both")
        std::thread([] {
            for (;;) {
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
                on_tick();
            }
        }).detach();
    if (mode == "queue")
        std::thread([] {
            std::size_t before = 0;
            for (double per_tick = 0;;) {
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
                const std::lock_guard guard(lock);
                const std::size_t came = requests - std::exchange(before, requests);
                if (came > 0) per_tick = std::max(0.99 * per_tick, 0.01 * static_cast<double>(bound * came));
                for (double i = 1; i <= per_tick && !kept.empty(); ++i) drop_oldest();
            }
        }).detach();
    for (;;) {
        const int connection = ::accept(listener, nullptr, nullptr);
        if (connection >= 0) std::thread(answer_gets, connection, on_request).detach();
    }
}
