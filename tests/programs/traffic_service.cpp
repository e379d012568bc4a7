// A service that leaks or keeps memory by what traffic has to vary: connections, identifiers, users. A thread for each
// connection; needs no library, so that all of its memory is its own.
// usage: traffic_service PORT MODE
//   connection   8 KiB for each connection, for ever
//   request      100 B for each request, for ever
//   id           an entry for each "request_id" in the body
//   user         an entry for each "user" in the body: as many as there are users
//   pool         a buffer for each connection, that the next ones use again
//   open         a buffer for each connection while it is open
//   lookup       404 for a GET of what was not in the log; an entry for each "request_id"
//   http10       HTTP/1.0: each answer ends its connection; 100 B for each request
//   three        closes a connection after three requests, and keeps nothing
//   tag          an entry for each X-Request-Id, which stays the same for a retry
//   order        a record for each "request_id", moved into a map
//   both         100 B for each request and 1 KiB for each connection
//   token        POST /login gives a token for the "user" in the body; 401 for other requests without one that is in use, else 100 B
//   partner      asks GET /rate of STUB_URL at each request, 502 if it does not answer "1.25"; 100 B for each request
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <strings.h>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "get_server.hpp"

static std::string mode;
static std::mutex lock;  // guards what follows
static std::vector<char*> kept;
static std::map<std::string, std::string> entries;
static std::vector<char*> pool;
static std::map<std::string, std::string> tokens;  // by user
static int logins = 0;

struct Order {
    std::string id, user;
    char note[200] = {};
};
static std::unordered_map<std::string, Order> by_id;

static void keep(std::size_t bytes) {
    const std::lock_guard<std::mutex> guard(lock);
    char* block = static_cast<char*>(std::malloc(bytes));  // LEAK
    std::memset(block, 1, bytes);
    kept.push_back(block);
}

static void keep_of_connection(std::size_t bytes) {
    const std::lock_guard<std::mutex> guard(lock);
    char* block = static_cast<char*>(std::malloc(bytes));  // LEAK PER CONNECTION
    std::memset(block, 1, bytes);
    kept.push_back(block);
}

static void keep_entry(const std::string& key, const std::string& value) {
    const std::lock_guard<std::mutex> guard(lock);
    entries[key] = value;  // ENTRY
}

static void keep_order(const std::string& id, const std::string& user) {
    Order order;
    order.id = id;
    order.user = user;
    const std::lock_guard<std::mutex> guard(lock);
    by_id.emplace(id, std::move(order));  // RECORD
}

static char* take_buffer() {
    const std::lock_guard<std::mutex> guard(lock);
    if (pool.empty()) return static_cast<char*>(std::malloc(16384));
    char* buffer = pool.back();
    pool.pop_back();
    return buffer;
}

static void give_buffer(char* buffer) {
    const std::lock_guard<std::mutex> guard(lock);
    pool.push_back(buffer);
}

// Of "name":"value" or "name":value in text; "" where it has none.
static std::string field(const std::string& text, const std::string& name) {
    std::size_t at = text.find("\"" + name + "\":");
    if (at == text.npos) return {};
    at += name.size() + 3;
    if (text[at] == '"') ++at;
    return text.substr(at, text.find_first_of("\",}", at) - at);
}

static std::string header(const std::string& head, const char* name) {
    for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2))
        if (::strncasecmp(head.c_str() + at + 2, name, std::strlen(name)) == 0 && head[at + 2 + std::strlen(name)] == ':') {
            const std::size_t begin = at + 4 + std::strlen(name);
            return head.substr(begin, head.find("\r\n", begin) - begin);
        }
    return {};
}

// A new token in place of the user's last one.
static std::string log_in(const std::string& user) {
    const std::lock_guard<std::mutex> guard(lock);
    return tokens[user] = user + "-" + std::to_string(++logins);
}

static bool in_use(const std::string& token) {
    const std::lock_guard<std::mutex> guard(lock);
    const auto user = tokens.find(token.substr(0, token.find('-')));
    return user != tokens.end() && user->second == token;
}

static std::string ask_partner() {
    const char* const url = std::getenv("STUB_URL");  // http://127.0.0.1:PORT
    if (url == nullptr) return {};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(std::strrchr(url, ':') + 1)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int partner = ::socket(AF_INET, SOCK_STREAM, 0);
    static const char kAsk[] = "GET /rate HTTP/1.1\r\nHost: partner\r\nConnection: close\r\n\r\n";
    std::string in;
    char part[512];
    if (::connect(partner, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && ::write(partner, kAsk, sizeof kAsk - 1) > 0)
        for (ssize_t count = 0; (count = ::read(partner, part, sizeof part)) > 0;) in.append(part, static_cast<std::size_t>(count));
    ::close(partner);
    const std::size_t end = in.find("\r\n\r\n");
    return end == in.npos ? std::string() : in.substr(end + 4);
}

static bool known(const std::string& target) {  // /items/1000 to /items/1999, and what has no number
    if (target.rfind("/items/", 0) != 0) return true;
    const long number = std::strtol(target.c_str() + 7, nullptr, 10);
    return number >= 1000 && number < 2000;
}

// Whether the connection can go on.
static bool answer(int socket, const std::string& head, const std::string& body, int number) {
    if (mode == "request" || mode == "http10" || mode == "both") keep(100);
    if (mode == "id" || mode == "lookup")
        if (const std::string id = field(body, "request_id"); !id.empty()) keep_entry(id, body);
    if (mode == "order") keep_order("order-" + field(body, "request_id"), field(body, "user"));
    if (mode == "tag") keep_entry(header(head, "X-Request-Id"), std::string(200, 't'));
    if (mode == "user") keep_entry(field(body, "user"), std::string(500, 'u'));
    const std::size_t begin = head.find(' ') + 1;
    const std::string target = head.substr(begin, head.find(' ', begin) - begin);
    std::string status = mode == "lookup" && !known(target) ? "404 Not Found" : "200 OK", text = "ok";
    if (mode == "token" && target == "/login") {
        text = "{\"auth\":{\"access_token\":\"" + log_in(field(body, "user")) + "\"}}";
    } else if (mode == "token") {
        const std::string bearer = header(head, "Authorization");
        if (bearer.rfind("Bearer ", 0) == 0 && in_use(bearer.substr(7)))
            keep(100);
        else
            status = "401 Unauthorized";
    } else if (mode == "partner") {
        keep(100);
        if (ask_partner() != "1.25") status = "502 Bad Gateway";
    }
    const bool ends = mode == "http10" || (mode == "three" && number == 3) || strcasecmp(header(head, "Connection").c_str(), "close") == 0;
    std::string response = (mode == "http10" ? "HTTP/1.0 " : "HTTP/1.1 ") + status + "\r\n";
    if (ends) response += "Connection: close\r\n";
    response += "Content-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
    return ::write(socket, response.data(), response.size()) > 0 && !ends;
}

static void serve(int socket) {
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (mode == "connection") keep_of_connection(8192);
    if (mode == "both") keep_of_connection(1024);
    char* buffer = mode == "pool" ? take_buffer() : static_cast<char*>(std::malloc(16384));
    std::string in;
    for (int number = 1;; ++number) {
        std::size_t end = 0, length = 0;
        bool open = true;
        const auto receive = [&] {
            const ssize_t count = ::read(socket, buffer, 16384);
            if (count > 0) in.append(buffer, static_cast<std::size_t>(count));
            return open = count > 0;
        };
        while ((end = in.find("\r\n\r\n")) == in.npos && receive()) {}
        if (!open) break;
        length = std::strtoul(header(in.substr(0, end + 2), "Content-Length").c_str(), nullptr, 10);
        while (in.size() < end + 4 + length && receive()) {}
        if (!open || !answer(socket, in.substr(0, end + 2), in.substr(end + 4, length), number)) break;
        in.erase(0, end + 4 + length);
    }
    if (mode == "pool") give_buffer(buffer);
    else std::free(buffer);
    ::close(socket);
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    mode = argv[2];
    const int listener = listen_on(argv[1]);
    for (;;)
        if (const int socket = ::accept(listener, nullptr, nullptr); socket >= 0) std::thread(serve, socket).detach();
}
