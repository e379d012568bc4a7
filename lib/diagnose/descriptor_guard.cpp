#include "diagnose/internal/descriptor_guard.hpp"

#include <string>

#include "memory/resource_kinds.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

namespace {

constexpr double kNearLimit = 0.8, kOpenedInRun = 0.5;

std::string folder_of(int pid) { return "/proc/" + std::to_string(pid); }

}  // namespace

DescriptorGuard::DescriptorGuard(int pid) : pid_(pid), first_(memory::count_descriptors(folder_of(pid))) { read_limit(); }

void DescriptorGuard::read_limit() {
    const auto text = read_small_file(folder_of(pid_) + "/limits");
    limit_ = text ? memory::parse_limits(*text).open_files : std::nullopt;
}

bool DescriptorGuard::near(std::uint64_t count) const {
    if (!first_ || !limit_) return false;
    const auto held = static_cast<double>(count), limit = static_cast<double>(*limit_);
    return held >= kNearLimit * limit && held - static_cast<double>(*first_) >= kOpenedInRun * limit;
}

bool DescriptorGuard::nearly_used_up(std::uint64_t count) {
    if (!near(count)) return false;
    read_limit();  // the process may have raised it since
    return near(count);
}

bool DescriptorGuard::nearly_used_up() {
    const auto count = memory::count_descriptors(folder_of(pid_));
    return count && nearly_used_up(*count);
}

}  // namespace leakline::diagnose
