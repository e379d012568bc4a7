#include "memory/resource_kinds.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "memory/internal/series_log_time.hpp"

namespace leakline::memory {

namespace {

bool is_word(char c) { return is_digit(c) || is_letter(c); }

// mkstemp's six characters hold digits or capitals in 995 of 1,000 names, Python's eight digits in 90 of 100.
constexpr std::size_t kShortestRandom = 6;

bool looks_random(std::string_view word, bool temporary) {
    const auto count = [&](bool (*is)(char)) { return std::count_if(word.begin(), word.end(), is); };
    const auto digits = count(is_digit), upper = count(is_upper), lower = count(is_lower);
    if (word.size() < kShortestRandom) return false;
    if (digits > 0 && digits + upper + lower == static_cast<std::ptrdiff_t>(word.size()) && (upper + lower > 0))
        return temporary || word.size() >= 8;
    // Not a name in camel case: capitals within.
    return temporary && word.size() == kShortestRandom && upper > 0 && lower > 0 && (upper > 1 || !is_upper(word.front()));
}

void append_folded(std::string& out, std::string_view word, bool temporary) {
    if (looks_random(word, temporary)) {
        out += '*';
        return;
    }
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (!is_digit(word[i]))
            out += word[i];
        else if (out.empty() || out.back() != '*')
            out += '*';
    }
}

template <typename Number>
std::optional<Number> number(std::string_view word, int base = 10) {
    Number value{};
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (word.empty() || error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return value;
}

std::string_view port_of(std::string_view address) { return address.substr(std::min(address.size(), address.rfind(':') + 1)); }

std::string_view tcp_state(unsigned state) {
    constexpr std::array<std::string_view, 13> kNames = {"",          "ESTABLISHED", "SYN_SENT",    "SYN_RECV",   "FIN_WAIT1",
                                                         "FIN_WAIT2", "TIME_WAIT",   "CLOSE",       "CLOSE_WAIT", "LAST_ACK",
                                                         "LISTEN",    "CLOSING",     "NEW_SYN_RECV"};
    return state < kNames.size() && state > 0 ? kNames[state] : "in an unknown state";
}

}  // namespace

std::string folded_name(std::string_view name) {
    const bool temporary = name.find("/tmp") != std::string_view::npos || name.starts_with("/dev/shm") || name.starts_with("/run/") ||
                           name.find("/temp") != std::string_view::npos;
    std::string out;
    for (std::size_t i = 0; i < name.size();) {
        std::size_t end = i;
        while (end < name.size() && is_word(name[end])) ++end;
        append_folded(out, name.substr(i, end - i), temporary);
        if (end < name.size()) out += name[end++];
        i = end;
    }
    return out;
}

std::vector<SocketRow> parse_socket_table(std::string_view text) {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode (proc(5))
    std::vector<SocketRow> rows;
    for (const std::string_view line : split(text, '\n')) {
        const std::vector<std::string_view> columns = words_of(line);
        if (columns.size() < 10 || !columns[0].ends_with(':')) continue;
        const auto state = number<unsigned>(columns[3], 16);
        const auto inode = number<std::uint64_t>(columns[9]);
        if (!state || !inode || *inode == 0) continue;
        rows.push_back({std::string(columns[1]), std::string(columns[2]), *state, *inode});
    }
    return rows;
}

std::optional<std::string> address_text(std::string_view kernel_form) {
    const std::size_t colon = kernel_form.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view host = kernel_form.substr(0, colon);
    const auto port = number<unsigned>(kernel_form.substr(colon + 1), 16);
    if (!port || (host.size() != 8 && host.size() != 32)) return std::nullopt;
    std::array<unsigned, 16> bytes{};  // the kernel prints words of 4 bytes in the machine's own order: little-endian here
    for (std::size_t word = 0; word * 8 < host.size(); ++word) {
        const auto value = number<std::uint32_t>(host.substr(word * 8, 8), 16);
        if (!value) return std::nullopt;
        for (std::size_t i = 0; i < 4; ++i) bytes[word * 4 + i] = (*value >> (8 * i)) & 0xff;
    }
    char buffer[64];
    const bool mapped = host.size() == 32 && bytes[10] == 0xff && bytes[11] == 0xff &&
                        std::all_of(bytes.begin(), bytes.begin() + 10, [](unsigned b) { return b == 0; });
    if (host.size() == 8 || mapped) {
        const std::size_t at = mapped ? 12 : 0;
        std::snprintf(buffer, sizeof buffer, "%u.%u.%u.%u:%u", bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3], *port);
        return buffer;
    }
    std::string out = "[";
    for (std::size_t i = 0; i < 16; i += 2) {
        std::snprintf(buffer, sizeof buffer, "%s%x", i == 0 ? "" : ":", bytes[i] << 8 | bytes[i + 1]);
        out += buffer;
    }
    return out + "]:" + std::to_string(*port);
}

void SocketTable::add_tcp(std::string_view text) {
    constexpr unsigned kListen = 10;
    for (SocketRow& row : parse_socket_table(text)) {
        if (row.state == kListen) listening_.emplace(port_of(row.local));
        const std::uint64_t inode = row.inode;
        tcp_.insert_or_assign(inode, std::move(row));
    }
}

void SocketTable::add_unix(std::string_view text) {
    // Num RefCount Protocol Flags Type St Inode Path; the path is optional.
    for (const std::string_view line : split(text, '\n')) {
        const std::vector<std::string_view> columns = words_of(line);
        if (columns.size() < 7) continue;
        const auto inode = number<std::uint64_t>(columns[6]);
        if (!inode || *inode == 0) continue;
        named_.insert_or_assign(*inode, columns.size() > 7 ? "unix socket " + folded_name(columns[7]) : std::string("unix socket"));
    }
}

void SocketTable::add_other(std::string_view text, const std::string& protocol) {
    for (const SocketRow& row : parse_socket_table(text)) named_.insert_or_assign(row.inode, protocol + " socket");
}

std::set<std::uint64_t> SocketTable::peers_of(const std::set<std::uint64_t>& own) const {
    std::set<std::pair<std::string_view, std::string_view>> far;
    for (const std::uint64_t inode : own)
        if (const auto row = tcp_.find(inode); row != tcp_.end()) far.emplace(row->second.remote, row->second.local);
    std::set<std::uint64_t> peers;
    for (const auto& [inode, row] : tcp_)
        if (far.contains({row.local, row.remote})) peers.insert(inode);
    return peers;
}

std::string SocketTable::kind(std::uint64_t inode) const {
    if (const auto other = named_.find(inode); other != named_.end()) return other->second;
    const auto found = tcp_.find(inode);
    if (found == tcp_.end()) return "socket (not connected)";
    const SocketRow& row = found->second;
    const std::string text = "TCP " + std::string(tcp_state(row.state));
    const std::string local = address_text(row.local).value_or("an unknown address"),
                      remote = address_text(row.remote).value_or("an unknown address");
    if (row.state == 10) return text + " on " + local;
    // Accepted connections differ by the client's port, opened ones by the local port.
    if (listening_.contains(std::string(port_of(row.local))))
        return text + " on port " + std::string(port_of(local)) + " from " + remote.substr(0, remote.rfind(':'));
    return text + " to " + remote;
}

std::optional<std::uint64_t> socket_inode(std::string_view link) {
    if (!link.starts_with("socket:[") || !link.ends_with(']')) return std::nullopt;
    return number<std::uint64_t>(link.substr(8, link.size() - 9));
}

std::string descriptor_kind(std::string_view link, const SocketTable& sockets) {
    if (const auto inode = socket_inode(link)) return sockets.kind(*inode);
    if (link.starts_with("pipe:[")) return "pipe";
    if (link.starts_with("anon_inode:")) {
        std::string_view name = link.substr(11);
        if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
        return name.empty() ? "anon_inode" : folded_name(name);
    }
    if (link.starts_with("/memfd:"))
        return "memfd " + folded_name(link.substr(7, link.find(' ') == std::string_view::npos ? link.size() : link.find(' ') - 7));
    if (link.starts_with("/dev/")) return "device " + folded_name(link);
    if (!link.starts_with('/')) return folded_name(link.substr(0, link.find(':')));
    constexpr std::string_view kDeleted = " (deleted)";
    const bool deleted = link.ends_with(kDeleted);
    if (deleted) link.remove_suffix(kDeleted.size());
    return std::string(deleted ? "deleted file " : "file ") + folded_name(link);
}

std::optional<std::string> mapping_kind(std::string_view line) {
    // begin-end perms offset dev inode [path]; the path may hold spaces
    const std::vector<std::string_view> columns = words_of(line);
    if (columns.size() < 5 || columns[0].find('-') == std::string_view::npos || columns[1].size() != 4) return std::nullopt;
    if (columns.size() == 5) return "anonymous memory " + std::string(columns[1]);
    const std::string_view path = line.substr(static_cast<std::size_t>(columns[5].data() - line.data()));
    if (path.starts_with("[anon:")) return "anonymous memory " + folded_name(path);
    if (path.starts_with('[')) return std::string(path);
    return "file " + folded_name(path);
}

ProcessLimits parse_limits(std::string_view text) {
    ProcessLimits limits;
    for (const std::string_view line : split(text, '\n')) {
        const auto soft = [&](std::string_view name) -> std::optional<std::uint64_t> {
            if (!line.starts_with(name)) return std::nullopt;
            const std::vector<std::string_view> columns = words_of(line.substr(name.size()));
            return columns.empty() ? std::nullopt : number<std::uint64_t>(columns[0]);
        };
        if (const auto value = soft("Max open files")) limits.open_files = value;
        if (const auto value = soft("Max processes")) limits.processes = value;
    }
    return limits;
}

}  // namespace leakline::memory
