// A service that is hard to reach: it takes its port from PORT alone, speaks https with a private certificate where it is
// given one, and answers 401 without "Authorization: Bearer right". GET /v2/items/N keeps 600 B for each request; GET /limited
// answers 429, any other path 404.
// usage: PORT=N guarded_service [CERTIFICATE.pem KEY.pem]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

std::mutex mutex;  // guards items
std::vector<std::unique_ptr<std::string>> items;

void keep_item() {
    const std::lock_guard lock(mutex);
    items.push_back(std::make_unique<std::string>(600 - sizeof(std::string), 'i'));
}

const char* answer_to(const std::string& head) {
    if (head.find("\r\nAuthorization: Bearer right\r\n") == std::string::npos) return "401 Unauthorized";
    if (head.starts_with("GET /limited ")) return "429 Too Many Requests";
    if (!head.starts_with("GET /v2/items/")) return "404 Not Found";
    keep_item();
    return "200 OK";
}

// read and write as read(2) and write(2) do.
template <class Read, class Write>
void serve(Read read, Write write) {
    std::string bytes;
    char buffer[4096];
    for (;;) {
        const std::size_t end = bytes.find("\r\n\r\n");
        if (end == std::string::npos) {
            const auto got = read(buffer, sizeof buffer);
            if (got <= 0) return;
            bytes.append(buffer, static_cast<std::size_t>(got));
            continue;
        }
        const std::string answer = std::string("HTTP/1.1 ") + answer_to(bytes.substr(0, end + 4)) + "\r\nContent-Length: 0\r\n\r\n";
        bytes.erase(0, end + 4);
        if (write(answer.data(), answer.size()) <= 0) return;
    }
}

void serve_connection(int socket, SSL_CTX* context) {
    if (context == nullptr) {
        serve([&](char* to, std::size_t size) { return ::read(socket, to, size); },
              [&](const char* from, std::size_t size) { return ::write(socket, from, size); });
    } else {
        SSL* tls = SSL_new(context);
        SSL_set_fd(tls, socket);
        if (SSL_accept(tls) == 1)
            serve([&](char* to, std::size_t size) { return SSL_read(tls, to, static_cast<int>(size)); },
                  [&](const char* from, std::size_t size) { return SSL_write(tls, from, static_cast<int>(size)); });
        SSL_free(tls);
    }
    ::close(socket);
}

}  // namespace

int main(int argc, char** argv) {
    ::signal(SIGPIPE, SIG_IGN);
    SSL_CTX* context = nullptr;
    if (argc == 3) {
        context = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 || SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1)
            return 2;
    }
    const char* port = std::getenv("PORT");
    if (port == nullptr) return 3;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    ::setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listening, 64) != 0) return 4;
    for (;;) {
        const int socket = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket >= 0) std::thread(serve_connection, socket, context).detach();
    }
}
