// The kind of a descriptor, a thread or a mapping, from /proc: names under which those that leak together are counted
// together. Pure: text in, text or records out.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace leakline::memory {

// A name with '*' in place of what differs between files or threads: numbers, hexadecimal ids, the random part of a
// temporary name. "worker-12" -> "worker-*", "/tmp/upload.Xa81bC" -> "/tmp/upload.*".
std::string folded_name(std::string_view name);

// /proc/PID/net/tcp or tcp6: one socket per line. Addresses are as the kernel prints them (hexadecimal, a colon, the port).
struct SocketRow {
    std::string local, remote;
    unsigned state = 0;  // include/net/tcp_states.h: 1 ESTABLISHED, 8 CLOSE_WAIT, 10 LISTEN
    std::uint64_t inode = 0;
};
std::vector<SocketRow> parse_socket_table(std::string_view text);

// "127.0.0.1:8080", "[::1]:80"; an IPv4 address within IPv6 as IPv4. Nothing if it is not an address of those tables.
std::optional<std::string> address_text(std::string_view kernel_form);

// The sockets of a network namespace.
class SocketTable {
  public:
    void add_tcp(std::string_view text);                                 // net/tcp, net/tcp6
    void add_unix(std::string_view text);                                // net/unix
    void add_other(std::string_view text, const std::string& protocol);  // net/udp, ...: the same columns as tcp

    // The other ends of these sockets are not counted: inodes of leakline's own sockets.
    std::set<std::uint64_t> peers_of(const std::set<std::uint64_t>& own) const;
    // "TCP CLOSE_WAIT to 10.0.0.5:5432", "TCP ESTABLISHED on port 8080 from 10.0.0.7", "unix socket /run/db.sock".
    std::string kind(std::uint64_t inode) const;

  private:
    std::map<std::uint64_t, SocketRow> tcp_;
    std::map<std::uint64_t, std::string> named_;  // of the others
    std::set<std::string> listening_;             // local ports, hexadecimal
};

// The kind of the target of /proc/PID/fd/N: "regular file /var/log/app-*.log", "pipe", "eventfd", or as SocketTable returns it.
std::string descriptor_kind(std::string_view link, const SocketTable& sockets);
// The inode of "socket:[123]".
std::optional<std::uint64_t> socket_inode(std::string_view link);

// A line of /proc/PID/maps: "file /usr/lib/libc.so.*", "anonymous memory rw-p", "[heap]", "thread stack".
// Nothing if it is another line.
std::optional<std::string> mapping_kind(std::string_view line);

// /proc/PID/limits: the soft limits; nothing if unlimited or absent.
struct ProcessLimits {
    std::optional<std::uint64_t> open_files, processes;
};
ProcessLimits parse_limits(std::string_view text);

}  // namespace leakline::memory
