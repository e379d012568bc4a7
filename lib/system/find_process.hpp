// Finds processes by a name or by a port.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "system/procfs.hpp"

namespace leakline {

// The processes whose comm, executable or argv[0] (without its folder) is name; smallest pid first, ourselves left
// out. Throws Error{input} where there is none.
std::vector<int> processes_named(const std::string& name, const SystemRoots& roots = {});

// The processes that hold a TCP socket listening on port, in our network namespace. Where a process and its
// descendants share the socket, only the topmost is returned; with SO_REUSEPORT there can be several. Throws
// Error{input} where nothing listens there, Error{system} where its owner may not be seen.
std::vector<int> processes_on_port(std::uint16_t port, const SystemRoots& roots = {});

// All processes that listen there, not only the topmost; none where nothing listens or it may not be seen.
std::vector<int> owners_of_port(std::uint16_t port, const SystemRoots& roots = {});

// A TCP socket that accepts connections.
struct ListeningSocket {
    std::string address;  // at which this machine reaches it: "127.0.0.1" where it listens on all addresses
    std::uint16_t port = 0;
    std::uint64_t inode = 0;
};
// Those of a table in the form of /proc/net/tcp or tcp6.
std::vector<ListeningSocket> parse_listening(std::string_view table);
// Those that the processes hold, in the network namespace of the first, one for each address and port. None where they may not be seen.
std::vector<ListeningSocket> listening_sockets(const std::vector<int>& pids, const SystemRoots& roots = {});

struct SocketEnd {
    std::string address;
    std::uint16_t port = 0;
};
// Whether a table in the form of /proc/net/tcp or tcp6 has this connection.
bool has_connection(std::string_view table, const SocketEnd& local, const SocketEnd& remote);
// The IPv4 addresses of a network namespace, without the loopback's, from the text of /proc/PID/net/fib_trie.
std::vector<std::string> own_addresses(std::string_view trie);

// The inodes of the sockets that listen on port, from the text of /proc/net/tcp or tcp6.
std::vector<std::uint64_t> listening_inodes(std::string_view table, std::uint16_t port);

}  // namespace leakline
