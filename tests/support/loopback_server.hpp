// A server for tests of clients: each accepted connection goes to a handler with blocking reads and writes, so that a
// test can misbehave on the wire in any way it likes. Listens on 127.0.0.1 at a port that the system picks.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace leakline::test {

// One accepted connection. Used by the handler's thread alone.
class Wire {
  public:
    explicit Wire(int descriptor) : descriptor_(descriptor) {}

    // A whole request (head, and as much body as its Content-Length says, or chunks to the last, as they stand); empty at
    // the end of the connection.
    std::string read_request();
    // Exactly size bytes; empty at the end of the connection.
    std::string read(std::size_t size);
    // What comes, to the end of this text; empty at the end of the connection.
    std::string read_until(const std::string& text);
    void write(const std::string& bytes);
    void shutdown_sending();
    void reset();  // closes with RST
    // Blocks until the client closes.
    void wait_for_close();

  private:
    std::string take(std::size_t size);
    bool receive();

    int descriptor_;
    std::string pending_;
};

class LoopbackServer {
  public:
    using Handler = std::function<void(Wire&)>;

    explicit LoopbackServer(Handler handler, std::string unix_path = {});
    ~LoopbackServer() { stop(); }

    // Closes the listening socket and cuts all connections; later clients are refused.
    void stop();
    std::uint16_t port() const { return port_; }
    std::string url() const;
    std::uint64_t connections() const { return accepted_; }

  private:
    void serve();

    Handler handler_;
    std::string unix_path_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> accepted_{0};
    std::mutex mutex_;  // guards what follows
    std::vector<int> open_;
    std::vector<std::thread> handlers_;
    std::thread accepting_;
};

// Answers every request with 200 and a small body, and keeps what it received.
class RecordingServer {
  public:
    RecordingServer();
    std::string url() const { return server_.url(); }
    std::vector<std::string> requests() const;
    std::uint64_t connections() const { return server_.connections(); }
    void stop() { server_.stop(); }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;  // guarded by mutex_
    LoopbackServer server_;
};

inline const char* const kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

}  // namespace leakline::test
