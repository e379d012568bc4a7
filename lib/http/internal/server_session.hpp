// One connection of the server, and the event loop that it lives on. Internal to server*.cpp.
#pragma once

#include <utility>  // before asio, see request_parser.hpp

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>

#include "http/internal/request_parser.hpp"
#include "http/server.hpp"

namespace leakline::http {

namespace net = boost::asio;
using Executor = net::io_context::executor_type;
using ServerSocket = net::basic_stream_socket<net::ip::tcp, Executor>;
using Acceptor = net::basic_socket_acceptor<net::ip::tcp, Executor>;
using Timer = net::basic_waitable_timer<std::chrono::steady_clock, net::wait_traits<std::chrono::steady_clock>, Executor>;
using TimePoint = std::chrono::steady_clock::time_point;

// Shared by all loops. The atomics are counters or one-way flags; nothing else is ordered by them.
struct Shared {
    ServerOptions options;
    Handler handler;
    std::function<void(const std::string&)> on_error = [](const std::string&) {};
    std::atomic<bool> stopping{false};
    std::atomic<std::uint64_t> accepted{0}, shed{0}, requests{0}, malformed{0}, timeouts{0};
    std::atomic<std::size_t> open{0};      // served connections
    std::atomic<std::size_t> refusing{0};  // connections over the limit that are being sent a 503
    std::mutex drained_mutex;
    std::condition_variable drained;  // notified when open + refusing falls to 0
};

class Session;

std::shared_ptr<Responder::Reply> make_reply(std::shared_ptr<Session> session);

// One thread's event loop. sessions is touched by that thread only.
struct Loop {
    explicit Loop(Shared& all) : shared(all), sweep(context) {}

    Shared& shared;
    net::io_context context{1};
    Timer sweep;
    std::list<Session*> sessions;
    std::thread thread;
    std::atomic<std::thread::id> thread_id{};

    bool sweep_waits = false;
    void run_sweep();    // closes what is past its deadline, repeatedly
    void begin_drain();  // idle connections get a short while, the others until they are answered
    void close_all();
};

class Session : public std::enable_shared_from_this<Session> {
  public:
    enum class Admission { serve, refuse };

    Session(Loop& loop, ServerSocket socket, Admission admission);
    ~Session();

    // All on the loop's thread, except answer().
    void start();
    void answer(Response response);        // any thread
    void abandon() { abandoned_ = true; }  // any thread: there is not enough memory for an answer
    void expire(TimePoint now);
    void shorten_deadline();
    void close();

  private:
    enum class Phase { idle, reading, handling, writing, lingering, closed };
    enum class After { keep, close };

    // Without memory a session ends; the others go on.
    template <typename Do>
    void guarded(Do act) {
        try {
            act();
        } catch (const std::bad_alloc&) {
            close();
        } catch (const std::length_error&) {
            close();
        }
    }

    void begin();
    void left();  // no longer counted
    void begin_message();
    void advance();  // parses what is buffered; returns when bytes or an answer are awaited
    bool parse();    // false: more bytes are needed, or the connection is at its end
    void read();
    void on_read(boost::system::error_code error, std::size_t size);
    void handle();
    void refuse(int status, std::string_view reason);
    void compose(const Response& response, After after);
    bool write();  // true when all is written
    void finish_response();
    void linger();  // half-closes, then waits for the client to see the end
    void send_continue();

    Loop& loop_;
    ServerSocket socket_;
    std::list<Session*>::iterator place_;  // in loop_.sessions, from start() to close()
    const Admission admission_;
    Phase phase_ = Phase::idle;
    After after_ = After::keep;
    TimePoint deadline_{};
    std::vector<char> in_;
    std::size_t begin_ = 0, end_ = 0;  // unread bytes of in_
    MessageStorage message_;
    std::optional<RequestParser> parser_;
    std::string out_;
    std::size_t written_ = 0;
    bool in_handler_ = false, continued_ = false, read_pending_ = false;
    std::atomic<bool> abandoned_{false};
    std::optional<Response> immediate_;  // answered while the handler was still running
};

}  // namespace leakline::http
