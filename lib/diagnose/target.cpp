#include "diagnose/internal/target.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "diagnose/internal/running_service.hpp"
#include "diagnose/internal/service_handle.hpp"
#include "http/client.hpp"
#include "http/client_pool.hpp"
#include "http/url.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/find_process.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"

namespace leakline::diagnose {

namespace {

constexpr std::string_view kPort = "{port}", kPortFile = "{port_file}", kTimeScale = "{time_scale}", kStub = "{stub}";
constexpr std::string_view kLoopback = "http://127.0.0.1:{port}";

bool contains(const std::vector<std::string>& words, std::string_view part) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) { return word.find(part) != std::string::npos; });
}

std::string replaced(std::string text, std::string_view from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
    return text;
}

// A port that was free a moment ago. Someone may take it before the service does: the service then says so itself.
std::uint16_t free_port() {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool found = descriptor >= 0 && ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                       ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    const int reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (!found) throw os_error(ErrorKind::system, "127.0.0.1", "cannot find a free port", reason);
    return ntohs(address.sin_port);
}

// A GET over the version of HTTP that the replay will use: a service may speak HTTP/2 only, as those of gRPC do.
bool answers_as_replayed(const std::string& text, const http::PoolOptions& options) {
    struct Answer : http::ClientPool::Listener {
        void on_done(const http::ClientPool::Done& done) override { status = done.status; }
        void on_idle(int) override {}
        void on_wake() override {}
        std::optional<int> status;
    } answer;
    const http::Url url = http::parse_url(text);
    http::ClientPool pool(url, options, answer);
    pool.send(0, {"GET " + url.target + " HTTP/1.1\r\nHost: " + url.authority() + "\r\n\r\n"});
    while (!answer.status) pool.run_one();
    return *answer.status != 0;
}

// Any response counts, an error status too: the port speaks HTTP.
bool answers(const std::string& url, const http::ConnectOptions& connect, Nanoseconds timeout) {
    http::ClientOptions options;
    options.timeout = timeout;
    options.connect = connect;
    options.connect.verify_certificate = false;  // only asked whether someone is there; the replay verifies
    options.max_body = std::size_t{16} << 20;
    try {
        if (connect.version == http::HttpVersion::http2 || (connect.version == http::HttpVersion::automatic && url.starts_with("https:"))) {
            http::PoolOptions pool;
            pool.connections = 1;
            pool.timeout = timeout;
            pool.connect = options.connect;
            return answers_as_replayed(url, pool);
        }
        http::get(url, options);
        return true;
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::usage) throw;
        return false;
    }
}

std::string ready_url(const std::string& origin, const TargetSpec& spec) {
    return origin + (origin.starts_with("unix:") ? ":" : "") + spec.ready_path;
}

// The port in a port file, once it is there whole (with its newline, or unchanged at a second look).
std::optional<std::uint16_t> port_in(const std::string& file) {
    const auto text = read_small_file(file);
    if (!text) return std::nullopt;
    const std::string_view digits = trim(*text);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;
    return port;
}

// What answers requests must have the clock, or the diagnosis would be of another one.
void require_clock(int root, const std::string& url) {
    std::vector<int> processes;
    try {
        if (const std::uint16_t port = http::parse_url(url).port; port != 0) processes = processes_on_port(port);
    } catch (const Error&) {
    }
    if (processes.empty()) processes = {root};
    for (const int pid : processes) clock::require_scaled_clock(pid);
}

std::string indented(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) out += "\n  | " + line;
    return out.empty() ? out : "; its output:" + out;
}

// The last lines of a file that may have any size, printable.
std::vector<std::string> last_lines_of(const std::string& file) {
    constexpr std::size_t kLines = 8, kLineLength = 300;
    constexpr std::streamoff kTail = 64 * 1024;
    std::ifstream log(file, std::ios::binary | std::ios::ate);
    if (!log) return {};
    const std::streamoff size = log.tellg();
    log.seekg(std::max<std::streamoff>(0, size - kTail));
    const std::string text{std::istreambuf_iterator<char>(log), {}};
    std::vector<std::string_view> lines;
    for (const std::string_view line : split(trim(text), '\n'))
        if (!trim(line).empty()) lines.push_back(line);
    std::vector<std::string> out;
    for (std::size_t i = lines.size() - std::min(lines.size(), kLines); i < lines.size(); ++i)
        out.push_back(printable(lines[i].substr(0, kLineLength)));
    return out;
}

// Runs a shell command of the user to its end. What went wrong: "exited with exit code 1; its output: ..."; else "".
std::string run_shell_command(const std::string& text, const Command& service, const std::string& scratch) {
    Command command;
    command.arguments = {"/bin/sh", "-c", text};
    command.environment = service.environment;
    command.output_file = scratch + "/command.log";
    ::unlink(command.output_file.c_str());
    const ExitStatus status = Child::start(command).wait();
    return status.shell_code() == 0 ? "" : "ended with " + status.text() + indented(last_lines_of(command.output_file));
}

}  // namespace

bool takes_time_scale(const TargetSpec& spec) { return contains(spec.arguments, kTimeScale); }

Launch prepare_launch(const TargetSpec& spec, const std::string& scratch) {
    Launch launch;
    std::string setup = spec.setup, cleanup = spec.cleanup;
    const auto fill = [&](std::string_view placeholder, const std::string& value) {
        for (std::string& word : launch.command.arguments) word = replaced(word, placeholder, value);
        for (std::string* text : {&setup, &cleanup}) *text = replaced(*text, placeholder, value);
    };
    const bool uses_port = contains(spec.arguments, kPort), uses_file = contains(spec.arguments, kPortFile);
    launch.url = spec.url.empty() ? std::string(kLoopback) : spec.url;
    const bool picked = launch.url.find(kPort) != std::string::npos;
    const http::Url named = http::parse_url(replaced(launch.url, kPort, "1"));
    launch.command.arguments = spec.arguments;
    if (uses_file) {
        launch.port_file = scratch + "/port";
        ::unlink(launch.port_file.c_str());
        fill(kPortFile, launch.port_file);
    }
    fill(kTimeScale, fmt::format("{:.6g}", spec.time_scale));
    if (spec.stub_url.empty() && contains(spec.arguments, kStub))
        throw Error(ErrorKind::usage, spec.arguments[0], "{stub} in the command requires --stub LOG",
                    "leakline capture --responses records such a log");
    if (!spec.stub_url.empty()) {
        fill(kStub, spec.stub_url);
        launch.command.environment.emplace_back("STUB_URL", spec.stub_url);
    }
    if (named.port != 0 || uses_port) {
        const std::string port = std::to_string(picked || named.port == 0 ? free_port() : named.port);
        fill(kPort, port);
        launch.command.environment.emplace_back("PORT", port);
        if (!uses_file || uses_port) launch.url = replaced(launch.url, kPort, port);
    }
    launch.only_in_environment = picked && !uses_port && !uses_file;
    if (spec.clock) {
        clock::ClockOptions options = *spec.clock;
        options.scale = takes_time_scale(spec) ? 1 : spec.time_scale;
        if (options.changes_time()) launch.clock = std::make_shared<const clock::ServiceClock>(options, spec.arguments);
    }
    if (spec.temporary_in_scratch) launch.command.environment.emplace_back("TMPDIR", scratch);
    if (!spec.show_output) {
        launch.log_file = scratch + "/output.log";
        ::unlink(launch.log_file.c_str());
        launch.command.output_file = launch.log_file;
    }
    if (launch.url.find(kPort) == std::string::npos) http::check_connect_options(http::parse_url(launch.url), spec.connect);
    if (!picked && answers(http::parse_url(launch.url).origin(), spec.connect, std::chrono::milliseconds(500))) {
        throw Error(ErrorKind::input, http::parse_url(launch.url).origin(), "another program already listens there",
                    "stop it, or give the service another port");
    }
    if (!cleanup.empty())
        launch.cleanup = std::shared_ptr<const void>(nullptr, [=, command = launch.command, warn = spec.warn](const void*) {
            const std::string failure = run_shell_command(cleanup, command, scratch);
            if (!failure.empty() && warn) warn("--cleanup: " + failure);
        });
    if (!setup.empty())
        if (const std::string failure = run_shell_command(setup, launch.command, scratch); !failure.empty())
            throw Error(ErrorKind::input, "--setup", failure, "run the command by hand: " + setup);
    if (launch.clock) launch.clock->put_on(launch.command);  // last: its time starts now
    return launch;
}

std::string wait_until_ready(Child& child, const Launch& launch, const TargetSpec& spec, const std::stop_token& stop) {
    Clock& clock = system_clock();
    const Nanoseconds deadline = clock.monotonic() + spec.ready_timeout;
    const std::string name = launch.command.arguments[0];
    Nanoseconds pause = std::chrono::milliseconds(10);
    std::string url = launch.url;
    for (;;) {
        if (!child.running())
            throw Error(ErrorKind::system, name,
                        fmt::format("exited before it was ready: {}{}", child.status()->text(), last_output(launch)),
                        child.status()->shell_code() == 0
                            ? "if the service puts itself into the background, give the option that keeps it in the foreground"
                            : "run the command by hand to see its output");
        if (!launch.port_file.empty())
            if (const auto port = port_in(launch.port_file)) url = replaced(launch.url, kPort, std::to_string(*port));
        if (url.find(kPort) == std::string::npos) {
            const std::string origin = http::parse_url(url).origin();
            if (answers(ready_url(origin, spec), spec.connect, std::chrono::seconds(2))) {
                if (launch.clock) require_clock(child.pid(), origin);
                return origin;
            }
        }
        if (clock.monotonic() >= deadline)
            throw Error(
                ErrorKind::system, name,
                fmt::format("did not answer at {} within {}{}", url.find(kPort) == std::string::npos ? url : "the port in its port file",
                            format_duration(spec.ready_timeout), last_output(launch)),
                launch.only_in_environment
                    ? "the service got this port only in the environment variable PORT: put {port} where its command takes a port, or give "
                      "--target http://127.0.0.1:PORT"
                    : "check --target (and --http2 for a gRPC service), or wait longer with --ready-timeout");
        if (!sleep_for(stop, pause)) throw Error(ErrorKind::system, name, "interrupted before it was ready");
        pause = std::min<Nanoseconds>(pause * 3 / 2, std::chrono::milliseconds(200));
    }
}

std::string wait_until_answers(const TargetSpec& spec, const std::stop_token& stop) {
    const ServiceHandle service(spec.pid);
    const std::string origin = http::parse_url(spec.url).origin(), name = fmt::format("process {}", spec.pid);
    const Nanoseconds deadline = system_clock().monotonic() + spec.ready_timeout;
    while (!answers(ready_url(origin, spec), spec.connect, std::chrono::seconds(2))) {
        if (!service.running()) throw Error(ErrorKind::input, name, "has ended");
        if (system_clock().monotonic() >= deadline)
            throw Error(ErrorKind::system, name,
                        fmt::format("did not answer at {} within {}", spec.url, format_duration(spec.ready_timeout)),
                        "check --target (https:// for TLS), or wait longer with --ready-timeout");
        if (!sleep_for(stop, std::chrono::milliseconds(100))) throw Error(ErrorKind::system, name, "interrupted before it answered");
    }
    return origin;
}

std::vector<std::string> last_lines(const Launch& launch) {
    return launch.log_file.empty() ? std::vector<std::string>{} : last_lines_of(launch.log_file);
}

std::string last_output(const Launch& launch) { return indented(last_lines(launch)); }

}  // namespace leakline::diagnose
