#include "diagnose/internal/service_handle.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

ServiceHandle::ServiceHandle(int pid) : pid_(pid) {
    const auto stat = read_stat(pid);
    if (has_ended(stat)) throw Error(ErrorKind::input, fmt::format("process {}", pid), "is not running", "ps -e lists what runs");
    start_ticks_ = stat->start_ticks;
}

bool ServiceHandle::running() const {
    if (child_ != nullptr) return child_->running();
    const auto stat = read_stat(pid_);
    return stat && stat->start_ticks == start_ticks_ && stat->state != 'Z' && stat->state != 'X';
}

std::string ServiceHandle::end_text() const {
    const auto ended = status();
    return ended ? ended->text() : std::string();
}

void ServiceHandle::end(Nanoseconds grace) const {
    if (child_ != nullptr) child_->terminate(grace);
}

}  // namespace leakline::diagnose
