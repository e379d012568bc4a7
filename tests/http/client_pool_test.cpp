// The pool against servers that do one thing at a time, in an order that the test decides.
#include "http/client_pool.hpp"
#include "base/error.hpp"
#include "support/loopback_server.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

using namespace leakline;
using namespace leakline::test;
using namespace std::chrono_literals;

namespace {

const std::string kPost = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";

// A pool of one connection that sends, as soon as it can, what is in the queue.
class OneConnection : http::ClientPool::Listener {
  public:
    explicit OneConnection(const std::string& url) : pool_(http::parse_url(url), one(), *this) {}

    http::ClientPool& pool() { return pool_; }
    void queue(const std::string& bytes, bool idempotent = false) { queue_.push_back({bytes, idempotent}); }
    void send_next() {
        if (queue_.empty() || !pool_.is_idle(0)) return;
        const Queued next = queue_.front();
        queue_.pop_front();
        pool_.send(0, {next.bytes, false, next.idempotent, 0});
    }
    // Until count requests are over.
    const std::vector<http::ClientPool::Done>& finish(std::size_t count) {
        send_next();
        while (done_.size() < count) pool_.run_one();
        return done_;
    }

  private:
    struct Queued {
        std::string bytes;
        bool idempotent = false;
    };
    static http::PoolOptions one() {
        http::PoolOptions options;
        options.connections = 1;
        return options;
    }
    void on_done(const http::ClientPool::Done& result) override { done_.push_back(result); }
    void on_idle(int) override { send_next(); }
    void on_wake() override {}

    std::deque<Queued> queue_;
    std::vector<http::ClientPool::Done> done_;
    http::ClientPool pool_;
};

void wait_for(const std::atomic<int>& count, int wanted) {
    while (count < wanted) std::this_thread::sleep_for(1ms);
}

}  // namespace

TEST_CASE("a connection that the server closes with its answer carries no further request") {
    // Nothing in the answer says so. The end is there before the client looks, so no POST must be lost to it. Over a Unix
    // socket because send() writes before it returns there.
    const TemporaryDirectory directory;
    std::atomic<int> closed{0};
    LoopbackServer server(
        [&](Wire& wire) {
            wire.read_request();
            wire.write(kOk);
            wire.shutdown_sending();
            ++closed;
            wire.wait_for_close();
        },
        directory.path() + "/s");
    OneConnection client(server.url());
    for (int i = 0; i < 3; ++i) client.queue(kPost);
    client.send_next();
    for (int i = 1; i <= 3; ++i) {
        wait_for(closed, i);
        const http::ClientPool::Done done = client.finish(static_cast<std::size_t>(i)).back();
        CHECK(done.status == 200);
        CHECK(done.attempts == 1);
    }
    CHECK(server.connections() == 3);
}

TEST_CASE("a connection that is closed while idle is noticed, and the next request takes a new one") {
    LoopbackServer server([](Wire& wire) {
        wire.read_request();
        wire.write(kOk);
        wire.wait_for_close();
    });
    OneConnection client(server.url());
    client.queue(kPost);
    CHECK(client.finish(1).back().status == 200);
    CHECK(server.connections() == 1);
    server.stop();
    client.pool().poll();  // the end of the connection
    client.queue(kPost);
    const http::ClientPool::Done refused = client.finish(2).back();
    CHECK(refused.failure == Failure::connect);  // not eof or write: it was not sent over the old one
    CHECK(refused.first_write.count() == 0);
    CHECK(client.pool().connect_failure() == "connection refused");
}

TEST_CASE("bytes that nobody asked for end an idle connection") {
    std::atomic<int> written{0};
    LoopbackServer server([&](Wire& wire) {
        if (wire.read_request().empty()) return;
        wire.write(kOk);
        while (written == 0) std::this_thread::sleep_for(1ms);
        wire.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
        ++written;
        wire.wait_for_close();
    });
    OneConnection client(server.url());
    client.queue(kPost);
    CHECK(client.finish(1).back().status == 200);
    ++written;
    wait_for(written, 2);
    client.pool().poll();
    client.queue(kPost);
    const http::ClientPool::Done second = client.finish(2).back();
    CHECK(second.status == 200);  // not the 408, which answers nothing
    CHECK(server.connections() == 2);
}

TEST_CASE("a response in two parts does not wait for a delayed acknowledgment") {
    // The server's kernel holds the second part back until the first is acknowledged (Nagle's algorithm). The client's would delay
    // that by at least 40 ms once the connection is past its first packets: 25 requests/s, however fast the service is.
    constexpr std::size_t kRequests = 60, kSettled = 40;
    LoopbackServer server([](Wire& wire) {
        for (std::size_t i = 0; i < kRequests && !wire.read_request().empty(); ++i) {
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
            wire.write("ok");
        }
        wire.wait_for_close();
    });
    OneConnection client(server.url());
    for (std::size_t i = 0; i < kRequests; ++i) client.queue(kPost);
    const std::vector<http::ClientPool::Done>& done = client.finish(kRequests);
    Nanoseconds fastest = 1h;
    for (std::size_t i = kSettled; i < kRequests; ++i) fastest = std::min(fastest, done[i].end - done[i].started);
    CHECK(fastest < 30ms);
    CHECK(server.connections() == 1);
}

TEST_CASE("a request larger than the socket takes goes out whole while the server reads slowly") {
    std::string body(8 << 20, 'b');
    for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
    std::string received;
    LoopbackServer server([&](Wire& wire) {
        for (int i = 0; i < 2; ++i) {
            const std::string request = wire.read_request();
            if (i == 0) received = request;
            wire.write(kOk);
        }
        wire.wait_for_close();
    });
    OneConnection client(server.url());
    const std::string request = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    client.queue(request);
    client.queue(kPost);
    const auto& done = client.finish(2);
    CHECK(done[0].status == 200);
    CHECK(done[1].status == 200);
    CHECK(received == request);
    CHECK(server.connections() == 1);
}

TEST_CASE("an answer before the request is sent whole counts, and its connection is given up") {
    LoopbackServer server([](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
        wire.wait_for_close();
    });
    OneConnection client(server.url());
    const std::string body(16 << 20, 'b');
    client.queue("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    CHECK(client.finish(1).back().status == 413);
    CHECK(client.pool().busy() == 0);
}

TEST_CASE("a response of many megabytes is read to its end and the connection kept") {
    const std::string large = "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + std::string(20'000'000, 'r');
    // Exactly what one read takes, so that nothing but the next read can tell that it was all.
    const std::string head = "HTTP/1.1 201 OK\r\nContent-Length: 65494\r\n\r\n";
    const std::string exact = head + std::string(65494, 'r');
    LoopbackServer server([&](Wire& wire) {
        for (int i = 0; !wire.read_request().empty(); ++i) wire.write(i % 2 == 0 ? large : exact);
    });
    OneConnection client(server.url());
    for (int i = 0; i < 6; ++i) client.queue(kPost);
    const auto& done = client.finish(6);
    for (int i = 0; i < 6; ++i) CHECK(done[static_cast<std::size_t>(i)].status == (i % 2 == 0 ? 200 : 201));
    CHECK(server.connections() == 1);
}

TEST_CASE("a Unix socket whose queue is full is waited for, not refused") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/s";
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 0) == 0);
    constexpr int kClients = 4;
    std::vector<std::unique_ptr<OneConnection>> clients;
    for (int i = 0; i < kClients; ++i) {
        clients.push_back(std::make_unique<OneConnection>("unix:" + path));
        clients.back()->queue(kPost);
        clients.back()->send_next();  // connects, or finds the queue full
    }
    std::thread serving([&] {
        for (int i = 0; i < kClients; ++i) {
            const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
            Wire wire(accepted);
            wire.read_request();
            wire.write(kOk);
            ::close(accepted);
        }
    });
    for (const auto& client : clients) {
        const http::ClientPool::Done done = client->finish(1).back();
        CHECK(done.status == 200);
        CHECK(done.attempts == 1);
    }
    serving.join();
    ::close(listener);
}

TEST_CASE("a Unix socket is connected to at once, and a missing one refused at once") {
    const TemporaryDirectory directory;
    const std::string path = directory.path() + "/s";
    {
        OneConnection nobody("unix:" + path);
        nobody.queue(kPost);
        CHECK(nobody.finish(1).back().failure == Failure::connect);
        CHECK(nobody.pool().connect_failure() == "no such file or directory");
    }
    LoopbackServer server(
        [](Wire& wire) {
            while (!wire.read_request().empty()) wire.write(kOk);
        },
        path);
    OneConnection client("unix:" + path);
    for (int i = 0; i < 5; ++i) client.queue(kPost);
    for (const http::ClientPool::Done& done : client.finish(5)) CHECK(done.status == 200);
    CHECK(server.connections() == 1);
}
