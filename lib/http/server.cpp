#include "http/server.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "http/internal/server_session.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

namespace leakline::http {

// The answer to one request; if the last copy of its Responder is destroyed without one, it is a 500.
struct Responder::Reply {
    explicit Reply(std::shared_ptr<Session> of) : session(std::move(of)) {}
    ~Reply() {
        if (sent) return;
        try {
            send(error_response(500, "internal error: no answer"));
        } catch (const std::exception&) {
            session->abandon();
        }
    }
    void send(Response response) {
        if (sent.exchange(true)) return;
        if (observe) observe(response.status);
        session->answer(std::move(response));
    }
    std::shared_ptr<Session> session;
    std::atomic<bool> sent{false};
    std::function<void(int)> observe;
};

void Responder::send(Response response) const {
    try {
        reply_->send(std::move(response));
    } catch (const std::bad_alloc&) {
        reply_->session->abandon();
    }
}

void Responder::on_answer(std::function<void(int)> observe) const { reply_->observe = std::move(observe); }

std::shared_ptr<Responder::Reply> make_reply(std::shared_ptr<Session> session) {
    return std::make_shared<Responder::Reply>(std::move(session));
}

struct Server::State {
    Shared shared;
    std::vector<std::unique_ptr<Loop>> loops;
    std::vector<net::executor_work_guard<Executor>> work;
    std::optional<Acceptor> acceptor;  // on loops[0]
    std::optional<Timer> accept_again;
    std::optional<ServerSocket> accepted;  // the socket that the next connection gets
    std::size_t next_loop = 0;
    std::uint16_t port = 0;
    bool started = false, stopped = false;

    bool accepting = false;  // or waiting to; on loops[0]

    void run(Loop& loop);
    void accept();
    void admit(Loop& loop, ServerSocket socket);
};

Server::Server(ServerOptions options, Handler handler) : state_(std::make_unique<State>()) {
    State& state = *state_;
    state.shared.options = std::move(options);
    state.shared.handler = std::move(handler);
    const ServerOptions& settings = state.shared.options;
    for (int i = 0; i < std::max(1, settings.threads); ++i) {
        state.loops.push_back(std::make_unique<Loop>(state.shared));
        state.work.emplace_back(state.loops.back()->context.get_executor());
    }
    const std::string place = settings.address + ":" + std::to_string(settings.port);
    boost::system::error_code error;
    const auto address = net::ip::make_address(settings.address, error);
    if (error)
        throw Error(ErrorKind::input, place, "not an IP address: '" + printable(settings.address) + "'",
                    "127.0.0.1 accepts connections from this machine only, 0.0.0.0 from all");
    const net::ip::tcp::endpoint endpoint(address, settings.port);
    Acceptor& acceptor = state.acceptor.emplace(state.loops.front()->context.get_executor());
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
    if (error)
        throw os_error(ErrorKind::input, place, "cannot listen", error.value(),
                       "another program may use the port: ss -ltnp shows which; port 0 chooses a free one");
    state.port = acceptor.local_endpoint().port();
}

Server::~Server() {
    if (state_->started && !state_->stopped) stop(std::chrono::milliseconds(0));
}

std::uint16_t Server::port() const { return state_->port; }

void Server::on_error(std::function<void(const std::string&)> report) { state_->shared.on_error = std::move(report); }

void Server::start() {
    State& state = *state_;
    state.started = true;
    state.accept_again.emplace(state.loops.front()->context);
    for (auto& loop : state.loops) {
        loop->thread = std::thread([&state, &loop = *loop] {
            loop.thread_id = std::this_thread::get_id();
            state.run(loop);
        });
    }
}

// Repeats a step that failed without memory.
void Server::State::run(Loop& loop) {
    for (;;) {
        try {
            if (!loop.sweep_waits) loop.run_sweep();
            if (&loop == loops.front().get() && !accepting && acceptor->is_open()) accept();
            loop.context.run();
            return;
        } catch (const std::exception&) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
}

void Server::State::accept() {
    Loop& loop = *loops[next_loop];
    accepting = true;
    next_loop = (next_loop + 1) % loops.size();
    accepted.emplace(loop.context.get_executor());
    acceptor->async_accept(*accepted, [this, &loop](boost::system::error_code error) {
        if (error == net::error::operation_aborted || !acceptor->is_open()) return;
        accepting = false;
        if (error) {
            // Most likely out of descriptors: open connections go on; try again later.
            shared.on_error("cannot accept a connection: " + error.message());
            accepting = true;
            accept_again->expires_after(std::chrono::milliseconds(50));
            accept_again->async_wait([this](boost::system::error_code canceled) {
                if (!canceled && acceptor->is_open()) accept();
            });
            return;
        }
        admit(loop, std::move(*accepted));
        accept();
    });
}

void Server::State::admit(Loop& loop, ServerSocket socket) {
    // Only this loop's thread counts up, so the limits hold exactly.
    static constexpr std::size_t kRefusedAtOnce = 128;
    const bool full = shared.open >= shared.options.connection_limit;
    if (full) ++shared.shed;
    if (full && shared.refusing >= kRefusedAtOnce) return;  // too many refusals in progress: close without one
    const auto admission = full ? Session::Admission::refuse : Session::Admission::serve;
    std::atomic<std::size_t>& admitted = full ? shared.refusing : shared.open;
    ++admitted;
    try {
        net::post(loop.context, [session = std::make_shared<Session>(loop, std::move(socket), admission)] { session->start(); });
    } catch (const std::bad_alloc&) {
        --admitted;
        return;
    }
    if (!full) ++shared.accepted;
}

bool Server::stop(std::chrono::milliseconds grace) {
    State& state = *state_;
    if (!state.started || state.stopped) return true;
    state.stopped = true;
    state.shared.stopping = true;
    for (auto& loop : state.loops) net::post(loop->context, [&loop = *loop] { loop.begin_drain(); });

    bool drained;
    {
        std::unique_lock lock(state.shared.drained_mutex);
        drained = state.shared.drained.wait_for(lock, grace, [&] { return state.shared.open + state.shared.refusing == 0; });
    }
    net::post(state.loops.front()->context, [&state] {
        boost::system::error_code ignored;
        state.acceptor->close(ignored);
        state.accept_again->cancel();
    });
    for (auto& loop : state.loops)
        net::post(loop->context, [&loop = *loop] {
            loop.close_all();
            loop.context.stop();
        });
    for (auto& loop : state.loops)
        if (loop->thread.joinable()) loop->thread.join();
    return drained;
}

ServerCounts Server::counts() const {
    const Shared& shared = state_->shared;
    return {shared.accepted, shared.shed, shared.open, shared.requests, shared.malformed, shared.timeouts};
}

}  // namespace leakline::http
