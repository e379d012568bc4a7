// What the kernel, and a JVM, print about memory, in any bytes: records that are within bounds, or nothing.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "memory/cgroup.hpp"
#include "memory/jvm.hpp"
#include "memory/resource_kinds.hpp"
#include "require.hpp"
#include "system/find_process.hpp"
#include "system/procfs.hpp"

namespace {

using leakline::fuzz::require;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    using namespace leakline::memory;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto statm = parse_statm(text)) require((statm->size | statm->resident | statm->shared) >> 57 == 0);
    if (const auto rollup = parse_smaps_rollup(text)) {
        require(rollup->rss.has_value() && *rollup->rss % 1024 == 0);
        require(rollup->pss.value_or(0) % 1024 == 0);
    }
    if (const auto stat = parse_stat(text)) require(stat->comm.size() < size && stat->state != '\0');
    parse_status(text);
    if (const auto waiting = parse_waiting_call(text)) require(waiting->number >= 0);
    status_value(text, "NSpid");
    parse_number(text);
    if (const auto membership = parse_cgroup_membership(text)) require(membership->path.size() < size);
    flat_value(text, "oom_kill");
    require(listening_inodes(text, 8080).size() <= size / 10);
    // A row takes at least ten columns.
    const std::vector<SocketRow> sockets = parse_socket_table(text);
    require(sockets.size() <= size / 10);
    SocketTable table;
    table.add_tcp(text);
    table.add_unix(text);
    table.add_other(text, "UDP");
    for (const SocketRow& row : sockets) {
        require(row.inode != 0 && !table.kind(row.inode).empty());
        address_text(row.local);
    }
    require(folded_name(text).size() <= size);
    require(size == 0 || !descriptor_kind(text, table).empty() || text.front() == ':');
    if (const auto kind = mapping_kind(text)) require(!kind->empty());
    parse_limits(text);
    if (const auto live = parse_class_histogram(text)) require(live->classes.size() <= size / 8);
    return 0;
}
