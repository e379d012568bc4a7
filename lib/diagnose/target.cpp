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
#include "http/client.hpp"
#include "http/url.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/find_process.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"

namespace leakline::diagnose {

namespace {

constexpr std::string_view kPort = "{port}", kPortFile = "{port_file}", kTimeScale = "{time_scale}";
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

// Any answer counts, an error status too: somebody speaks HTTP there.
bool answers(const std::string& url, Nanoseconds timeout) {
    http::ClientOptions options;
    options.timeout = timeout;
    options.verify_certificate = false;  // only asked whether someone is there; the replay verifies
    options.max_body = std::size_t{16} << 20;
    try {
        http::get(url, options);
        return true;
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::usage) throw;
        return false;
    }
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

}  // namespace

bool takes_time_scale(const TargetSpec& spec) { return contains(spec.arguments, kTimeScale); }

Launch prepare_launch(const TargetSpec& spec, const std::string& scratch) {
    Launch launch;
    const bool uses_port = contains(spec.arguments, kPort), uses_file = contains(spec.arguments, kPortFile);
    launch.url = spec.url.empty() ? std::string(kLoopback) : spec.url;
    const bool picked = launch.url.find(kPort) != std::string::npos;
    const http::Url named = http::parse_url(replaced(launch.url, kPort, "1"));
    launch.command.arguments = spec.arguments;
    if (uses_file) {
        launch.port_file = scratch + "/port";
        ::unlink(launch.port_file.c_str());
        for (std::string& word : launch.command.arguments) word = replaced(word, kPortFile, launch.port_file);
    }
    const std::string scale = fmt::format("{:.6g}", spec.time_scale);
    for (std::string& word : launch.command.arguments) word = replaced(word, kTimeScale, scale);
    if (named.port != 0 || uses_port) {
        const std::string port = std::to_string(picked || named.port == 0 ? free_port() : named.port);
        for (std::string& word : launch.command.arguments) word = replaced(word, kPort, port);
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
    if (!picked && answers(http::parse_url(launch.url).origin(), std::chrono::milliseconds(500))) {
        throw Error(ErrorKind::input, http::parse_url(launch.url).origin(), "another program already listens there",
                    "stop it, or give the service another port");
    }
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
                        "run the command by hand to see its output");
        if (!launch.port_file.empty())
            if (const auto port = port_in(launch.port_file)) url = replaced(launch.url, kPort, std::to_string(*port));
        if (url.find(kPort) == std::string::npos) {
            const std::string origin = http::parse_url(url).origin();
            if (answers(origin + (origin.starts_with("unix:") ? ":" : "") + spec.ready_path, std::chrono::seconds(2))) {
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
                    : "check --target, or wait longer with --ready-timeout");
        if (!sleep_for(stop, pause)) throw Error(ErrorKind::system, name, "interrupted before it was ready");
        pause = std::min<Nanoseconds>(pause * 3 / 2, std::chrono::milliseconds(200));
    }
}

std::vector<std::string> last_lines(const Launch& launch) {
    constexpr std::size_t kLines = 8, kLineLength = 300;
    constexpr std::streamoff kTail = 64 * 1024;  // of a log that may have any size
    if (launch.log_file.empty()) return {};
    std::ifstream log(launch.log_file, std::ios::binary | std::ios::ate);
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

std::string last_output(const Launch& launch) {
    std::string out;
    for (const std::string& line : last_lines(launch)) out += "\n  | " + line;
    return out.empty() ? out : "; its output:" + out;
}

}  // namespace leakline::diagnose
