#include "memory/process_tree.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

namespace {

const auto kTicksPerSecond = static_cast<double>(::sysconf(_SC_CLK_TCK));

bool machine_has_swap(const SystemRoots& roots) {
    const auto text = read_small_file(roots.proc + "/swaps");  // a line of names, then one per area
    return text && std::count(text->begin(), text->end(), '\n') > 1;
}

}  // namespace

struct ProcessTree::Member {
    Member(const std::string& process_folder, bool keep_open) : folder(process_folder) {
        if (!keep_open) return;
        statm = ProcFile(folder + "/statm");
        stat = ProcFile(folder + "/stat");
    }
    // A descriptor stays with its process: a later one with the same pid is never read in its place.
    std::optional<std::string_view> read(ProcFile& kept, const char* name) const {
        return kept.is_open() ? kept.read() : ProcFile(folder + name).read();
    }
    std::string folder;
    ProcFile statm, stat;
    ProcessReading reading;
};

ProcessTree::ProcessTree(int root, SystemRoots roots, std::function<std::vector<int>()> adopted)
    : roots_(std::move(roots)), root_(root), swap_in_use_(machine_has_swap(roots_)), tracker_(root, roots_, std::move(adopted)) {
    auto member = std::make_unique<Member>(roots_.proc + "/" + std::to_string(root), true);
    member->reading.pid = root;
    member->reading.root = true;
    if (!read(*member, Depth::detailed)) throw Error(ErrorKind::system, "pid " + std::to_string(root), "there is no such process");
    members_.emplace(root, std::move(member));
}

ProcessTree::~ProcessTree() = default;

const std::vector<ProcessReading>& ProcessTree::read(Depth depth) {
    readings_.clear();
    for (const int pid : tracker_.discover(depth)) {
        auto member = std::make_unique<Member>(roots_.proc + "/" + std::to_string(pid), members_.size() < kMaxKeptOpen);
        member->reading.pid = pid;
        if (read(*member, Depth::detailed))
            members_.emplace(pid, std::move(member));
        else
            tracker_.forget(pid);
    }
    const auto root = members_.find(root_);
    if (!read(*root->second, depth) || root->second->reading.zombie) return readings_;
    readings_.push_back(root->second->reading);
    for (auto member = members_.begin(); member != members_.end();) {
        if (member == root || read(*member->second, depth)) {
            if (member != root) readings_.push_back(member->second->reading);
            ++member;
        } else {
            tracker_.forget(member->first);
            member = members_.erase(member);
        }
    }
    if (depth == Depth::detailed) {
        shared_.add(readings_, roots_, system_clock().monotonic());
        files_.add(readings_, roots_, system_clock().monotonic());
    }
    return readings_;
}

bool ProcessTree::read(Member& member, Depth depth) {
    ProcessReading& reading = member.reading;
    if (!reading.zombie) {
        const auto text = member.read(member.statm, "/statm");
        const auto statm = text ? parse_statm(*text) : std::nullopt;
        if (!statm) return false;
        reading.resident = statm->resident;
        reading.private_bytes = statm->resident - std::min(statm->resident, statm->shared);
        if (statm->size == 0) depth = Depth::detailed;  // a zombie now
        // All of statm's shared pages may belong to files.
        if (statm->size != 0 && (swap_in_use_ || (depth == Depth::detailed && statm->shared > 0)))
            if (const auto lines = ProcFile(member.folder + "/status").read())
                if (const auto status = parse_status(*lines)) {
                    reading.private_bytes += status->swap.value_or(0);
                    reading.shared_memory = status->rss_shmem.value_or(0);
                }
    }
    if (depth == Depth::quick) return true;
    const auto line = member.read(member.stat, "/stat");
    const auto stat = line ? parse_stat(*line) : std::nullopt;
    if (!stat || (reading.start_ticks != 0 && stat->start_ticks != reading.start_ticks)) return false;
    reading.start_ticks = stat->start_ticks;
    reading.name = stat->comm;
    reading.threads = stat->threads;
    reading.cpu_s = static_cast<double>(stat->cpu_ticks) / kTicksPerSecond;
    reading.waited_cpu_s = static_cast<double>(stat->waited_cpu_ticks) / kTicksPerSecond;
    reading.descriptors = count_descriptors(member.folder);
    if (stat->state != 'Z' && stat->state != 'X') return true;
    reading.zombie = true;
    reading.resident = reading.private_bytes = reading.shared_memory = 0;
    reading.descriptors.reset();
    member.statm = ProcFile();
    member.stat = ProcFile();
    tracker_.retire(reading.pid);
    return true;
}

// From Linux 6.2 on the size of /proc/PID/fd is the number; before, it must be listed.
std::optional<std::uint64_t> count_descriptors(const std::string& process_folder) {
    const std::string path = process_folder + "/fd";
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return std::nullopt;
    std::uint64_t count = 0;
    if (status.st_size > 0) {
        count = static_cast<std::uint64_t>(status.st_size);
    } else {
        while (const dirent* entry = ::readdir(directory)) count += entry->d_name[0] != '.' ? 1 : 0;
    }
    ::closedir(directory);
    return count;
}

std::optional<std::uint64_t> count_mappings(const std::string& process_folder) {
    std::ifstream file(process_folder + "/maps", std::ios::binary);
    if (!file) return std::nullopt;
    std::uint64_t count = 0;
    char buffer[65536];
    while (file.read(buffer, sizeof buffer), file.gcount() > 0)
        count += static_cast<std::uint64_t>(std::count(buffer, buffer + file.gcount(), '\n'));
    return count > 0 ? std::optional(count) : std::nullopt;  // empty: another user's, or a zombie's
}

}  // namespace leakline::memory
