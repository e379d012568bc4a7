#include "diagnose/internal/running_service.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "diagnose/internal/container_address.hpp"
#include "diagnose/internal/service_handle.hpp"
#include "http/connect_options.hpp"
#include "http/url.hpp"
#include "system/descendants.hpp"
#include "system/find_process.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

namespace {

std::string named(int pid) { return fmt::format("process {}", pid); }

std::vector<std::string> command_line(int pid) {
    std::vector<std::string> words;
    const std::string text = read_small_file(fmt::format("/proc/{}/cmdline", pid)).value_or("");
    std::string_view rest = text;
    while (!rest.empty() && rest.back() == '\0') rest.remove_suffix(1);
    if (!rest.empty())
        for (const std::string_view word : split(rest, '\0')) words.emplace_back(word);
    return words;
}

bool in_our_network(int pid) {
    std::error_code error;
    const auto theirs = std::filesystem::read_symlink(fmt::format("/proc/{}/ns/net", pid), error);
    if (error) return true;  // not known
    return theirs == std::filesystem::read_symlink("/proc/self/ns/net", error) || error;
}

std::string url_of(const ListeningSocket& socket) {
    return socket.address.find(':') != std::string::npos ? fmt::format("http://[{}]:{}", socket.address, socket.port)
                                                         : fmt::format("http://{}:{}", socket.address, socket.port);
}

std::string find_url(int pid, const std::vector<ListeningSocket>& sockets) {
    std::set<std::uint16_t> ports;
    for (const ListeningSocket& socket : sockets) ports.insert(socket.port);
    if (ports.empty())
        throw Error(ErrorKind::input, named(pid), "neither it nor a child of it listens on a TCP port that can be seen from here",
                    "give its URL: --target http://127.0.0.1:PORT, or --target unix:/PATH");
    if (ports.size() > 1)
        throw Error(ErrorKind::input, named(pid), fmt::format("listens on several ports: {}", fmt::join(ports, ", ")),
                    fmt::format("choose one: --target http://127.0.0.1:{}", *ports.begin()));
    if (!in_our_network(pid)) {
        if (const auto address = container_address(pid, sockets.front())) return url_of({*address, sockets.front().port, 0});
        throw Error(ErrorKind::input, named(pid), "listens in another network namespace (a container)",
                    fmt::format("give the URL at which its port {} is reached from here: --target http://HOST:PORT", *ports.begin()));
    }
    return url_of(sockets.front());
}

bool is_ancestor(int of, int pid) {
    for (auto stat = read_stat(of); stat && stat->parent > 0; stat = read_stat(stat->parent))
        if (stat->parent == pid) return true;
    return false;
}

// Other workers of the same parent, or another instance with SO_REUSEPORT. Ancestors only hold the socket (a manager, systemd).
void refuse_shared_port(int pid, const std::vector<int>& processes, std::uint16_t port) {
    std::vector<int> others;
    for (const int owner : owners_of_port(port))
        if (std::find(processes.begin(), processes.end(), owner) == processes.end() && !is_ancestor(pid, owner)) others.push_back(owner);
    if (others.empty()) return;
    const auto stat = read_stat(pid);
    const bool siblings = stat && std::any_of(others.begin(), others.end(), [&](int other) {
                              const auto of = read_stat(other);
                              return of && of->parent == stat->parent;
                          });
    throw Error(ErrorKind::input, fmt::format("port {}", port),
                fmt::format("is also that of process{} {}, which would answer requests without being measured",
                            others.size() > 1 ? "es" : "", fmt::join(others, ", ")),
                siblings && stat->parent > 1 ? fmt::format("give the parent of all: --pid {}", stat->parent)
                                             : std::string("give the process that answers there, or stop the other one"));
}

// The process and its descendants at this moment, itself first.
std::vector<int> processes_of(int pid) {
    std::vector<int> processes = descendants_of(pid);
    processes.insert(processes.begin(), pid);
    return processes;
}

}  // namespace

void describe_running(TargetSpec& spec) {
    const ServiceHandle service(spec.pid);
    const std::vector<int> processes = processes_of(spec.pid);
    spec.arguments = command_line(spec.pid);
    if (spec.arguments.empty()) throw Error(ErrorKind::input, named(spec.pid), "is a thread of the kernel", "give a program's process");
    if (const std::string executable = executable_of(spec.pid); !executable.empty()) spec.arguments[0] = executable;
    if (spec.url.empty()) spec.url = find_url(spec.pid, listening_sockets(processes));
    if (spec.url.find('{') != std::string::npos)
        throw Error(ErrorKind::usage, "--target", "placeholders have no meaning with --pid", "give the URL at which the service answers");
    const http::Url url = http::parse_url(spec.url);
    http::check_connect_options(url, spec.connect);
    const bool local = url.host == "localhost" || url.host == "::1" || url.host.starts_with("127.");
    if (url.port != 0 && local && in_our_network(spec.pid)) refuse_shared_port(spec.pid, processes, url.port);
}

}  // namespace leakline::diagnose
