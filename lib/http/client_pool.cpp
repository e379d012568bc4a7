#include "http/client_pool.hpp"

#include <algorithm>
#include <deque>
#include <limits>

#include "base/quantities.hpp"
#include "http/internal/client_connection.hpp"

namespace leakline::http {

namespace {

constexpr Nanoseconds kSweep = std::chrono::milliseconds(100);
constexpr std::size_t kReceived = 64 * 1024;
constexpr Nanoseconds kNever{std::numeric_limits<std::int64_t>::max()};

}  // namespace

Nanoseconds steady_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

struct ClientPool::Implementation : ConnectionOwner {
    Implementation(const Url& url, const PoolOptions& options, Listener& done_listener)
        : listener(done_listener), settings{url, options, resolve(url, options.connect), std::nullopt, std::vector<char>(kReceived)} {
        if (url.scheme == Url::Scheme::https) settings.tls.emplace(make_tls_context(options.connect));
        for (int i = 0; i < options.connections; ++i) connections.push_back(std::make_unique<Connection>(settings, *this, loop, i));
        for (int i = options.connections; i-- > 0;) list_idle(*connections[static_cast<std::size_t>(i)]);
    }

    // ConnectionOwner

    void started(Connection& connection) override {
        connection.previous = newest;
        connection.next = nullptr;
        (newest != nullptr ? newest->next : oldest) = &connection;
        newest = &connection;
        ++busy_count;
        if (sweep_at == kNever) sweep_later(connection.started());
    }

    void done(Connection& connection, const Done& result) override {
        (connection.previous != nullptr ? connection.previous->next : oldest) = connection.next;
        (connection.next != nullptr ? connection.next->previous : newest) = connection.previous;
        --busy_count;
        listener.on_done(result);
    }

    void idle(Connection& connection) override {
        list_idle(connection);
        listener.on_idle(connection.index());
    }

    void pause(Connection& connection) override {
        pauses.push_back({steady_now() + Connection::kPause, &connection});
        set_timer();
    }

    void connect_failed(std::string reason, std::string hint) override {
        failure = std::move(reason);
        failure_hint = std::move(hint);
    }

    void list_idle(Connection& connection) {
        if (connection.listed_idle) return;
        connection.listed_idle = true;
        idle_stack.push_back(&connection);
    }

    // All requests have the same timeout: the list of requests in progress is sorted by deadline, and checking its head
    // ten times per second is cheaper than a timer for each.
    void sweep_later(Nanoseconds now) {
        sweep_at = now + std::min(kSweep, settings.options.timeout);
        set_timer();
    }

    void set_timer() {
        const Nanoseconds next = std::min({wake_at, sweep_at, pauses.empty() ? kNever : pauses.front().until});
        if (next == timer_at || next == kNever) return;
        timer_at = next;
        loop.set_timer(next);
    }

    void on_timer() {
        timer_at = kNever;
        const Nanoseconds now = steady_now();
        if (sweep_at <= now) {
            while (oldest != nullptr && oldest->deadline() <= now) oldest->fail(Failure::timeout);
            sweep_at = kNever;
            if (oldest != nullptr) sweep_later(now);
        }
        while (!pauses.empty() && pauses.front().until <= now) {
            Connection& connection = *pauses.front().connection;
            pauses.pop_front();
            connection.pause_over();
        }
        if (wake_at <= now) {
            wake_at = kNever;
            listener.on_wake();
        }
        set_timer();
    }

    void turn(EventLoop::Wait wait) {
        const EventLoop::Turn turn = loop.turn(wait);
        if (turn.timer) on_timer();
        if (turn.woken) listener.on_wake();
    }

    struct Pause {
        Nanoseconds until{};
        Connection* connection = nullptr;
    };

    Listener& listener;
    ConnectionSettings settings;
    EventLoop loop;
    Nanoseconds wake_at = kNever, sweep_at = kNever;
    Nanoseconds timer_at = kNever;  // the loop's timer
    std::deque<Pause> pauses;       // all of the same length: in order
    std::vector<std::unique_ptr<Connection>> connections;
    Connection *oldest = nullptr, *newest = nullptr;  // requests in progress, by start
    int busy_count = 0;
    // The last used is on top, so that few connections are used. Entries that are busy again are dropped when found.
    std::vector<Connection*> idle_stack;
    std::string failure, failure_hint;
};

ClientPool::ClientPool(const Url& target, const PoolOptions& options, Listener& listener)
    : implementation_(std::make_unique<Implementation>(target, options, listener)) {}
ClientPool::~ClientPool() = default;

int ClientPool::size() const { return static_cast<int>(implementation_->connections.size()); }
int ClientPool::busy() const { return implementation_->busy_count; }

bool ClientPool::is_idle(int connection) const { return implementation_->connections[static_cast<std::size_t>(connection)]->is_idle(); }

bool ClientPool::is_open(int connection) const { return implementation_->connections[static_cast<std::size_t>(connection)]->is_open(); }

int ClientPool::find_idle() const {
    std::vector<Connection*>& stack = implementation_->idle_stack;
    while (!stack.empty() && !stack.back()->is_idle()) {
        stack.back()->listed_idle = false;
        stack.pop_back();
    }
    return stack.empty() ? -1 : stack.back()->index();
}

void ClientPool::send(int connection, const Send& request) {
    implementation_->connections[static_cast<std::size_t>(connection)]->send(request);
}

void ClientPool::run_one() { implementation_->turn(EventLoop::Wait::yes); }
void ClientPool::poll() { implementation_->turn(EventLoop::Wait::no); }

void ClientPool::wake_at(Nanoseconds when) {
    if (implementation_->wake_at <= when) return;  // it comes earlier, and is asked again then
    implementation_->wake_at = when;
    implementation_->set_timer();
}

void ClientPool::wake() { implementation_->loop.wake(); }

void ClientPool::abort() {
    while (implementation_->oldest != nullptr) implementation_->oldest->fail(Failure::aborted);
}

void ClientPool::close_idle() {
    for (const std::unique_ptr<Connection>& connection : implementation_->connections)
        if (connection->is_idle()) connection->close();
}

const std::string& ClientPool::connect_failure() const { return implementation_->failure; }
const std::string& ClientPool::connect_hint() const { return implementation_->failure_hint; }

}  // namespace leakline::http
