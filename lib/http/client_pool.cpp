#include "http/client_pool.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <span>
#include <utility>

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
    struct Pause {
        Nanoseconds until{};
        int lane = 0;                   // its slots are idle again then
        Connection* retries = nullptr;  // or the connection that tries again then
    };
    // The slots of a connection, and the connection that takes their requests.
    struct Lane {
        std::unique_ptr<Connection> connection;
        bool paused = false;
    };

    Implementation(const Url& url, const PoolOptions& options, Listener& done_listener)
        : listener(done_listener),
          settings{url, options, resolve(url, options.connect), std::nullopt, std::vector<char>(kReceived)},
          slots(static_cast<std::size_t>(options.connections * options.streams)),
          lanes(static_cast<std::size_t>(options.connections)) {
        if (url.scheme == Url::Scheme::https) {
            settings.tls.emplace(make_tls_context(options.connect));
            offer_protocols(*settings.tls, options.connect.version);
        }
        for (std::size_t i = 0; i < slots.size(); ++i) {
            slots[i].slot = static_cast<int>(i);
            slots[i].lane = static_cast<int>(i) / options.streams;
        }
        for (Lane& lane : lanes) lane.connection = make_connection(lane);
        for (std::size_t i = slots.size(); i-- > 0;) list_idle(slots[i]);
    }

    std::span<Exchange> slots_of(const Lane& lane) {
        const auto streams = static_cast<std::size_t>(settings.options.streams);
        return std::span(slots).subspan(static_cast<std::size_t>(&lane - lanes.data()) * streams, streams);
    }

    std::unique_ptr<Connection> make_connection(const Lane& lane) {
        return std::make_unique<Connection>(settings, *this, loop, slots_of(lane));
    }

    Exchange& slot(int number) { return slots[static_cast<std::size_t>(number)]; }
    Lane& lane(int number) { return lanes[static_cast<std::size_t>(number)]; }
    bool is_idle(const Exchange& exchange) { return !exchange.busy && !lane(exchange.lane).paused; }

    void send(Exchange& exchange, const Send& request) {
        exchange.begin(request);
        started(exchange);
        if (request.reconnect) renew(lane(exchange.lane));
        send_on_lane(exchange, request.bytes);
    }

    void send_on_lane(Exchange& exchange, std::string_view bytes) {
        Lane& used = lane(exchange.lane);
        if (used.connection->is_ending()) renew(used);
        used.connection->send(exchange, bytes);
    }

    // The lane's next request is sent on a new connection.
    void renew(Lane& lane) {
        if (!lane.connection->is_busy()) return lane.connection->close();
        lane.connection->end();
        ending.push_back(std::move(lane.connection));
        lane.connection = make_connection(lane);
    }

    void started(Exchange& exchange) {
        exchange.previous = newest;
        exchange.next = nullptr;
        (newest != nullptr ? newest->next : oldest) = &exchange;
        newest = &exchange;
        ++busy_count;
        if (sweep_at == kNever) sweep_later(exchange.started());
    }

    // ConnectionOwner

    void done(Exchange& exchange) override {
        (exchange.previous != nullptr ? exchange.previous->next : oldest) = exchange.next;
        (exchange.next != nullptr ? exchange.next->previous : newest) = exchange.previous;
        --busy_count;
        exchange.busy = false;
        listener.on_done(exchange.done);
    }

    void idle(Exchange& exchange) override {
        if (!is_idle(exchange)) return;
        list_idle(exchange);
        listener.on_idle(exchange.slot);
    }

    void send_again(Exchange& exchange) override { send_on_lane(exchange, exchange.copy); }

    void flush_later(Connection& connection) override {
        if (std::exchange(connection.flush_is_due, true)) return;
        unflushed.push_back(&connection);
    }

    void pause(int number) override {
        lane(number).paused = true;
        pauses.push_back({steady_now() + Connection::kPause, number, nullptr});
        set_timer();
    }

    void retry_later(Connection& connection) override {
        pauses.push_back({steady_now() + Connection::kPause, 0, &connection});
        set_timer();
    }

    void forget(Connection& connection) override {
        std::erase(unflushed, &connection);
        std::erase_if(pauses, [&](const Pause& pause) { return pause.retries == &connection; });
    }

    void connect_failed(std::string reason, std::string hint) override {
        failure = std::move(reason);
        failure_hint = std::move(hint);
    }

    void list_idle(Exchange& exchange) {
        if (exchange.listed_idle) return;
        exchange.listed_idle = true;
        idle_stack.push_back(&exchange);
    }

    void end_pause(const Pause& pause) {
        if (pause.retries != nullptr) return pause.retries->retry();
        Lane& paused = lane(pause.lane);
        paused.paused = false;
        for (Exchange& exchange : slots_of(paused)) idle(exchange);
    }

    void flush() {
        while (!unflushed.empty()) {
            Connection& connection = *unflushed.back();
            unflushed.pop_back();
            connection.flush_is_due = false;
            connection.flush();
        }
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
            while (oldest != nullptr && oldest->started() + settings.options.timeout <= now) fail_oldest(Failure::timeout);
            sweep_at = kNever;
            if (oldest != nullptr) sweep_later(now);
        }
        while (!pauses.empty() && pauses.front().until <= now) {
            const Pause pause = pauses.front();
            pauses.pop_front();
            end_pause(pause);
        }
        if (wake_at <= now) {
            wake_at = kNever;
            listener.on_wake();
        }
        set_timer();
    }

    void fail_oldest(Failure reason) { oldest->carrier->fail(*oldest, reason); }

    void turn(EventLoop::Wait wait) {
        flush();
        std::erase_if(ending, [](const auto& connection) { return !connection->is_busy(); });
        const EventLoop::Turn turn = loop.turn(wait);
        if (turn.timer) on_timer();
        if (turn.woken) listener.on_wake();
    }

    Listener& listener;
    ConnectionSettings settings;
    EventLoop loop;
    Nanoseconds wake_at = kNever, sweep_at = kNever;
    Nanoseconds timer_at = kNever;  // the loop's timer
    std::deque<Pause> pauses;       // all of the same length: in order
    std::vector<Connection*> unflushed;
    std::vector<Exchange> slots;
    std::vector<Lane> lanes;
    std::vector<std::unique_ptr<Connection>> ending;  // replaced in their lanes, with requests in progress
    Exchange *oldest = nullptr, *newest = nullptr;    // requests in progress, by start
    int busy_count = 0;
    // The last used is on top, so that few connections are used. Entries that are busy again are dropped when found.
    std::vector<Exchange*> idle_stack;
    std::string failure, failure_hint;
};

ClientPool::ClientPool(const Url& target, const PoolOptions& options, Listener& listener)
    : implementation_(std::make_unique<Implementation>(target, options, listener)) {}
ClientPool::~ClientPool() = default;

int ClientPool::slots() const { return static_cast<int>(implementation_->slots.size()); }
int ClientPool::connection_of(int slot) const { return implementation_->slot(slot).lane; }
int ClientPool::busy() const { return implementation_->busy_count; }

bool ClientPool::is_idle(int slot) const { return implementation_->is_idle(implementation_->slot(slot)); }

int ClientPool::find_idle() const {
    std::vector<Exchange*>& stack = implementation_->idle_stack;
    while (!stack.empty() && !implementation_->is_idle(*stack.back())) {
        stack.back()->listed_idle = false;
        stack.pop_back();
    }
    return stack.empty() ? -1 : stack.back()->slot;
}

int ClientPool::find_idle(int connection) const {
    for (const Exchange& exchange : implementation_->slots_of(implementation_->lane(connection)))
        if (implementation_->is_idle(exchange)) return exchange.slot;
    return -1;
}

void ClientPool::send(int slot, const Send& request) { implementation_->send(implementation_->slot(slot), request); }

void ClientPool::run_one() { implementation_->turn(EventLoop::Wait::yes); }
void ClientPool::poll() { implementation_->turn(EventLoop::Wait::no); }

void ClientPool::wake_at(Nanoseconds when) {
    if (implementation_->wake_at <= when) return;  // it comes earlier, and is asked again then
    implementation_->wake_at = when;
    implementation_->set_timer();
}

void ClientPool::wake() { implementation_->loop.wake(); }

void ClientPool::abort() {
    while (implementation_->oldest != nullptr) implementation_->fail_oldest(Failure::aborted);
}

void ClientPool::close_idle() {
    for (Implementation::Lane& lane : implementation_->lanes)
        if (!lane.connection->is_busy()) lane.connection->close();
}

const std::string& ClientPool::connect_failure() const { return implementation_->failure; }
const std::string& ClientPool::connect_hint() const { return implementation_->failure_hint; }

}  // namespace leakline::http
