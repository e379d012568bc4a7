#include "heap/internal/forked_children.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <vector>

#include "base/strings.hpp"
#include "system/proc_file.hpp"

namespace leakline::heap {

namespace {

std::uint64_t processor_ticks(int pid) {
    const auto stat = read_stat(pid);
    return stat ? stat->cpu_ticks : 0;
}

std::vector<int> children_of(int pid) {
    std::vector<int> children;
    std::error_code ignored;
    // Each thread has children of its own.
    for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), ignored)) {
        const auto text = read_small_file(task.path().string() + "/children");
        if (!text) continue;
        for (const std::string_view word : split(*text, ' ')) {
            int child = 0;
            if (std::from_chars(word.data(), word.data() + word.size(), child).ec == std::errc{}) children.push_back(child);
        }
    }
    return children;
}

}  // namespace

void ForkedChildren::look() {
    std::map<int, bool> there;
    const std::vector<int> children = children_of(pid_);
    if (!children.empty()) {
        const std::string own = executable_of(pid_);
        const std::uint64_t own_ticks = processor_ticks(pid_);
        std::size_t workers = 0;
        for (const int child : children) {
            const std::string program = executable_of(child);
            const bool copy = !program.empty() && program == own;
            there.emplace(child, copy);
            const auto before = there_.find(child);
            if (before == there_.end() || !(copy ? before->second : processor_ticks(child) > own_ticks)) continue;
            if (++workers > most_) one_of_them_ = fmt::format("pid {}, {}", child, program);
        }
        most_ = std::max(most_, workers);
    }
    there_ = std::move(there);
}

std::string ForkedChildren::warning() const {
    if (most_ == 0) return {};
    return fmt::format(
        "{} child process{} that did work {} not recorded ({}{}): the tracker does not follow forks; run it as one process (nginx: 'master_process off;'), or record the child's own command",
        most_, most_ == 1 ? "" : "es", most_ == 1 ? "was" : "were", most_ == 1 ? "" : "one: ", printable(one_of_them_));
}

}  // namespace leakline::heap
