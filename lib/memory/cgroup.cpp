#include "memory/cgroup.hpp"

#include <filesystem>
#include <limits>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

namespace fs = std::filesystem;
using Version = CgroupDirectory::Version;

namespace {

const char* current_name(Version version) { return version == Version::v1 ? "memory.usage_in_bytes" : "memory.current"; }

const char* limit_name(Version version) { return version == Version::v1 ? "/memory.limit_in_bytes" : "/memory.max"; }

// Directories with a limit: its own first, then those above it.
std::vector<std::string> levels_of(const CgroupDirectory& directory, const SystemRoots& roots) {
    const auto hierarchy = memory_hierarchy(roots);
    const std::string top = hierarchy ? hierarchy->path : directory.path;
    std::vector<std::string> levels;
    for (std::string path = directory.path;; path = fs::path(path).parent_path().string()) {
        levels.push_back(path);
        if (path == top || path.size() <= top.size() || path.compare(0, top.size(), top) != 0) return levels;
    }
}

bool is_directory(const std::string& path) {
    std::error_code error;
    return fs::is_directory(path, error);
}

bool is_memory_cgroup(const CgroupDirectory& directory) {
    std::error_code error;
    // The root of version 2 has no memory.current: it is the whole machine.
    return fs::exists(directory.path + "/" + current_name(directory.version), error);
}

std::optional<std::uint64_t> read_number(ProcFile& file) {
    const auto text = file.read();
    return text ? parse_number(*text) : std::nullopt;
}

}  // namespace

std::optional<CgroupMembership> parse_cgroup_membership(std::string_view text) {
    std::optional<CgroupMembership> unified;
    for (const std::string_view line : split(text, '\n')) {
        // hierarchy-ID:controller-list:cgroup-path (cgroups(7)); the path can hold colons.
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const std::string path(line.substr(second + 1));
        if (line.substr(0, first) == "0" && controllers.empty()) unified = CgroupMembership{Version::v2, path};
        for (const std::string_view controller : split(controllers, ','))
            if (controller == "memory") return CgroupMembership{Version::v1, path};
    }
    return unified;
}

std::optional<CgroupDirectory> memory_hierarchy(const SystemRoots& roots) {
    if (is_memory_cgroup({Version::v1, roots.cgroup + "/memory"})) return CgroupDirectory{Version::v1, roots.cgroup + "/memory"};
    std::error_code error;
    if (fs::exists(roots.cgroup + "/cgroup.controllers", error)) return CgroupDirectory{Version::v2, roots.cgroup};
    return std::nullopt;
}

std::optional<CgroupDirectory> memory_cgroup_of(int pid, const SystemRoots& roots) {
    const auto text = read_small_file(roots.proc + "/" + std::to_string(pid) + "/cgroup");
    const auto membership = text ? parse_cgroup_membership(*text) : std::nullopt;
    const auto hierarchy = memory_hierarchy(roots);
    if (!membership || !hierarchy || membership->version != hierarchy->version) return std::nullopt;
    CgroupDirectory directory{hierarchy->version, hierarchy->path};
    if (membership->path.starts_with("/..")) return std::nullopt;  // outside of our cgroup namespace, so not to be seen
    if (membership->path != "/") directory.path += membership->path;
    if (!is_directory(directory.path)) directory.path = hierarchy->path;
    if (!is_memory_cgroup(directory)) return std::nullopt;
    return directory;
}

CgroupDirectory open_cgroup(const std::string& directory, const SystemRoots& roots) {
    std::vector<std::string> candidates = {directory};
    if (const auto hierarchy = memory_hierarchy(roots)) candidates.push_back(hierarchy->path + "/" + directory);
    for (const std::string& path : candidates)
        for (const Version version : {Version::v2, Version::v1})
            if (is_memory_cgroup({version, path})) return {version, path};
    throw Error(ErrorKind::input, directory,
                is_directory(directory) ? "is not a memory cgroup (it has neither memory.current nor "
                                          "memory.usage_in_bytes)"
                                        : "there is no such cgroup",
                "cat /proc/PID/cgroup shows the one of a process");
}

CgroupDirectory container_cgroup(const std::string& id, const SystemRoots& roots) {
    const auto hierarchy = memory_hierarchy(roots);
    if (!hierarchy)
        throw Error(ErrorKind::input, roots.cgroup, "no memory cgroups are mounted here",
                    "mount the cgroup file system, or sample the container's main process with --pid");
    if (id.size() < 12 || id.find('/') != std::string::npos)
        throw Error(ErrorKind::usage, "--container", "'" + printable(id) + "' is too short to name one container",
                    "docker ps --no-trunc shows the ids; at least 12 characters are needed");
    std::vector<std::string> found;
    std::error_code error;
    // docker/ID, docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope, kubepods/.../ID
    for (auto entry = fs::recursive_directory_iterator(hierarchy->path, fs::directory_options::skip_permission_denied, error);
         !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
        std::error_code ignored;
        if (!entry->is_directory(ignored) || entry->is_symlink(ignored)) continue;
        if (entry->path().filename().string().find(id) == std::string::npos) continue;
        found.push_back(entry->path().string());
        entry.disable_recursion_pending();  // the container's own subgroups count towards it
    }
    if (found.empty())
        throw Error(ErrorKind::input, "container " + id, "no cgroup below " + hierarchy->path + " has this id",
                    "is it running? docker ps --no-trunc");
    if (found.size() > 1)
        throw Error(ErrorKind::input, "container " + id,
                    "names " + std::to_string(found.size()) + " cgroups, " + found[0] + " and " + found[1], "give the whole id");
    return {hierarchy->version, found[0]};
}

std::optional<std::uint64_t> flat_value(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (line.size() > name.size() && line[name.size()] == ' ' && line.substr(0, name.size()) == name)
            return parse_number(line.substr(name.size() + 1));
    }
    return std::nullopt;
}

namespace {

// Version 1 writes "no limit" as a number near 2^63, version 2 as "max".
std::optional<Bytes> limit_in(ProcFile& file) {
    constexpr Bytes kNoLimit = Bytes{1} << 62;
    const auto value = read_number(file);
    return value && *value < kNoLimit ? value : std::nullopt;
}

}  // namespace

CgroupReader::CgroupReader(CgroupDirectory directory, const SystemRoots& roots)
    : directory_(std::move(directory)),
      current_(directory_.path + "/" + current_name(directory_.version)),
      stat_(directory_.path + "/memory.stat"),
      events_(directory_.path + (directory_.version == Version::v1 ? "/memory.oom_control" : "/memory.events")),
      failures_(directory_.path + "/memory.failcnt") {
    for (const std::string& path : levels_of(directory_, roots)) limits_.emplace_back(path + limit_name(directory_.version));
}

std::optional<Bytes> CgroupReader::limit() {
    std::optional<Bytes> smallest;
    for (ProcFile& file : limits_)
        if (const auto value = limit_in(file))
            if (!smallest || *value < *smallest) smallest = value;
    return smallest;
}

std::optional<CgroupRoom> cgroup_room(int pid, const SystemRoots& roots) {
    const auto directory = memory_cgroup_of(pid, roots);
    if (!directory) return std::nullopt;
    const std::string_view all = directory->version == Version::v1 ? "total_" : "";
    std::optional<CgroupRoom> room;
    for (const std::string& path : levels_of(*directory, roots)) {
        ProcFile limit_file(path + limit_name(directory->version)), current_file(path + "/" + current_name(directory->version));
        ProcFile stat(path + "/memory.stat");
        const auto limit = limit_in(limit_file), current = read_number(current_file);
        if (!limit || !current) continue;
        const auto text = stat.read();
        const auto of_files = [&](std::string_view name) {
            return text ? flat_value(*text, std::string(all).append(name)).value_or(0) : 0;
        };
        const Bytes files = of_files("inactive_file") + of_files("active_file"), used = *current - std::min(*current, files);
        const Bytes free = *limit - std::min(*limit, used);
        const Bytes unused = *limit - std::min(*limit, *current);
        if (!room) room = {*limit, free, unused};
        if (free < room->free) room->limit = *limit, room->free = free;
        room->unused = std::min(room->unused, unused);
    }
    return room;
}

std::optional<std::uint64_t> CgroupReader::limit_hits() {
    if (directory_.version == Version::v1) return read_number(failures_);
    const auto text = events_.read();
    return text ? flat_value(*text, "max") : std::nullopt;
}

bool CgroupReader::read(Depth depth, const std::array<bool, kMetricCount>& wanted, MemorySample& sample) {
    const auto wants = [&](Metric metric) { return wanted[static_cast<std::size_t>(metric)]; };
    const auto current = read_number(current_);
    if (!current) return false;
    if (wants(Metric::cgroup)) sample[Metric::cgroup] = current;
    if (depth == Depth::quick) return true;
    if (wants(Metric::cgroup_anonymous))
        if (const auto text = stat_.read())
            // Version 1's rss is anonymous memory and swap cache; total_ counts the groups below as version 2 does.
            sample[Metric::cgroup_anonymous] = flat_value(*text, directory_.version == Version::v1 ? "total_rss" : "anon");
    if (wants(Metric::cgroup_limit)) sample[Metric::cgroup_limit] = limit();
    if (wants(Metric::cgroup_oom_kills))
        if (const auto text = events_.read()) sample[Metric::cgroup_oom_kills] = flat_value(*text, "oom_kill");
    if (wants(Metric::cgroup_limit_hits)) sample[Metric::cgroup_limit_hits] = limit_hits();
    return true;
}

namespace {

class CgroupSource : public MemorySource {
  public:
    CgroupSource(CgroupDirectory directory, const std::vector<Metric>& metrics, const SystemRoots& roots)
        : reader_(std::move(directory), roots) {
        for (const Metric metric : metrics) wanted_[static_cast<std::size_t>(metric)] = true;
        subject_.name = reader_.directory().path;
        MemorySample probe;
        if (!reader_.read(Depth::quick, wanted_, probe))
            throw Error(ErrorKind::system, subject_.name, "cannot read how much memory the cgroup uses");
    }

    const Subject& subject() const override { return subject_; }

    bool read(Depth depth, Nanoseconds at, const Sink& sink) override {
        MemorySample sample;
        sample.at = at;
        if (!reader_.read(depth, wanted_, sample)) return false;
        sink(subject_, sample);
        return true;
    }

  private:
    CgroupReader reader_;
    std::array<bool, kMetricCount> wanted_{};
    Subject subject_;
};

}  // namespace

std::unique_ptr<MemorySource> cgroup_source(CgroupDirectory directory, std::vector<Metric> metrics, const SystemRoots& roots) {
    return std::make_unique<CgroupSource>(std::move(directory), metrics, roots);
}

}  // namespace leakline::memory
