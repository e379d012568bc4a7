#include "heap/internal/python_search.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "agent/segment.hpp"
#include "base/error.hpp"
#include "heap/internal/segment_file.hpp"
#include "heap/python_holders.hpp"
#include "system/byte_source.hpp"
#include "system/clock.hpp"
#include "system/descriptor.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"

namespace leakline::heap {

namespace {

using agent::PythonState, agent::SearchState, agent::SegmentHeader;

// Fields of the header, in the file that the agent has mapped.
class HeaderFile {
  public:
    HeaderFile(const std::string& segment, int flags) : file_(::open(segment.c_str(), flags | O_CLOEXEC | O_NOFOLLOW)) {}

    template <class Field>
    std::optional<Field> read(std::size_t place) const {
        Field field{};
        if (::pread(file_.get(), &field, sizeof field, static_cast<off_t>(place)) != static_cast<ssize_t>(sizeof field))
            return std::nullopt;
        return field;
    }
    template <class Field>
    bool write(std::size_t place, Field field) const {
        return ::pwrite(file_.get(), &field, sizeof field, static_cast<off_t>(place)) == static_cast<ssize_t>(sizeof field);
    }
    SearchState state() const { return read<SearchState>(offsetof(SegmentHeader, search)).value_or(SearchState::impossible); }

  private:
    Descriptor file_;
};

std::string answer_of(const std::string& segment) { return segment + ".holders"; }

// Whether a copy runs: it locks its answer. It ends after 30 s at the latest.
bool is_searching(const std::string& segment) {
    const Descriptor file(::open(answer_of(segment).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    return file.get() >= 0 && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0;
}

std::string reason_of(SearchState state, int pid) {
    switch (state) {
        case SearchState::none:
        case SearchState::asked: return fmt::format("process {} has not allocated memory since it was asked", pid);
        case SearchState::waiting: return fmt::format("the main thread of process {} has executed no Python code since it was asked", pid);
        case SearchState::searching:
        case SearchState::done: return fmt::format("the search in a copy of process {} did not end", pid);
        case SearchState::impossible: break;
    }
    return fmt::format("process {} cannot be copied", pid);
}

// The segment that a process has mapped; nothing if it has none, or no Python that the agent knows.
std::optional<std::string> segment_of(int pid) {
    const auto maps = read_small_file(fmt::format("/proc/{}/maps", pid));
    for (const Mapping& mapping : parse_mappings(maps.value_or(std::string())))
        if (mapping.shared && mapping.writable && mapping.is_file() && mapping.path.find("/leakline-") != mapping.path.npos) {
            const HeaderFile header(mapping.path, O_RDONLY);
            if (header.read<std::uint64_t>(offsetof(SegmentHeader, magic)) == agent::kSegmentMagic &&
                header.read<std::uint32_t>(offsetof(SegmentHeader, version)) == agent::kSegmentVersion &&
                header.read<PythonState>(offsetof(SegmentHeader, python)) == PythonState::known)
                return mapping.path;
        }
    return std::nullopt;
}

// Of all live blocks, as estimated.
void set_totals(const std::string& segment, HolderReport& report) {
    SegmentReader reader(Descriptor(::open(segment.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)), segment);
    if (!reader.read()) return;
    double blocks = 0, bytes = 0;
    std::uint64_t samples = 0;
    for (const SampledBlock& sample : reader.samples()) {
        if (sample.number == 0) continue;
        const BlockEstimate estimate = estimate_of(sample);
        blocks += estimate.blocks;
        bytes += estimate.bytes;
        ++samples;
    }
    report.command = reader.executable();
    report.blocks = static_cast<std::uint64_t>(blocks);
    report.bytes = static_cast<Bytes>(bytes);
    report.warnings.push_back(fmt::format("sizes are estimated from {} sampled blocks, allocated since it is recorded", samples));
}

}  // namespace

bool has_python_agent(int pid) { return segment_of(pid).has_value(); }

std::optional<HolderReport> find_python_holders(int pid, Nanoseconds since) {
    constexpr Nanoseconds kPatience = std::chrono::seconds(15);
    const Nanoseconds begin = system_clock().monotonic();
    const std::optional<std::string> segment = segment_of(pid);
    if (!segment) return std::nullopt;
    const std::string where = fmt::format("process {}", pid);
    if (!ask_for_holders(*segment, pid, since)) throw Error(ErrorKind::system, where, "another search in it has not ended", "try again");
    PythonHolders found;
    read_holders(*segment, pid, kPatience, found);
    if (!found.reason.empty()) throw Error(ErrorKind::system, where, found.reason, "send it a request meanwhile");
    HolderReport report;
    report.process = pid;
    report.allocator = "Python";
    report.paused = found.stopped;
    set_totals(*segment, report);
    for (PythonHolder& one : found.holders) {
        if (since == Nanoseconds::zero()) one.holder.growth_bytes.reset();
        report.holders.push_back(std::move(one.holder));
    }
    const auto size = [](const Holder& holder) { return holder.growth_bytes.value_or(static_cast<std::int64_t>(holder.bytes)); };
    std::stable_sort(report.holders.begin(), report.holders.end(), [&](const Holder& a, const Holder& b) { return size(a) > size(b); });
    report.lost_blocks = found.lost_blocks;
    report.lost_bytes = found.lost_bytes;
    report.took = system_clock().monotonic() - begin;
    return report;
}

bool ask_for_holders(const std::string& segment, int pid, Nanoseconds since) {
    const HeaderFile header(segment, O_RDWR);
    if (header.read<PythonState>(offsetof(SegmentHeader, python)) != PythonState::known || !read_stat(pid)) return false;
    const SearchState state = header.state();
    if (state == SearchState::searching && is_searching(segment)) return false;
    ::unlink(answer_of(segment).c_str());
    if (!header.write(offsetof(SegmentHeader, search_since_ns), static_cast<std::uint64_t>(since.count()))) return false;
    return header.write(offsetof(SegmentHeader, search), SearchState::asked);
}

void read_holders(const std::string& segment, int pid, Nanoseconds patience, PythonHolders& found) {
    constexpr Nanoseconds kStep = std::chrono::milliseconds(10);
    constexpr std::size_t kLargest = std::size_t{16} << 20;
    const HeaderFile header(segment, O_RDWR);
    SearchState state = header.state();
    Nanoseconds waits_since = system_clock().monotonic();
    while (state != SearchState::done && state != SearchState::impossible && read_stat(pid)) {
        const Nanoseconds now = system_clock().monotonic();
        if (state == SearchState::searching && is_searching(segment))
            waits_since = now;
        else if (now - waits_since >= patience)
            break;
        system_clock().sleep_until(now + kStep);
        state = header.state();
    }
    // Withdrawn, so that the process makes no copy later.
    if (state == SearchState::asked || state == SearchState::waiting) header.write(offsetof(SegmentHeader, search), SearchState::none);
    const std::uint64_t stopped = header.read<std::uint64_t>(offsetof(SegmentHeader, search_ns)).value_or(0);
    found.stopped = std::max(found.stopped, Nanoseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(stopped, INT64_MAX))));
    try {
        if (add_answer(read_file(answer_of(segment), kLargest), found)) return;
    } catch (const Error&) {
        // There is none: the state says why.
    }
    found.reason = reason_of(state, pid);
}

}  // namespace leakline::heap
