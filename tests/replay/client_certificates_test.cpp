// Client certificates and chosen addresses, against a real nginx that demands a certificate and OpenSSL's own server.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "http/client.hpp"
#include "http/recording_proxy.hpp"
#include "support/certificates.hpp"
#include "support/free_port.hpp"
#include "support/installed.hpp"
#include "support/loopback_server.hpp"
#include "support/replay_log.hpp"
#include "system/child_process.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

// The files of one test, with a client certificate that the server trusts and one of another authority.
struct ClientFiles : Certificates {
    ClientFiles() {
        make("client", "/CN=client", "basicConstraints=CA:FALSE", "ca");
        make("stranger", "/CN=stranger", "basicConstraints=CA:FALSE", "");
    }
    http::ConnectOptions trusting(const std::string& client) const {
        http::ConnectOptions connect;
        connect.ca_file = certificate("ca");
        if (!client.empty()) connect.certificate_file = certificate(client), connect.key_file = key(client);
        connect.addresses = {{"svc.test", 0, "127.0.0.1"}};
        return connect;
    }
};

// nginx at https://svc.test:PORT; the response is the client's name and the server name that it asked for.
class Nginx {
  public:
    explicit Nginx(const ClientFiles& files) : port_(free_port()) {
        ::chmod(files.path("").c_str(), 0755);
        std::ofstream(files.path("nginx.conf"))
            << "daemon off; worker_processes 1; pid " << files.path("pid") << "; error_log " << files.path("error.log") << ";\n"
            << (::geteuid() == 0 ? "user root;\n" : "") << "events {}\nhttp {\n  access_log off;\n  client_body_temp_path "
            << files.path("b") << "; proxy_temp_path " << files.path("p") << "; fastcgi_temp_path " << files.path("f")
            << "; uwsgi_temp_path " << files.path("u") << "; scgi_temp_path " << files.path("s")
            << ";\n  server {\n    listen 127.0.0.1:" << port_ << " ssl;\n    ssl_certificate " << files.certificate("server")
            << "; ssl_certificate_key " << files.key("server") << ";\n    ssl_client_certificate " << files.certificate("ca")
            << "; ssl_verify_client on;\n    location / { return 200 \"$ssl_client_s_dn $ssl_server_name\"; }\n  }\n}\n";
        Command command;
        command.arguments = {"nginx", "-c", files.path("nginx.conf"), "-e", files.path("error.log")};
        command.output_file = files.path("nginx.log");
        child_.emplace(Child::start(command));
        http::ClientOptions options;
        options.connect = files.trusting("client");
        for (int tries = 0;; ++tries) {
            try {
                http::get(url(), options);
                return;
            } catch (const Error& error) {
                REQUIRE_MESSAGE(tries < 500, error.what());
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            }
        }
    }
    std::string url(const std::string& host = "svc.test") const { return "https://" + host + ":" + std::to_string(port_); }

  private:
    int port_;
    std::optional<Child> child_;
};

// What is thrown when a replay with these options begins.
std::string refusal(const replay::ReplayOptions& options) {
    try {
        replay::run(options);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("nginx answers a client with its certificate, and knows the host that was asked for") {
    if (!is_installed("nginx")) return;
    const ClientFiles files;
    const Nginx nginx(files);
    http::ClientOptions options;
    options.connect = files.trusting("client");
    CHECK(http::get(nginx.url(), options).body == "CN=client svc.test");

    const LogFile log(posts(50));
    replay::ReplayOptions traffic = options_for(log, nginx.url());
    traffic.connect = options.connect;
    const ReplayStats stats = replay::run(traffic);
    check_books(stats);
    CHECK(stats.statuses == std::map<int, std::uint64_t>{{200, 50}});
    CHECK(stats.valid);

    // One file may have both.
    std::ofstream both(files.path("both.pem"));
    both << std::ifstream(files.certificate("client")).rdbuf() << std::ifstream(files.key("client")).rdbuf();
    both.close();
    options.connect.certificate_file = files.path("both.pem");
    options.connect.key_file.clear();
    CHECK(http::get(nginx.url(), options).status == 200);

    http::ProxyOptions proxy_options;
    proxy_options.target = http::parse_url(nginx.url());
    proxy_options.connect = files.trusting("client");
    http::RecordingProxy proxy(proxy_options, [](http::ProxiedRequest&&) {});
    proxy.start();
    CHECK(http::get("http://127.0.0.1:" + std::to_string(proxy.port()) + "/").body == "CN=client svc.test");
}

TEST_CASE("nginx refuses each request without a certificate or with a stranger's, and the result says what to do") {
    if (!is_installed("nginx")) return;
    const ClientFiles files;
    const Nginx nginx(files);
    const LogFile log(posts(20));
    replay::ReplayOptions traffic = options_for(log, nginx.url());
    for (const auto& [client, hint] : {std::pair{"", "if the service requires a client certificate: --cert FILE --key FILE"},
                                       {"stranger", "--cert takes a certificate of an authority that the service trusts"}}) {
        traffic.connect = files.trusting(client);
        const ReplayStats stats = replay::run(traffic);
        check_books(stats);
        CHECK(stats.statuses == std::map<int, std::uint64_t>{{400, 20}});
        REQUIRE(stats.reasons.size() == 1);
        CHECK(stats.reasons[0] ==
              std::string(
                  "20 of 20 responses were errors or redirections (20 x 400); if they are expected, accept them with --expect-status; ") +
                  hint);
    }
}

TEST_CASE("a server that ends the connection for want of a certificate is named, in TLS 1.2 and 1.3") {
    const ClientFiles files;
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
        INFO(std::string(version));
        const std::string port = std::to_string(free_port()), url = "https://svc.test:" + port;
        Command command;
        command.arguments = {"openssl",
                             "s_server",
                             "-accept",
                             "127.0.0.1:" + port,
                             "-www",
                             version,
                             "-Verify",
                             "1",
                             "-verify_return_error",
                             "-CAfile",
                             files.certificate("ca"),
                             "-cert",
                             files.certificate("server"),
                             "-key",
                             files.key("server")};
        command.output_file = files.path("server.log");
        const Child server = Child::start(command);
        http::ClientOptions options;
        options.connect = files.trusting("client");
        for (int tries = 0;; ++tries) {
            try {
                const int status = http::get(url, options).status;
                CHECK(status == 200);
                break;
            } catch (const Error& error) {
                REQUIRE_MESSAGE(tries < 500, error.what());
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            }
        }
        const LogFile log(posts(1));
        replay::ReplayOptions traffic = options_for(log, url);
        const auto cause = [&](const std::string& client) {
            traffic.connect = files.trusting(client);
            const ReplayStats stats = replay::run(traffic);
            check_books(stats);
            CHECK(failures(stats, Failure::connect) == 1);
            return stats.failure_cause;
        };
        const bool old = std::string_view(version) == "-tls1_2";
        CHECK(cause("") == (old ? "the server ended the TLS handshake: handshake failure; if it requires a client certificate: --cert FILE "
                                  "--key FILE"
                                : "the server requires a client certificate: certificate required; --cert FILE --key FILE"));
        CHECK(cause("stranger") ==
              "the server does not accept the client certificate: unknown certificate authority; --cert takes a valid certificate of an "
              "authority that the server trusts, followed by its intermediates");
        options.connect = files.trusting("");
        CHECK_THROWS_AS(http::get(url, options), Error);
    }
}

TEST_CASE("files that are no certificate or not its key are refused before anything is sent") {
    const ClientFiles files;
    const LogFile log(posts(1));
    replay::ReplayOptions traffic = options_for(log, "https://svc.test:9");
    const auto with = [&](const std::string& certificate, const std::string& key) {
        traffic.connect = files.trusting("");
        traffic.connect.certificate_file = certificate;
        traffic.connect.key_file = key;
        return refusal(traffic);
    };
    const std::string certificate = files.certificate("client"), key = files.key("client"), encrypted = files.path("encrypted.key");
    files.run({"openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:secret", "-out", encrypted});
    CHECK(with(certificate, encrypted) == encrypted + ": the private key is encrypted\n  hint: decrypt it: openssl pkey -in " + encrypted +
                                              " -out plain.pem, and give --key plain.pem");
    CHECK(with(certificate, files.key("stranger")) ==
          files.key("stranger") + ": this is not the private key of the certificate in " + certificate +
              "\n  hint: the first certificate in the file of --cert must be that of the key, its issuers follow");
    CHECK(with(certificate, "") ==
          certificate + ": no private key can be read from it\n  hint: --key FILE is the private key of the certificate");
    CHECK(with(certificate, certificate) ==
          certificate + ": no private key can be read from it\n  hint: --key takes a PEM file (-----BEGIN PRIVATE KEY-----)");
    CHECK(with(key, key) == key + ": no certificate can be read from it\n  hint: --cert takes a PEM file (-----BEGIN CERTIFICATE-----)");
    CHECK(with("", key) == "--key: requires --cert\n  hint: --cert FILE --key FILE");
    CHECK(with("/no/such.pem", key) == "/no/such.pem: cannot be opened: no such file or directory");
    traffic.target = "http://svc.test:9";
    CHECK(with(certificate, key) ==
          "--cert: a client certificate requires an https URL, and this one is http://svc.test:9\n  hint: --target https://HOST:PORT");
}

TEST_CASE("an address that was chosen takes the place of the resolver's, for its host and port alone") {
    RecordingServer server;
    const LogFile log(posts(5));
    const std::string port = server.url().substr(server.url().rfind(':') + 1);
    replay::ReplayOptions options = options_for(log, "http://svc.test:" + port);
    options.connect.addresses = {http::parse_host_address("svc.test:" + port + ":127.0.0.1")};
    CHECK(replay::run(options).completed == 5);
    CHECK(server.requests()[0].find("Host: svc.test:" + port + "\r\n") != std::string::npos);
    options.connect.addresses = {http::parse_host_address("svc.tset:*:127.0.0.1")};
    CHECK(refusal(options) ==
          "--resolve: no address is given for http://svc.test:" + port + "\n  hint: --resolve svc.test:" + port + ":127.0.0.1");

    CHECK(http::parse_host_address("a:1:[::1]").address == "::1");
    CHECK(http::parse_host_address("a:*:::1").port == 0);
    for (const auto& [text, why] : {std::pair{"a", "is not HOST:PORT:ADDRESS"},
                                    {"a:80", "is not HOST:PORT:ADDRESS"},
                                    {":80:127.0.0.1", "is not HOST:PORT:ADDRESS"},
                                    {"a:x:127.0.0.1", "has no port from 1 to 65535, and no * for any port"},
                                    {"a:70000:127.0.0.1", "has no port from 1 to 65535, and no * for any port"},
                                    {"a:80:b.test", "does not end with an IP address"},
                                    {"a:80:", "does not end with an IP address"}})
        CHECK_THROWS_WITH_AS(
            http::parse_host_address(text),
            ("--resolve: '" + std::string(text) + "' " + why + "\n  hint: --resolve api.example.com:443:127.0.0.1").c_str(), Error);
}
