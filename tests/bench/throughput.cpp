// What processes that run beside a server do to its throughput. For scripts/bench/sample.sh.
//   bench_throughput PORT SECONDS NAME=PID...
//
// Eight connections ask for /healthz, each as soon as it has its answer, from one thread. Time is cut into windows of
// 60 ms: one with all of the named processes stopped (SIGSTOP) and one with each of them running alone, in an order that
// is shuffled anew for each block. Slow changes of a machine (its clock, its neighbors) fall on all alike, and of the
// blocks the faster half counts. Prints, of each process:
//   NAME_change_percent MEAN [LOW, HIGH]        against none, 95 %
//   NAME_beyond_BEFORE_percent MEAN [LOW, HIGH] against the process named before it
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "system/clock.hpp"

namespace {

using namespace leakline;
using namespace std::chrono_literals;

constexpr Nanoseconds kWindow = 60ms, kSettle = 6ms;

class Load {
  public:
    Load(std::uint16_t port, int connections) : poll_(::epoll_create1(EPOLL_CLOEXEC)) {
        for (int i = 0; i < connections; ++i) {
            const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(port);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
            const int on = 1;
            ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.fd = descriptor;
            ::epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &event);
            ask(descriptor);
        }
    }

    // Answers a second during `span`.
    double rate(Nanoseconds span) {
        const Nanoseconds start = system_clock().monotonic();
        std::uint64_t answers = 0;
        Nanoseconds now = start;
        for (; now < start + span; now = system_clock().monotonic()) {
            epoll_event events[8];
            const int ready = ::epoll_wait(poll_, events, 8, 10);
            for (int i = 0; i < ready; ++i) {
                char answer[4096];
                if (::recv(events[i].data.fd, answer, sizeof answer, 0) <= 0) fail("the server closed a connection");
                ++answers;
                ask(events[i].data.fd);
            }
        }
        return static_cast<double>(answers) / to_seconds(now - start);
    }

  private:
    [[noreturn]] static void fail(const char* what) {
        fmt::print(stderr, "bench_throughput: {}\n", what);
        std::exit(2);
    }
    static void ask(int descriptor) {
        constexpr std::string_view kRequest = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        if (::send(descriptor, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) fail("send");
    }

    int poll_;
};

// The mean of paired changes in per cent, and its 95 % interval.
std::string change(const std::vector<double>& with, const std::vector<double>& without) {
    const auto n = static_cast<double>(with.size());
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < with.size(); ++i) mean += (with[i] / without[i] - 1) * 100 / n;
    for (std::size_t i = 0; i < with.size(); ++i) squares += std::pow((with[i] / without[i] - 1) * 100 - mean, 2);
    const double error = 1.96 * std::sqrt(squares / (n - 1) / n);
    return fmt::format("{:+.2f} [{:+.2f}, {:+.2f}]", mean, mean - error, mean + error);
}

struct Neighbor {
    std::string name;
    pid_t pid = 0;  // 0: none of them runs
    std::vector<double> rates{};
};

void measure(Load& load, std::vector<Neighbor>& kinds, Nanoseconds span) {
    std::mt19937 random(1);
    std::vector<std::size_t> order(kinds.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::vector<std::vector<double>> blocks;  // a rate a kind
    const Nanoseconds end = system_clock().monotonic() + span;
    while (system_clock().monotonic() < end) {
        std::shuffle(order.begin(), order.end(), random);
        std::vector<double> block(kinds.size());
        for (const std::size_t kind : order) {
            if (kinds[kind].pid != 0) ::kill(kinds[kind].pid, SIGCONT);
            load.rate(kSettle);
            block[kind] = load.rate(kWindow);
            if (kinds[kind].pid != 0) ::kill(kinds[kind].pid, SIGSTOP);
        }
        blocks.push_back(std::move(block));
    }
    // What something else disturbed is slow. It is left out by the whole block, so that no kind is favored.
    const auto total = [](const std::vector<double>& block) { return std::accumulate(block.begin(), block.end(), 0.); };
    std::sort(blocks.begin(), blocks.end(), [&](const auto& a, const auto& b) { return total(a) > total(b); });
    blocks.resize((blocks.size() + 1) / 2);
    for (const std::vector<double>& block : blocks)
        for (std::size_t kind = 0; kind < kinds.size(); ++kind) kinds[kind].rates.push_back(block[kind]);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        fmt::print(stderr, "usage: bench_throughput PORT SECONDS NAME=PID...\n");
        return 2;
    }
    std::vector<Neighbor> kinds = {{"none"}};
    for (int i = 3; i < argc; ++i) {
        const std::string_view text(argv[i]);
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos) return 2;
        kinds.push_back({std::string(text.substr(0, equals)), std::atoi(argv[i] + equals + 1)});
    }
    Load load(static_cast<std::uint16_t>(std::atoi(argv[1])), 8);
    for (const Neighbor& kind : kinds)
        if (kind.pid != 0) ::kill(kind.pid, SIGSTOP);
    load.rate(500ms);
    measure(load, kinds, std::chrono::seconds(std::atoi(argv[2])));
    for (const Neighbor& kind : kinds)
        if (kind.pid != 0) ::kill(kind.pid, SIGCONT);
    for (std::size_t i = 1; i < kinds.size(); ++i) {
        fmt::print("{}_change_percent {} (of {} pairs)\n", kinds[i].name, change(kinds[i].rates, kinds[0].rates), kinds[i].rates.size());
        if (i > 1) fmt::print("{}_beyond_{}_percent {}\n", kinds[i].name, kinds[i - 1].name, change(kinds[i].rates, kinds[i - 1].rates));
    }
    return 0;
}
