// Logs that the real nginx and Apache write are read back as the requests that were sent to them.
#include <doctest/doctest.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>
#include <tuple>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "http/client.hpp"
#include "replay/log.hpp"
#include "support/installed.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace std::chrono_literals;

namespace {

struct Sent {
    std::string method, target, body;
};
const std::vector<Sent> kSent = {
    {"GET", "/shop?id=1&q=%22x%22", ""},
    {"POST", "/api/track", "{\"user_id\":\"caf\xc3\xa9 \\\"7\\\"\",\n\t\"events\":[]}"},
    {"GET", "/caf%C3%A9", ""},
    {"DELETE", "/api/users/7", ""},
    {"POST", "/api/track", std::string("\x01\x7f binary \xff", 11)},
};

// Sends kSent, in order; url ends where the target begins.
void send_all(const std::string& url) {
    for (const Sent& sent : kSent) {
        http::ClientRequest request;
        request.url = url + sent.target;
        request.method = sent.method;
        request.body = sent.body;
        request.headers = {{"User-Agent", "leakline \"test\" \\ 1"}, {"Referer", "https://www.example.com/"}};
        http::send_request(request);
    }
}

void wait_until_ready(const std::string& url) {
    for (int tries = 0;; ++tries) {
        try {
            http::get(url + "/ready");
            return;
        } catch (const Error&) {
            REQUIRE(tries < 500);
            std::this_thread::sleep_for(10ms);
        }
    }
}

// The log's requests without those of wait_until_ready.
std::vector<Request> read(const std::string& path) {
    std::vector<Request> requests;
    replay::RequestLog log = replay::open_log({path});
    while (auto request = log.next())
        if (request->target != "/ready") requests.push_back(std::move(*request));
    CHECK(log.log().damage().lines() == std::vector<std::string>{});
    std::stable_sort(requests.begin(), requests.end(), [](const Request& a, const Request& b) { return a.at < b.at; });
    return requests;
}

std::string header(const Request& request, const char* name) {
    for (const auto& [key, value] : request.headers)
        if (key == name) return value;
    return "";
}

Nanoseconds wall() { return std::chrono::system_clock::now().time_since_epoch(); }

enum class Bodies { in_log, not_in_log };

void check_log(const std::string& path, Bodies bodies, Nanoseconds begin, Nanoseconds end) {
    std::vector<Request> requests = read(path);
    std::vector<Sent> sent = kSent;
    if (bodies == Bodies::not_in_log) {
        // Stamps of whole seconds do not tell the order, and a server's workers write after they have answered.
        const auto by_name = [](const auto& a, const auto& b) { return std::tie(a.method, a.target) < std::tie(b.method, b.target); };
        std::sort(requests.begin(), requests.end(), by_name);
        std::sort(sent.begin(), sent.end(), by_name);
    }
    REQUIRE(requests.size() == sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
        CHECK(requests[i].method == sent[i].method);
        CHECK(requests[i].target == sent[i].target);
        CHECK(requests[i].recorded_status == 200);
        CHECK(header(requests[i], "User-Agent") == "leakline \"test\" \\ 1");
        CHECK(header(requests[i], "Referer") == "https://www.example.com/");
        CHECK(requests[i].at >= begin - 1s);  // a text log's stamp is the beginning of its second
        CHECK(requests[i].at <= end);
        if (bodies == Bodies::in_log) CHECK(requests[i].body == sent[i].body);
    }
}

}  // namespace

TEST_CASE("nginx's combined and JSON logs are read back as what was sent, bodies byte by byte") {
    if (!test::is_installed("nginx")) return;
    const TemporaryDirectory directory;
    const std::string at = directory.path();
    ::chmod(at.c_str(), 0755);  // nginx's worker is another user when root starts it
    std::ofstream(at + "/nginx.conf")
        << "daemon off; worker_processes 1; pid " << at << "/pid; error_log " << at << "/error.log;\n"
        << (::geteuid() == 0 ? "user root;\n" : "") << "events {}\nhttp {\n"
        << "  log_format json escape=json '{\"msec\":\"$msec\",\"request_time\":\"$request_time\",\"request_method\":"
           "\"$request_method\",\"request_uri\":\"$request_uri\",\"status\":\"$status\",\"http_user_agent\":"
           "\"$http_user_agent\",\"http_referer\":\"$http_referer\",\"request_body\":\"$request_body\"}';\n"
        << "  access_log " << at << "/combined.log combined;\n  access_log " << at << "/json.log json;\n"
        << "  client_body_temp_path " << at << "/b; proxy_temp_path " << at << "/p; fastcgi_temp_path " << at << "/f; uwsgi_temp_path "
        << at << "/u; scgi_temp_path " << at
        << "/s;\n"
        // $request_body is filled in only where the body is passed on.
        << "  server { listen unix:" << at << "/front; location / { proxy_pass http://unix:" << at << "/back; } }\n"
        << "  server { listen unix:" << at << "/back; access_log off; location / { return 200 'ok'; } }\n}\n";
    const Nanoseconds begin = wall();
    {
        Command command;
        command.arguments = {"nginx", "-c", at + "/nginx.conf", "-e", at + "/error.log"};
        command.output_file = at + "/output";
        Child nginx = Child::start(command);
        const std::string url = "unix:" + at + "/front:";
        wait_until_ready(url);
        send_all(url);
        nginx.signal(SIGQUIT);  // ends gracefully, logs written
        REQUIRE(nginx.wait_for(5s));
    }
    check_log(at + "/combined.log", Bodies::not_in_log, begin, wall());
    check_log(at + "/json.log", Bodies::in_log, begin, wall());
}

TEST_CASE("Apache's combined log is read back as what was sent") {
    if (!test::is_installed("apache2")) return;
    const TemporaryDirectory directory;
    const std::string at = directory.path(), modules = "/usr/lib/apache2/modules/";
    // Apache wants a port by number: one that was free a moment ago.
    std::optional<Child> apache;
    std::string url;
    const Nanoseconds begin = wall();
    for (int tries = 0; tries < 5 && !apache; ++tries) {
        const std::string port = std::to_string(20'000 + (::getpid() * 7 + tries * 101) % 30'000);
        std::ofstream(at + "/apache.conf")
            << "ServerRoot " << at << "\nServerName localhost\nPidFile " << at << "/pid\nDefaultRuntimeDir " << at
            << "\nListen 127.0.0.1:" << port << "\nErrorLog " << at << "/error.log\n"
            << "LoadModule mpm_event_module " << modules << "mod_mpm_event.so\nLoadModule authz_core_module " << modules
            << "mod_authz_core.so\nLoadModule alias_module " << modules << "mod_alias.so\n"
            << "LoadModule rewrite_module " << modules << "mod_rewrite.so\n"
            << "LogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\" combined\n"
            << "CustomLog " << at << "/access.log combined\nRewriteEngine on\nRewriteRule .* - [R=200]\n";
        Command command;
        command.arguments = {"apache2", "-X", "-f", at + "/apache.conf"};
        command.output_file = at + "/output";
        Child child = Child::start(command);
        if (child.wait_for(300ms)) continue;  // the port was taken
        url = "http://127.0.0.1:" + port;
        apache.emplace(std::move(child));
    }
    REQUIRE(apache);
    wait_until_ready(url);
    send_all(url);
    apache->terminate(5s);
    check_log(at + "/access.log", Bodies::not_in_log, begin, wall());
}

TEST_CASE("the log of Python's http.server is read back as what was sent") {
    if (!test::is_installed("python3")) return;
    const TemporaryDirectory directory;
    const std::string said = directory.path() + "/said", log = directory.path() + "/log";
    Command command;
    command.arguments = {"python3", "-u", "-c",
                         "import http.server as h, sys\n"
                         "class H(h.SimpleHTTPRequestHandler):\n"
                         "    do_POST = do_DELETE = h.SimpleHTTPRequestHandler.do_GET\n"
                         "s = h.HTTPServer(('127.0.0.1', 0), H)\n"
                         "print(s.server_port)\n"
                         "sys.stderr = open(sys.argv[1], 'w', buffering=1)\n"
                         "s.serve_forever()\n",
                         log};
    command.output_file = said;
    command.directory = directory.path();
    Child server = Child::start(command);
    while (read_file(said).find('\n') == std::string::npos) {
        REQUIRE(server.running());
        std::this_thread::sleep_for(5ms);
    }
    const Nanoseconds begin = wall();
    send_all("http://127.0.0.1:" + std::to_string(std::stoi(read_file(said))));
    server.terminate(5s);
    const std::string text = read_file(log);
    std::ofstream requests(directory.path() + "/requests");  // without the lines on errors
    for (const std::string_view line : split(text, '\n'))
        if (line.find("\" 404 ") != std::string_view::npos) requests << line << '\n';
    requests.close();
    const std::vector<Request> found = read(directory.path() + "/requests");
    REQUIRE(found.size() == kSent.size());
    for (std::size_t i = 0; i < kSent.size(); ++i) {
        CHECK(found[i].method == kSent[i].method);
        CHECK(found[i].target == kSent[i].target);
        CHECK(found[i].recorded_status == 404);
    }
    CHECK(found[0].at >= begin - 24h);  // its local time, read as UTC
}
