// The monitor against real servers: our own HTTP server as a webhook, Debian's Alertmanager and Debian's Exim.
#include "alert/monitor.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/time_text.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "support/free_port.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/output_file.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace leakline::alert {
namespace {

using namespace std::chrono_literals;
using test::free_port;

void write(const std::string& path, const std::string& text) {
    OutputFile file(path);
    file.write(text);
    file.commit();
}

// Waits for something that other processes do; false after 60 s.
template <class Condition>
bool eventually(Condition condition) {
    const Nanoseconds deadline = system_clock().monotonic() + 60s;
    while (!condition()) {
        if (system_clock().monotonic() > deadline) return false;
        system_clock().sleep_until(system_clock().monotonic() + 10ms);
    }
    return true;
}

// Collects what is posted; answers with the statuses it was given, then 200.
class Hook {
  public:
    explicit Hook(std::vector<int> statuses = {})
        : statuses_(std::move(statuses)), server_({}, [this](const http::ServerRequest& request, const http::Responder& responder) {
              const std::lock_guard lock(mutex_);
              bodies_.emplace_back(request.body);
              authorization_ = request.header("Authorization");
              http::Response response;
              if (bodies_.size() <= statuses_.size()) response.status = statuses_[bodies_.size() - 1];
              responder.send(std::move(response));
          }) {
        server_.start();
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }
    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return bodies_.size();
    }
    std::string status(std::size_t i) {
        const std::lock_guard lock(mutex_);
        return nlohmann::json::parse(bodies_.at(i))["status"];
    }
    std::string authorization() {
        const std::lock_guard lock(mutex_);
        return authorization_;
    }

  private:
    const std::vector<int> statuses_;
    std::mutex mutex_;  // guards bodies_ and authorization_
    std::vector<std::string> bodies_;
    std::string authorization_;
    http::Server server_;
};

// The lines that a monitor reports.
class Report {
  public:
    std::function<void(const std::string&)> sink() {
        return [this](const std::string& line) {
            const std::lock_guard lock(mutex_);
            lines_.push_back(line);
        };
    }
    std::vector<std::string> lines() {
        const std::lock_guard lock(mutex_);
        return lines_;
    }

  private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

MonitorOptions immediate(std::vector<std::string> channels) {
    MonitorOptions options;
    options.rule.hold = 0s;
    options.channels = std::move(channels);
    options.source = "test service";
    options.retry.first = 5ms;
    options.retry.longest = 10ms;
    return options;
}

constexpr Nanoseconds kWall = 1'714'980'600s;

TEST_CASE("waits between attempts double up to the longest") {
    RetryOptions retry;
    std::vector<int> seconds;
    for (int attempt = 1; attempt <= 8; ++attempt) seconds.push_back(static_cast<int>(retry.wait_after(attempt) / 1s));
    CHECK(seconds == std::vector<int>{1, 2, 4, 8, 16, 32, 60, 60});
}

TEST_CASE("a webhook hears firing and resolved, with the password from a file") {
    const TemporaryDirectory directory;
    write(directory.path() + "/password", "s3cret\n");
    Hook hook;
    Report report;
    {
        MemoryMonitor monitor(immediate({"webhook=" + hook.url() + "/x,user=me,password-file=" + directory.path() + "/password"}),
                              report.sink());
        monitor.observe(90, 100, 0s, kWall);
        CHECK(monitor.firing());
        monitor.observe(50, 100, 60s, kWall + 60s);
        CHECK_FALSE(monitor.firing());
    }  // what is queued is delivered at the end
    CHECK(hook.count() == 2);
    CHECK(hook.status(0) == "firing");
    CHECK(hook.status(1) == "resolved");
    CHECK(hook.authorization() == "Basic bWU6czNjcmV0");
    CHECK(report.lines().empty());
}

TEST_CASE("a delivery that fails is tried again until it is taken, and each failure is reported") {
    Hook hook({500, 503});
    Report report;
    MemoryMonitor monitor(immediate({"webhook=" + hook.url() + "/T0KEN"}), report.sink());
    monitor.observe(90, 100, 0s, kWall);
    REQUIRE(eventually([&] { return monitor.counts().sent == 1; }));
    CHECK(hook.count() == 3);
    CHECK(monitor.counts().failed_attempts == 2);
    CHECK(report.lines() == std::vector<std::string>{
                                "alert not delivered, retrying in 5ms: webhook " + hook.url() + ": " + hook.url() + ": answered 500: ",
                                "alert not delivered, retrying in 10ms: webhook " + hook.url() + ": " + hook.url() + ": answered 503: "});
}

TEST_CASE("a dead channel is given up, delays no other, and never the caller") {
    Hook hook;
    Report report;
    MonitorOptions options = immediate({"webhook=http://127.0.0.1:" + std::to_string(free_port()), "webhook=" + hook.url()});
    options.retry.attempts = 3;
    MemoryMonitor monitor(options, report.sink());
    monitor.observe(90, 100, 0s, kWall);
    REQUIRE(eventually([&] { return monitor.counts().given_up == 1 && hook.count() == 1; }));
    REQUIRE(report.lines().size() == 3);
    CHECK(report.lines().back().starts_with("alert dropped after 3 attempts: webhook http://127.0.0.1:"));
}

TEST_CASE("a limit of zero is no limit") {
    MemoryMonitor monitor(immediate({"log"}), [](const std::string&) {});
    monitor.observe(90, 0, 0s, kWall);
    CHECK_FALSE(monitor.firing());
}

TEST_CASE("the real Alertmanager shows the alert while it fires, and not after it is resolved") {
    REQUIRE_MESSAGE(find_executable("prometheus-alertmanager"), "prometheus-alertmanager is missing: scripts/setup.sh installs it");
    const TemporaryDirectory directory;
    write(directory.path() + "/config.yml", "route: {receiver: none}\nreceivers: [{name: none}]\n");
    const std::string address = "127.0.0.1:" + std::to_string(free_port());
    Command command;
    command.arguments = {"prometheus-alertmanager", "--config.file=" + directory.path() + "/config.yml",
                         "--storage.path=" + directory.path() + "/data", "--web.listen-address=" + address, "--cluster.listen-address="};
    command.output_file = directory.path() + "/log";
    Child alertmanager = Child::start(command);
    const auto ready = [&] {
        try {
            return http::get("http://" + address + "/-/ready").status == 200;
        } catch (const Error&) {
            return false;
        }
    };
    REQUIRE(eventually(ready));
    const auto alerts = [&] { return nlohmann::json::parse(http::get("http://" + address + "/api/v2/alerts").body); };

    Report report;
    MemoryMonitor monitor(immediate({"alertmanager=http://" + address + "/"}), report.sink());
    const Nanoseconds now = system_clock().wall();
    monitor.observe(90, 100, 0s, now);
    REQUIRE(eventually([&] { return !alerts().empty(); }));
    const auto alert = alerts()[0];
    CHECK(alert["labels"] == nlohmann::json{{"alertname", "MemoryNearLimit"}, {"source", "test service"}, {"severity", "warning"}});
    CHECK(alert["status"]["state"] == "active");
    CHECK(alert["annotations"]["summary"].get<std::string>().starts_with("test service: memory at 90 % of its limit"));
    CHECK(alert["startsAt"].get<std::string>().starts_with(format_utc_time(now).substr(0, 19)));
    monitor.observe(50, 100, 1s, system_clock().wall());
    CHECK(eventually([&] { return alerts().empty(); }));
    CHECK(report.lines().empty());
}

// Exim in the foreground, on loopback, with a certificate made for the test, taking mail from "alerts" only.
class Exim {
  public:
    explicit Exim(const TemporaryDirectory& directory) : directory_(directory), port_(free_port()) {
        const std::string& d = directory.path();
        ::chmod(d.c_str(), 0777);  // Exim gives root up for a user of its own
        ::mkdir((d + "/mail").c_str(), 0777);
        ::chmod((d + "/mail").c_str(), 0777);
        Command certificate;
        certificate.arguments = {"openssl",  "req",           "-x509",   "-newkey",
                                 "rsa:2048", "-nodes",        "-days",   "2",
                                 "-subj",    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                                 "-keyout",  d + "/key.pem",  "-out",    d + "/cert.pem"};
        certificate.output_file = d + "/openssl";
        REQUIRE(Child::start(certificate).wait().shell_code() == 0);
        ::chmod((d + "/key.pem").c_str(), 0644);
        write(d + "/exim.conf",
              "spool_directory = " + d + "/spool\nlog_file_path = " + d + "/log_%s\npid_file_path = " + d +
                  "/pid\n"
                  "primary_hostname = localhost\nlocal_interfaces = 127.0.0.1\nkeep_environment =\n"
                  "daemon_smtp_ports = " +
                  std::to_string(port_) +
                  "\n"
                  "tls_advertise_hosts = *\ntls_certificate = " +
                  d + "/cert.pem\ntls_privatekey = " + d +
                  "/key.pem\n"
                  "auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}\nacl_smtp_rcpt = rcpt\n" +
                  (::geteuid() == 0 ? "" : "deliver_drop_privilege = true\n") +
                  "begin acl\nrcpt:\n  accept authenticated = *\n  deny message = log in first\n"
                  "begin routers\nall:\n  driver = accept\n  transport = box\n"
                  "begin transports\nbox:\n  driver = appendfile\n  check_owner = false\n  file = " +
                  d + "/mail/box\n" + (::geteuid() == 0 ? "  user = Debian-exim\n" : "") +
                  "begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n  server_prompts = :\n"
                  "  server_condition = ${if and{{eq{$auth2}{alerts}}{eq{$auth3}{s3cret-word}}}}\n  server_set_id = $auth2\n");
        Command command;
        command.arguments = {"/usr/sbin/exim4", "-C", d + "/exim.conf", "-bdf"};
        command.output_file = d + "/output";
        child_ = std::make_unique<Child>(Child::start(command));
        REQUIRE(eventually([&] { return read_small_file(d + "/log_main").has_value(); }));
    }
    std::string address() const { return "smtp://localhost:" + std::to_string(port_); }
    std::string certificate() const { return directory_.path() + "/cert.pem"; }
    std::string mail() const { return read_small_file(directory_.path() + "/mail/box").value_or(""); }

  private:
    const TemporaryDirectory& directory_;
    int port_;
    std::unique_ptr<Child> child_;
};

TEST_CASE("a real mail server takes the message over STARTTLS after the login") {
    REQUIRE_MESSAGE(find_executable("/usr/sbin/exim4"), "exim4-daemon-light is missing: scripts/setup.sh installs it");
    const TemporaryDirectory directory, secrets;
    const Exim exim(directory);
    write(secrets.path() + "/password", "s3cret-word\n");
    write(secrets.path() + "/wrong", "n0t-it\n");
    const std::string to = "email=" + exim.address() + ",to=ops@example.org,from=leakline@example.org";
    const std::string ca = ",ca-file=" + exim.certificate();
    Report report;
    {
        MemoryMonitor monitor(immediate({to + ca + ",user=alerts,password-file=" + secrets.path() + "/password"}), report.sink());
        monitor.observe(90, 100, 0s, kWall);
        REQUIRE(eventually([&] { return exim.mail().find("limit:") != std::string::npos; }));
    }
    CHECK(report.lines().empty());
    const std::string mail = exim.mail();
    for (const char* line : {"\nFrom: leakline@example.org\n", "\nTo: ops@example.org\n", "\nDate: Mon, 06 May 2024 07:30:00 +0000\n",
                             "with esmtpsa", "\nSubject: [firing] test service: memory at 90 % of its limit (90 B of 100 B)"}) {
        CAPTURE(line);
        CHECK(mail.find(line) != std::string::npos);
    }
    CHECK(mail.find("s3cret") == std::string::npos);

    // A wrong password, no login, and a certificate that nobody vouches for: reported, without the password.
    for (const std::string& channel : {to + ca + ",user=alerts,password-file=" + secrets.path() + "/wrong", to + ca, to}) {
        CAPTURE(channel);
        Report failure;
        MonitorOptions options = immediate({channel});
        options.retry.attempts = 1;
        MemoryMonitor monitor(options, failure.sink());
        monitor.observe(90, 100, 0s, kWall);
        REQUIRE(eventually([&] { return monitor.counts().given_up == 1; }));
        REQUIRE(failure.lines().size() == 1);
        CHECK(failure.lines()[0].starts_with("alert dropped after 1 attempt: email " + exim.address() + ": "));
        CHECK(failure.lines()[0].find("n0t-it") == std::string::npos);
    }
    CHECK(exim.mail() == mail);
}

}  // namespace
}  // namespace leakline::alert
