#include "http/client_pool.hpp"

#include "http/client_connection.hpp"

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <algorithm>

namespace leakline::http {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr Nanoseconds kSweep = std::chrono::milliseconds(100);

}  // namespace

Nanoseconds steady_now() { return std::chrono::steady_clock::now().time_since_epoch(); }

struct ClientPool::Implementation : ConnectionOwner {
    Implementation(const Url& url, const PoolOptions& options, Listener& done_listener)
        : listener(done_listener), settings{url, options, resolve(url), std::nullopt} {
        if (url.scheme == Url::Scheme::https)
            settings.tls.emplace(make_tls_context(options.verify_certificate, options.ca_file));
        for (int i = 0; i < options.connections; ++i)
            connections.push_back(std::make_unique<Connection>(settings, *this, io, i));
        for (int i = options.connections; i-- > 0;) list_idle(*connections[static_cast<std::size_t>(i)]);
    }
    ~Implementation() override {
        if (watched.is_open()) watched.release();  // the descriptor is its owner's to close
    }

    // ConnectionOwner

    void started(Connection& connection) override {
        connection.previous = newest;
        connection.next = nullptr;
        (newest != nullptr ? newest->next : oldest) = &connection;
        newest = &connection;
        ++busy_count;
        if (!sweeping) sweep_later();
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

    void connect_failed(std::string reason, std::string hint) override {
        failure = std::move(reason);
        failure_hint = std::move(hint);
    }

    void list_idle(Connection& connection) {
        if (connection.listed_idle) return;
        connection.listed_idle = true;
        idle_stack.push_back(&connection);
    }

    // All requests have the same time: the list of those under way is in the order of their deadlines, and looking at
    // its head ten times a second is cheaper than a timer for each.
    void sweep_later() {
        sweeping = true;
        sweep_timer.expires_after(std::min(kSweep, settings.options.timeout));
        sweep_timer.async_wait([this](const error_code& error) {
            sweeping = false;
            if (error) return;
            const Nanoseconds now = steady_now();
            while (oldest != nullptr && oldest->deadline() <= now) oldest->fail(Failure::timeout);
            if (oldest != nullptr && !sweeping) sweep_later();
        });
    }

    Listener& listener;
    ConnectionSettings settings;
    asio::io_context io{1};
    SteadyTimer wake_timer{io}, sweep_timer{io};
    asio::posix::basic_stream_descriptor<asio::io_context::executor_type> watched{io};
    Nanoseconds armed_for{};  // 0: wake_timer is not running
    bool sweeping = false;
    std::vector<std::unique_ptr<Connection>> connections;
    Connection *oldest = nullptr, *newest = nullptr;  // requests under way, by their start
    int busy_count = 0;
    // The last used on top, so that few connections stay warm. Entries that are busy again are dropped when met.
    std::vector<Connection*> idle_stack;
    std::string failure, failure_hint;
};

ClientPool::ClientPool(const Url& target, const PoolOptions& options, Listener& listener)
    : implementation_(std::make_unique<Implementation>(target, options, listener)) {}
ClientPool::~ClientPool() = default;

int ClientPool::size() const { return static_cast<int>(implementation_->connections.size()); }
int ClientPool::busy() const { return implementation_->busy_count; }

bool ClientPool::is_idle(int connection) const {
    return implementation_->connections[static_cast<std::size_t>(connection)]->is_idle();
}

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

void ClientPool::run_one() {
    implementation_->io.restart();
    implementation_->io.run_one();
}

void ClientPool::poll() {
    implementation_->io.restart();
    implementation_->io.poll();
}

void ClientPool::wake_at(Nanoseconds when) {
    Implementation& self = *implementation_;
    if (self.armed_for.count() != 0 && self.armed_for <= when) return;  // it comes earlier, and is asked again then
    self.armed_for = when;
    self.wake_timer.expires_at(std::chrono::steady_clock::time_point(when));
    self.wake_timer.async_wait([&self](const error_code& error) {
        if (error) return;
        self.armed_for = {};
        self.listener.on_wake();
    });
}

void ClientPool::wake() {
    asio::post(implementation_->io, [self = implementation_.get()] { self->listener.on_wake(); });
}

void ClientPool::watch(int descriptor) {
    implementation_->watched.assign(descriptor);
    implementation_->watched.async_wait(asio::posix::descriptor_base::wait_read,
                                        [self = implementation_.get()](const error_code& error) {
                                            if (!error) self->listener.on_wake();
                                        });
}

void ClientPool::abort() {
    while (implementation_->oldest != nullptr) implementation_->oldest->fail(Failure::aborted);
}

const std::string& ClientPool::connect_failure() const { return implementation_->failure; }
const std::string& ClientPool::connect_hint() const { return implementation_->failure_hint; }

}  // namespace leakline::http
