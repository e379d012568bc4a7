#include "memory/resource_probe.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/strings.hpp"
#include "memory/internal/ipc_objects.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

namespace {

constexpr std::size_t kMaxLinks = 4096, kMaxKindsOfReading = 200;
constexpr std::size_t kMaxText = std::size_t{16} << 20;

using Kinds = std::map<std::string, std::uint64_t>;

std::uint64_t& count_of(Kinds& kinds, std::string kind, std::uint64_t by) {
    // Bounds memory for a service whose names have no pattern.
    if (kinds.size() >= kMaxKindsOfReading && !kinds.contains(kind)) kind = "other kinds";
    return kinds[kind] += by;
}

std::optional<std::vector<std::string>> names_in(const std::string& folder) {
    DIR* directory = ::opendir(folder.c_str());
    if (directory == nullptr) return std::nullopt;
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(directory))
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    ::closedir(directory);
    return names;
}

std::string link_of(const std::string& path) {
    char buffer[1024];
    const ssize_t length = ::readlink(path.c_str(), buffer, sizeof buffer);
    return length > 0 ? std::string(buffer, static_cast<std::size_t>(length)) : std::string();
}

// Reads a text up to a limit; nothing if it cannot be read.
std::optional<std::string> read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text;
    char buffer[65536];
    while (text.size() < kMaxText && (file.read(buffer, sizeof buffer), file.gcount() > 0))
        text.append(buffer, static_cast<std::size_t>(file.gcount()));
    return text;
}

SocketTable sockets_of(const std::string& folder) {
    SocketTable table;
    for (const char* name : {"/net/tcp", "/net/tcp6"})
        if (const auto text = read_text(folder + name)) table.add_tcp(*text);
    if (const auto text = read_text(folder + "/net/unix")) table.add_unix(*text);
    for (const auto& [name, protocol] : {std::pair("/net/udp", "UDP"), std::pair("/net/udp6", "UDP"), std::pair("/net/raw", "raw")})
        if (const auto text = read_text(folder + name)) table.add_other(*text, protocol);
    return table;
}

std::set<std::uint64_t> own_sockets() {
    std::set<std::uint64_t> inodes;
    const auto names = names_in("/proc/self/fd");
    for (const std::string& name : names ? *names : std::vector<std::string>{})
        if (const auto inode = socket_inode(link_of("/proc/self/fd/" + name))) inodes.insert(*inode);
    return inodes;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
    const auto text = read_small_file(path);
    return text ? parse_number(*text) : std::nullopt;
}

ProcessLimits process_limits(const std::string& folder) {
    const auto text = read_small_file(folder + "/limits");
    return text ? parse_limits(*text) : ProcessLimits{};
}

struct Probe {
    const SystemRoots& roots;
    SocketTable sockets;
    std::set<std::uint64_t> not_counted;  // the service's ends of leakline's connections
    std::size_t links_left = kMaxLinks;
    ResourceSnapshot snapshot;

    void read_descriptors(const std::string& folder, ProcessResources& process, std::size_t share) {
        const auto names = names_in(folder + "/fd");
        if (!names) {
            snapshot.unreadable = true;
            return;
        }
        const std::size_t stride = names->size() / std::max<std::size_t>(1, std::min(share, links_left)) + 1;
        if (stride > 1) snapshot.kinds_cut = true;
        std::uint64_t ours = 0;
        for (std::size_t i = 0; i < names->size(); i += stride) {
            const std::string link = link_of(folder + "/fd/" + (*names)[i]);
            if (links_left > 0) --links_left;
            if (link.empty()) continue;
            const auto inode = socket_inode(link);
            if (inode && not_counted.contains(*inode))
                ours += stride;
            else
                count_of(process.kinds[0], descriptor_kind(link, sockets), stride);
        }
        process.count[0] = names->size() - std::min<std::uint64_t>(names->size(), stride > 1 ? not_counted.size() : ours);
    }

    void read_threads(const std::string& folder, ProcessResources& process) {
        const auto names = names_in(folder + "/task");
        if (!names) return;
        process.count[1] = names->size();
        const std::size_t stride = names->size() / kMaxLinks + 1;
        if (stride > 1) snapshot.kinds_cut = true;
        for (std::size_t i = 0; i < names->size(); i += stride)
            if (const auto name = read_small_file(folder + "/task/" + (*names)[i] + "/comm"))
                count_of(process.kinds[1], "thread " + folded_name(trim(*name)), stride);
    }

    void read_mappings(const std::string& folder, ProcessResources& process) {
        const auto text = read_text(folder + "/maps");
        if (!text || text->empty()) {
            snapshot.unreadable = true;
            return;
        }
        std::uint64_t count = 0;
        for (const std::string_view line : split(*text, '\n')) {
            const auto kind = mapping_kind(line);
            if (!kind) continue;
            ++count;
            count_of(process.kinds[2], *kind, 1);
        }
        process.count[2] = count;
    }

    void read(const ProcessId& id, std::size_t processes) {
        const std::string folder = roots.proc + "/" + std::to_string(id.pid);
        ProcessResources process;
        process.pid = id.pid;
        process.start_ticks = id.start_ticks;
        process.name = id.name;
        // The name is the program's, which a worker may change, so it means little. Ended processes are what leaks most often.
        process.count[3] = 1;
        ProcFile stat_file(folder + "/stat");
        const auto text = stat_file.read();
        const auto stat = text ? parse_stat(*text) : std::nullopt;
        if (!stat || stat->start_ticks != id.start_ticks) return;  // it has ended in the meantime
        process.zombie = stat->state == 'Z';
        count_of(process.kinds[3], (process.zombie ? "zombie " : "process ") + folded_name(stat->comm), 1);
        if (!process.zombie) {
            process.limits = process_limits(folder);
            read_descriptors(folder, process, std::max<std::size_t>(16, kMaxLinks / processes));
            read_threads(folder, process);
            read_mappings(folder, process);
        }
        snapshot.processes.push_back(std::move(process));
    }

    // They belong to no process: the root, which lasts as long as the service, has all.
    void read_ipc_objects(std::span<const ProcessId> processes) {
        if (snapshot.processes.empty() || snapshot.processes.front().pid != processes.front().pid) return;
        std::vector<int> pids;
        for (const ProcessId& id : processes) pids.push_back(id.pid);
        const auto objects = ipc_objects_of(pids, roots);
        if (!objects) return;
        constexpr auto kIpc = static_cast<std::size_t>(Resource::ipc_objects);
        ProcessResources& root = snapshot.processes.front();
        root.count[kIpc] = objects->count;
        for (const auto& [kind, number] : objects->kinds) count_of(root.kinds[kIpc], kind, number);
        const auto add_limit = [&](const char* kind, std::string_view name, std::uint64_t most) {
            const auto others = objects->of_others.find(kind);
            snapshot.ipc_limits.push_back({kind, name, most, others == objects->of_others.end() ? 0 : others->second});
        };
        const std::string kernel = roots.proc + "/sys/kernel/";
        if (const auto most = number_in(kernel + "shmmni")) add_limit(kSysvMemory, "kernel.shmmni", *most);
        if (const auto most = number_in(kernel + "msgmni")) add_limit(kSysvQueue, "kernel.msgmni", *most);
        const auto sem = read_small_file(kernel + "sem");  // "SEMMSL SEMMNS SEMOPM SEMMNI"
        const std::string_view last = sem ? trim(*sem) : std::string_view();
        if (const auto most = leakline::parse_number(last.substr(std::min(last.size(), last.find_last_of(" \t") + 1))))
            add_limit(kSysvSemaphores, "SEMMNI of kernel.sem", *most);
    }
};

}  // namespace

CountLimits read_count_limits(int pid, const SystemRoots& roots) {
    const std::string folder = roots.proc + "/" + std::to_string(pid);
    const ProcessLimits own = process_limits(folder);
    CountLimits limits;
    limits.descriptors = own.open_files;
    limits.mappings = number_in(roots.proc + "/sys/vm/max_map_count");
    const auto take = [&](std::optional<std::uint64_t> limit, const char* name) {
        if (!limit || (limits.threads && *limits.threads <= *limit)) return;
        limits.threads = limit;
        limits.threads_name = name;
    };
    take(number_in(roots.proc + "/sys/kernel/threads-max"), "kernel.threads-max");
    take(number_in(roots.proc + "/sys/kernel/pid_max"), "kernel.pid_max");
    if (::geteuid() != 0) take(own.processes, "RLIMIT_NPROC");  // root is not bound by it
    const auto membership = read_small_file(folder + "/cgroup");
    for (const std::string_view line : split(membership ? std::string_view(*membership) : std::string_view(), '\n')) {
        const bool unified = line.starts_with("0::"), pids = line.find(":pids:") != std::string_view::npos;
        if (!unified && !pids) continue;
        const std::string path(line.substr(unified ? 3 : line.find(":pids:") + 6));
        take(number_in(roots.cgroup + (pids ? "/pids" : "") + path + "/pids.max"), "pids.max of its cgroup");
    }
    return limits;
}

ResourceSnapshot probe_resources(std::span<const ProcessId> processes, IpcLook ipc_objects, const SystemRoots& roots) {
    if (processes.empty()) return {};
    Probe probe{roots, sockets_of(roots.proc + "/" + std::to_string(processes.front().pid)), {}, kMaxLinks, {}};
    probe.not_counted = probe.sockets.peers_of(own_sockets());
    const auto alive = std::count_if(processes.begin(), processes.end(), [](const ProcessId& id) { return !id.zombie; });
    for (const ProcessId& id : processes) probe.read(id, static_cast<std::size_t>(std::max<std::ptrdiff_t>(alive, 1)));
    if (ipc_objects == IpcLook::taken) probe.read_ipc_objects(processes);
    const CountLimits limits = read_count_limits(processes.front().pid, roots);
    probe.snapshot.most_mappings = limits.mappings;
    probe.snapshot.most_threads = limits.threads;
    probe.snapshot.most_threads_name = limits.threads_name;
    return std::move(probe.snapshot);
}

}  // namespace leakline::memory
