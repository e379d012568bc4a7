#include "system/find_process.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/proc_file.hpp"

namespace leakline {

namespace {

namespace fs = std::filesystem;

std::vector<int> all_pids(const SystemRoots& roots) {
    std::vector<int> pids;
    std::error_code error;
    for (auto entry = fs::directory_iterator(roots.proc, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        int pid = 0;
        const auto result = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (result.ec == std::errc{} && result.ptr == name.data() + name.size() && pid > 0) pids.push_back(pid);
    }
    std::sort(pids.begin(), pids.end());
    return pids;
}

std::string link_target(const std::string& path) {
    std::error_code error;
    return fs::read_symlink(path, error).string();
}

bool is_named(int pid, const std::string& name, const SystemRoots& roots) {
    const auto stat = read_stat(pid, roots);
    if (!stat || stat->state == 'Z') return false;
    if (stat->comm == name) return true;
    const std::string folder = roots.proc + "/" + std::to_string(pid);
    if (file_name(link_target(folder + "/exe")) == name) return true;
    const auto arguments = read_small_file(folder + "/cmdline");
    return arguments && file_name(std::string_view(*arguments).substr(0, arguments->find('\0'))) == name;
}

// Whether wanted(inode) is true for a socket that the process has open; ends at the first.
template <class Wanted>
bool has_socket(int pid, const SystemRoots& roots, bool& hidden, const Wanted& wanted) {
    std::error_code error;
    auto entry = fs::directory_iterator(roots.proc + "/" + std::to_string(pid) + "/fd", error);
    hidden = hidden || error == std::errc::permission_denied;
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string target = link_target(entry->path().string());
        if (!target.starts_with("socket:[")) continue;
        std::uint64_t inode = 0;
        std::from_chars(target.data() + 8, target.data() + target.size(), inode);
        if (wanted(inode)) return true;
    }
    return false;
}

std::vector<int> owners_of(const std::vector<std::uint64_t>& inodes, const SystemRoots& roots, bool& hidden) {
    const auto is_one = [&](std::uint64_t inode) { return std::find(inodes.begin(), inodes.end(), inode) != inodes.end(); };
    std::vector<int> owners;
    for (const int pid : all_pids(roots))
        if (has_socket(pid, roots, hidden, is_one)) owners.push_back(pid);
    return owners;
}

std::vector<std::uint64_t> inodes_on_port(std::uint16_t port, const SystemRoots& roots) {
    std::vector<std::uint64_t> inodes;
    for (const char* table : {"/net/tcp", "/net/tcp6"})
        if (const auto text = read_small_file(roots.proc + table))
            for (const std::uint64_t inode : listening_inodes(*text, port)) inodes.push_back(inode);
    return inodes;
}

// The table has each group of four bytes of an address as a number of this machine's byte order. All addresses: the loopback's.
std::string address_text(std::string_view digits) {
    constexpr std::size_t kGroup = 8;  // digits
    std::array<std::uint32_t, 4> groups{};
    if (digits.size() != kGroup && digits.size() != 4 * kGroup) return "127.0.0.1";
    for (std::size_t i = 0; i < digits.size() / kGroup; ++i)
        std::from_chars(digits.data() + i * kGroup, digits.data() + (i + 1) * kGroup, groups[i], 16);
    const bool any = std::all_of(groups.begin(), groups.end(), [](std::uint32_t group) { return group == 0; });
    char text[INET6_ADDRSTRLEN] = "";
    if (!any) ::inet_ntop(digits.size() == kGroup ? AF_INET : AF_INET6, groups.data(), text, sizeof text);
    const std::string_view found = text;
    constexpr std::string_view kMapped = "::ffff:";  // of IPv4
    if (any || found.empty()) return "127.0.0.1";
    return std::string(found.starts_with(kMapped) ? found.substr(kMapped.size()) : found);
}

// found(fields): sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode (proc(5)), in hexadecimal.
template <class Found>
void for_each_socket(std::string_view table, std::string_view state, const Found& found) {
    for (const std::string_view line : split(table, '\n')) {
        std::vector<std::string_view> fields;
        for (const std::string_view field : split(line, ' '))
            if (!field.empty()) fields.push_back(field);
        if (fields.size() >= 10 && fields[3] == state) found(fields);
    }
}

std::optional<std::uint16_t> port_of(std::string_view end) {
    const std::size_t colon = end.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view digits = end.substr(colon + 1);
    unsigned port = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), port, 16);
    return result.ec == std::errc{} && port <= 0xffff ? std::optional(static_cast<std::uint16_t>(port)) : std::nullopt;
}

}  // namespace

std::vector<int> processes_named(const std::string& name, const SystemRoots& roots) {
    std::vector<int> found;
    for (const int pid : all_pids(roots))
        if (pid != ::getpid() && is_named(pid, name, roots)) found.push_back(pid);
    if (found.empty())
        throw Error(ErrorKind::input, "--name", "no process is named '" + printable(name) + "'",
                    "give the program name without its directory; ps -e lists the names");
    return found;
}

std::vector<ListeningSocket> parse_listening(std::string_view table) {
    std::vector<ListeningSocket> sockets;
    for_each_socket(table, "0A", [&](const std::vector<std::string_view>& fields) {  // TCP_LISTEN
        ListeningSocket socket;
        const auto port = port_of(fields[1]);
        const auto inode_result = std::from_chars(fields[9].data(), fields[9].data() + fields[9].size(), socket.inode);
        if (!port || inode_result.ec != std::errc{} || socket.inode == 0) return;
        socket.port = *port;
        socket.address = address_text(fields[1].substr(0, fields[1].rfind(':')));
        sockets.push_back(std::move(socket));
    });
    return sockets;
}

bool has_connection(std::string_view table, const SocketEnd& local, const SocketEnd& remote) {
    const auto is = [](std::string_view field, const SocketEnd& end) {
        return port_of(field) == end.port && address_text(field.substr(0, field.rfind(':'))) == end.address;
    };
    bool found = false;
    for_each_socket(table, "01", [&](const std::vector<std::string_view>& fields) {  // TCP_ESTABLISHED
        found = found || (is(fields[1], local) && is(fields[2], remote));
    });
    return found;
}

std::vector<std::string> own_addresses(std::string_view trie) {
    std::vector<std::string> found;
    std::string_view address;
    for (const std::string_view line : split(trie, '\n')) {
        const std::size_t leaf = line.find("|-- ");
        if (leaf != std::string_view::npos) address = line.substr(leaf + 4);
        if (line.find("/32 host LOCAL") == std::string_view::npos || address.empty() || address.starts_with("127.")) continue;
        if (std::find(found.begin(), found.end(), address) == found.end()) found.emplace_back(address);
    }
    return found;
}

std::vector<std::uint64_t> listening_inodes(std::string_view table, std::uint16_t port) {
    std::vector<std::uint64_t> inodes;
    for (const ListeningSocket& socket : parse_listening(table))
        if (socket.port == port) inodes.push_back(socket.inode);
    return inodes;
}

std::vector<ListeningSocket> listening_sockets(const std::vector<int>& pids, const SystemRoots& roots) {
    std::vector<ListeningSocket> found;
    if (pids.empty()) return found;
    bool hidden = false;
    std::set<std::uint64_t> held;
    const auto note = [&](std::uint64_t inode) {
        held.insert(inode);
        return false;
    };
    for (const int pid : pids) has_socket(pid, roots, hidden, note);
    for (const char* table : {"/net/tcp", "/net/tcp6"}) {
        const auto text = read_small_file(roots.proc + "/" + std::to_string(pids.front()) + table);
        for (ListeningSocket& socket : parse_listening(text.value_or(""))) {
            const bool known = std::any_of(found.begin(), found.end(), [&](const ListeningSocket& other) {
                return other.port == socket.port && other.address == socket.address;
            });
            if (!known && held.contains(socket.inode)) found.push_back(std::move(socket));
        }
    }
    return found;
}

std::vector<int> owners_of_port(std::uint16_t port, const SystemRoots& roots) {
    const std::vector<std::uint64_t> inodes = inodes_on_port(port, roots);
    bool hidden = false;
    return inodes.empty() ? std::vector<int>() : owners_of(inodes, roots, hidden);
}

std::vector<int> processes_on_port(std::uint16_t port, const SystemRoots& roots) {
    const std::string where = "--port " + std::to_string(port);
    const std::vector<std::uint64_t> inodes = inodes_on_port(port, roots);
    if (inodes.empty())
        throw Error(ErrorKind::input, where, "nothing listens on this TCP port",
                    "ss -ltnp shows what listens; a container has ports of its own, use --container");
    bool hidden = false;
    std::map<int, int> parent_of;  // of the owners
    for (const int pid : owners_of(inodes, roots, hidden))
        if (const auto stat = read_stat(pid, roots)) parent_of.emplace(pid, stat->parent);
    if (parent_of.empty())
        throw Error(ErrorKind::system, where, hidden ? "its owner is another user's process" : "its owner cannot be seen from here",
                    "run as root or as that user, or give --pid");
    std::vector<int> topmost;
    for (const auto& [pid, parent] : parent_of)
        if (!parent_of.contains(parent)) topmost.push_back(pid);
    return topmost;
}

}  // namespace leakline
