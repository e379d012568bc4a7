#include "system/machine_load.hpp"

#include <algorithm>
#include <charconv>

#include "base/strings.hpp"
#include "system/proc_file.hpp"

namespace leakline {

namespace {

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::vector<std::uint64_t> numbers(std::string_view line) {
    std::vector<std::uint64_t> values;
    for (const std::string_view word : split(line, ' '))
        if (!word.empty()) values.push_back(number(word));
    return values;
}

}  // namespace

MachineLoad::MachineLoad(std::vector<int> own, std::string root) : own_(std::move(own)), root_(std::move(root)), start_(read()) {}

std::optional<MachineLoad::Times> MachineLoad::read() const {
    const auto text = read_small_file(root_ + "/proc/stat");
    if (!text || !text->starts_with("cpu ")) return std::nullopt;
    // user nice system idle iowait irq softirq steal guest guest_nice: the last two are part of the first two.
    std::string_view rest = std::string_view(*text).substr(4);
    const auto values = numbers(take_line(rest));
    if (values.size() < 8) return std::nullopt;
    Times times;
    for (std::size_t i = 0; i < 8; ++i) times.total += values[i];
    times.idle = values[3] + values[4];
    times.steal = values[7];
    SystemRoots roots;
    roots.proc = root_ + "/proc";
    for (const int pid : own_)
        if (const auto stat = read_stat(pid, roots)) times.own += stat->cpu_ticks;
    return times;
}

std::optional<MachineLoad::Shares> MachineLoad::since_start() const {
    constexpr std::uint64_t kMinTicks = 50;
    const auto now = read();
    if (!start_ || !now || now->total < start_->total + kMinTicks) return std::nullopt;
    const auto share = [&](std::uint64_t Times::*member) {
        const std::uint64_t before = (*start_).*member, after = (*now).*member;
        return static_cast<double>(after - std::min(before, after)) / static_cast<double>(now->total - start_->total);
    };
    Shares shares;
    shares.steal = share(&Times::steal);
    shares.others = std::max(0.0, 1 - share(&Times::idle) - shares.steal - share(&Times::own));
    return shares;
}

}  // namespace leakline
