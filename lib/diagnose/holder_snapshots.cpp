#include "diagnose/internal/holder_snapshots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <string>

#include "analysis/verdict/held_by.hpp"
#include "base/quantities.hpp"
#include "diagnose/process_copies.hpp"
#include "model/runtime.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

namespace {

std::optional<double> time_of_round(const HeapProfile& profile, int number) {
    const std::string label = fmt::format("round {}", number);
    for (const HeapMark& mark : profile.marks)
        if (mark.kind == HeapMark::Kind::round_end && mark.label == label) return to_seconds(mark.at);
    return std::nullopt;
}

}  // namespace

std::optional<holders::Snapshot> HolderSnapshots::take() const {
    // The memory of an interpreter or a virtual machine is not held by variables of native code.
    if (!context_.options.holders || context_.extensions || !context_.no_lines.empty()) return std::nullopt;
    if (runtime_of_module(executable_of(pid_)) != Runtime::native) return std::nullopt;
    try {
        const auto now = read_stat(pid_);
        const Bytes resident = now ? now->resident : 0;
        if (resident == 0 || resident > kLargestCopied) {
            context_.detail("what holds memory is not looked for: the process has ended or is larger than 1 GiB");
            return std::nullopt;
        }
        return holders::Snapshot(pid_, context_.stop());
    } catch (const std::exception& error) {
        context_.detail(fmt::format("what holds memory is not known: {}", error.what()));
        return std::nullopt;
    }
}

void HolderSnapshots::after_round(int number) {
    last_round_ = number;
    if (number == kFirstSnapshotRound) first_ = take();
}

void HolderSnapshots::after_last_round() {
    if (first_ && last_round_ > kFirstSnapshotRound && !context_.stopped()) last_ = take();
}

std::optional<HeldBy> HolderSnapshots::held_by(const LineReport& lines, const HeapProfile& profile) const {
    const auto leaks = [](const LineGrowth& line) { return line.leaking; };
    if (!first_ || !last_ || context_.stopped() || lines.runtime != Runtime::native) return std::nullopt;
    if (std::none_of(lines.lines.begin(), lines.lines.end(), leaks)) return std::nullopt;
    const auto begin_s = time_of_round(profile, kFirstSnapshotRound), end_s = time_of_round(profile, last_round_);
    if (!begin_s || !end_s) return std::nullopt;
    context_.stage("finding what holds the growth");
    holders::HolderOptions options;
    options.most = holders::kMaxCompared;
    options.stop = context_.stop();
    try {
        const HolderReport before = first_->holders(options);
        const HolderReport growth = holders::growth_between(before, last_->holders(options), last_->taken() - first_->taken());
        const analysis::LeakedMemory leaked = analysis::leaked_between(lines, *begin_s, *end_s);
        context_.detail(fmt::format(
            "from round {} to {}, leaking lines grew by {}, the heap by {}, lost blocks by {}, {} by {}; stopped for {}",
            kFirstSnapshotRound, last_round_, format_bytes(leaked.bytes),
            format_signed_bytes(static_cast<double>(growth.growth_bytes.value_or(0))),
            format_signed_bytes(static_cast<double>(growth.growth_lost_bytes.value_or(0))),
            growth.holders.empty() ? "no holder" : growth.holders.front().path,
            format_signed_bytes(growth.holders.empty() ? 0 : static_cast<double>(growth.holders.front().growth_bytes.value_or(0))),
            format_duration(growth.paused)));
        if (context_.stopped()) return std::nullopt;
        return analysis::what_holds(growth, leaked);
    } catch (const std::exception& error) {
        context_.detail(fmt::format("what holds memory is not known: {}", error.what()));
        return std::nullopt;
    }
}

}  // namespace leakline::diagnose
