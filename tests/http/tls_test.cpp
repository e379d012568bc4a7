// https against OpenSSL's own server, with a certificate made for the test.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "http/client.hpp"
#include "http/client_pool.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace std::chrono_literals;

namespace {

// `openssl s_server -www` answers one GET a connection and closes.
class TlsServer {
  public:
    TlsServer() {
        Command make;
        make.arguments = {"openssl",  "req",
                          "-x509",    "-newkey",
                          "rsa:2048", "-nodes",
                          "-days",    "2",
                          "-subj",    "/CN=leakline test",
                          "-addext",  "subjectAltName=IP:127.0.0.1",
                          "-keyout",  file("key.pem"),
                          "-out",     certificate()};
        make.output_file = file("req.log");
        REQUIRE(Child::start(make).wait().code == 0);
        Command serve;
        serve.arguments = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key", file("key.pem"), "-cert", certificate()};
        serve.output_file = file("server.log");
        server_ = std::make_unique<Child>(Child::start(serve));
        // "ACCEPT 127.0.0.1:43333"
        for (int tries = 0; port_.empty() && tries < 500; ++tries) {
            std::this_thread::sleep_for(10ms);
            const std::string text = read_file(file("server.log"));
            const std::size_t at = text.find("ACCEPT 127.0.0.1:");
            if (at != text.npos && text.find('\n', at) != text.npos) port_ = text.substr(at + 17, text.find('\n', at) - at - 17);
        }
        REQUIRE_FALSE(port_.empty());
    }
    std::string certificate() const { return file("certificate.pem"); }
    std::string url(const std::string& host = "127.0.0.1") const { return "https://" + host + ":" + port_; }

  private:
    std::string file(const char* name) const { return directory_.path() + "/" + name; }

    TemporaryDirectory directory_;
    std::unique_ptr<Child> server_;
    std::string port_;
};

struct LastDone : http::ClientPool::Listener {
    void on_done(const http::ClientPool::Done& result) override { done = result; }
    void on_idle(int) override {}
    void on_wake() override {}
    std::optional<http::ClientPool::Done> done;
};

}  // namespace

TEST_CASE("https: the certificate's issuer and name are verified, and a refusal says what to do") {
    const TlsServer server;
    http::ClientOptions options;
    options.connect.ca_file = server.certificate();
    CHECK(http::get(server.url(), options).status == 200);

    const std::string hint = "\n  hint: --ca-file FILE trusts its issuer; --insecure skips verification";
    CHECK_THROWS_WITH_AS(http::get(server.url()),
                         (server.url() + ": the certificate is not accepted: self-signed certificate" + hint).c_str(), Error);
    CHECK_THROWS_WITH_AS(http::get(server.url("localhost"), options),
                         (server.url("localhost") + ": the certificate is not accepted: hostname mismatch" +
                          "\n  hint: use the host name in the certificate; --insecure skips verification")
                             .c_str(),
                         Error);
    options.connect.verify_certificate = false;
    CHECK(http::get(server.url("localhost"), options).status == 200);
    options.connect.ca_file = "/no/such/file.pem";
    options.connect.verify_certificate = true;
    CHECK_THROWS_AS(http::get(server.url(), options), Error);
}

TEST_CASE("the pool speaks https too, and keeps the reason of a refused certificate") {
    const TlsServer server;
    for (const bool trusted : {true, false}) {
        http::PoolOptions options;
        options.connections = 1;
        if (trusted) options.connect.ca_file = server.certificate();
        LastDone last;
        http::ClientPool pool(http::parse_url(server.url()), options, last);
        pool.send(0, {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, true, 7});
        while (!last.done) pool.run_one();
        CHECK(last.done->token == 7);
        if (trusted) {
            CHECK(last.done->status == 200);
        } else {
            CHECK(last.done->status == 0);
            CHECK(last.done->failure == Failure::connect);
            CHECK(pool.connect_failure() == "the certificate is not accepted: self-signed certificate");
        }
    }
}
