#include "heap/internal/passed_over.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.hpp"
#include "system/proc_file.hpp"

namespace leakline::heap {

void PassedOver::look(unwind::FollowBlock& block, int recorded) {
    if (const auto stat = read_stat(recorded); stat && stat->state != 'Z') {
        recorded_ticks_ = stat->cpu_ticks;
        recorded_ = executable_of(recorded);
    }
    std::map<int, std::string> there;
    for (std::atomic<std::int32_t>& slot : block.passed_over) {
        const int pid = slot.load();
        if (pid == 0) continue;
        const auto stat = read_stat(pid);
        if (!stat || stat->state == 'Z') {
            slot = 0;
            continue;
        }
        const std::string program = executable_of(pid);
        there.emplace(pid, program);
        const auto before = there_.find(pid);
        if (before == there_.end() || before->second != program || stat->cpu_ticks <= std::max(ticks_, recorded_ticks_)) continue;
        ticks_ = stat->cpu_ticks;
        program_ = program;
    }
    there_ = std::move(there);
}

std::string PassedOver::warning() const {
    if (program_.empty()) return {};
    return fmt::format(
        "{} was recorded, but {}, which was started after it, did more work and was not recorded: record that program directly (leakline "
        "... -- {} ARG...)",
        printable(recorded_), printable(program_), printable(program_));
}

}  // namespace leakline::heap
