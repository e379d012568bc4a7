#include "heap/internal/python_search.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/segment.hpp"
#include "base/error.hpp"
#include "heap/internal/segment_file.hpp"
#include "heap/python_holders.hpp"
#include "system/clock.hpp"
#include "system/descriptor.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"

namespace leakline::heap {

namespace {

using agent::PythonState, agent::SearchState, agent::SegmentHeader;

std::string reason_of(SearchState state, int pid) {
    switch (state) {
        case SearchState::none:
        case SearchState::asked: return fmt::format("process {} has not allocated memory since it was asked", pid);
        case SearchState::waiting: return fmt::format("process {} has executed no Python code since it was asked", pid);
        case SearchState::searching:
        case SearchState::done: return fmt::format("the search in a copy of process {} did not end", pid);
        case SearchState::impossible: break;
    }
    return fmt::format("process {} cannot be copied", pid);
}

// The segment that a process has mapped, open; nothing if it has none, or no Python that the agent knows.
std::optional<HolderSearch> search_in(int pid) {
    const auto maps = read_small_file(fmt::format("/proc/{}/maps", pid));
    for (const Mapping& mapping : parse_mappings(maps.value_or(std::string()))) {
        const bool attached = mapping.path.starts_with("/memfd:leakline-segment ");
        if (!mapping.shared || !mapping.writable || !(attached || mapping.path.find("/leakline-") != mapping.path.npos)) continue;
        const std::string path = attached ? fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, mapping.begin, mapping.end) : mapping.path;
        HolderSearch search(Descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC | (attached ? 0 : O_NOFOLLOW))), pid);
        if (search.is_of_python()) return search;
    }
    return std::nullopt;
}

}  // namespace

template <class Field>
std::optional<Field> HolderSearch::read_field(std::size_t place) const {
    Field field{};
    if (::pread(segment_.get(), &field, sizeof field, static_cast<off_t>(place)) != static_cast<ssize_t>(sizeof field)) return std::nullopt;
    return field;
}

template <class Field>
bool HolderSearch::write_field(std::size_t place, Field field) const {
    return ::pwrite(segment_.get(), &field, sizeof field, static_cast<off_t>(place)) == static_cast<ssize_t>(sizeof field);
}

SearchState HolderSearch::state() const {
    return read_field<SearchState>(offsetof(SegmentHeader, search)).value_or(SearchState::impossible);
}

bool HolderSearch::is_of_python() const {
    return read_field<std::uint64_t>(offsetof(SegmentHeader, magic)) == agent::kSegmentMagic &&
           read_field<std::uint32_t>(offsetof(SegmentHeader, version)) == agent::kSegmentVersion &&
           read_field<PythonState>(offsetof(SegmentHeader, python)) == PythonState::known;
}

bool HolderSearch::ask(Nanoseconds since) {
    constexpr Nanoseconds kBeats = std::chrono::seconds(1);
    if (!is_of_python() || !read_stat(pid_)) return false;
    if (state() == SearchState::searching) {
        const auto beat = read_field<std::uint32_t>(offsetof(SegmentHeader, search_beat));
        system_clock().sleep_until(system_clock().monotonic() + kBeats);
        if (state() == SearchState::searching && read_field<std::uint32_t>(offsetof(SegmentHeader, search_beat)) != beat) return false;
    }
    static_assert(static_cast<std::uint64_t>(kAllObjects.count()) == agent::kMeasureObjects);
    return write_field(offsetof(SegmentHeader, answer_size), std::uint32_t{0}) &&
           write_field(offsetof(SegmentHeader, search_since_ns), static_cast<std::uint64_t>(since.count())) &&
           write_field(offsetof(SegmentHeader, search), SearchState::asked);
}

void HolderSearch::read(Nanoseconds patience, PythonHolders& found) {
    constexpr Nanoseconds kStep = std::chrono::milliseconds(10), kSilent = std::chrono::seconds(5);
    SearchState now = state();
    Nanoseconds waits_since = system_clock().monotonic();
    std::optional<std::uint32_t> beat;
    while (now != SearchState::done && now != SearchState::impossible && read_stat(pid_)) {
        const Nanoseconds time = system_clock().monotonic();
        const auto latest = read_field<std::uint32_t>(offsetof(SegmentHeader, search_beat));
        if (now == SearchState::searching && latest != beat) {
            waits_since = time;
            beat = latest;
        } else if (time - waits_since >= (now == SearchState::searching ? std::max(patience, kSilent) : patience)) {
            break;
        }
        system_clock().sleep_until(time + kStep);
        now = state();
    }
    // Withdrawn, so that the process makes no copy later.
    if (now == SearchState::asked || now == SearchState::waiting) write_field(offsetof(SegmentHeader, search), SearchState::none);
    const std::uint64_t stopped = read_field<std::uint64_t>(offsetof(SegmentHeader, search_ns)).value_or(0);
    found.stopped = std::max(found.stopped, Nanoseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(stopped, INT64_MAX))));
    const std::string answer = take_answer();
    weighed_ = weighed_in(answer);
    if (!add_answer(answer, found)) found.reason = reason_of(now, pid_);
}

// Its memory goes back: it is the agent's only while it is read.
std::string HolderSearch::take_answer() const {
    const auto sizes = read_field<agent::SegmentSizes>(offsetof(SegmentHeader, sizes));
    const auto size = read_field<std::uint32_t>(offsetof(SegmentHeader, answer_size));
    if (!sizes || !size || *size > sizes->answer || !is_plausible(*sizes)) return {};
    const auto place = static_cast<off_t>(agent::layout_of(*sizes).answer);
    std::string answer(*size, '\0');
    if (::pread(segment_.get(), answer.data(), answer.size(), place) != static_cast<ssize_t>(answer.size())) answer.clear();
    ::fallocate(segment_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, place, sizes->answer);
    return answer;
}

// Of all live blocks, as estimated.
void HolderSearch::set_totals(HolderReport& report) const {
    SegmentReader reader(Descriptor(::fcntl(segment_.get(), F_DUPFD_CLOEXEC, 0)), fmt::format("the segment of process {}", pid_));
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

HolderReport HolderSearch::report(Nanoseconds since) {
    constexpr Nanoseconds kPatience = std::chrono::seconds(15);
    const Nanoseconds begin = system_clock().monotonic();
    const std::string where = fmt::format("process {}", pid_);
    if (!ask(since)) throw Error(ErrorKind::system, where, "another search in it has not ended", "try again");
    PythonHolders found;
    read(kPatience, found);
    if (!found.reason.empty()) throw Error(ErrorKind::system, where, found.reason, "send it a request meanwhile");
    HolderReport report;
    report.process = pid_;
    report.allocator = "Python";
    report.paused = found.stopped;
    if (since == kAllObjects) {
        report.command = executable_of(pid_);
        report.blocks = weighed_.blocks;
        report.bytes = weighed_.bytes;
    } else {
        set_totals(report);
    }
    for (PythonHolder& one : found.holders) {
        if (since <= Nanoseconds::zero()) one.holder.growth_bytes.reset();
        report.holders.push_back(std::move(one.holder));
    }
    const auto size = [](const Holder& holder) { return holder.growth_bytes.value_or(static_cast<std::int64_t>(holder.bytes)); };
    std::stable_sort(report.holders.begin(), report.holders.end(), [&](const Holder& a, const Holder& b) { return size(a) > size(b); });
    report.types = std::move(found.types);
    std::stable_sort(report.types.begin(), report.types.end(), [&](const ObjectType& a, const ObjectType& b) {
        return since <= Nanoseconds::zero() ? a.bytes > b.bytes : a.growth_bytes > b.growth_bytes;
    });
    report.lost_blocks = found.lost_blocks;
    report.lost_bytes = found.lost_bytes;
    report.lost = std::move(found.lost_kinds);
    std::stable_sort(report.lost.begin(), report.lost.end(), [](const LostKind& a, const LostKind& b) { return a.bytes > b.bytes; });
    report.took = system_clock().monotonic() - begin;
    return report;
}

bool has_python_agent(int pid) { return search_in(pid).has_value(); }

std::optional<HolderReport> find_python_holders(int pid, Nanoseconds since) {
    std::optional<HolderSearch> search = search_in(pid);
    return search ? std::optional(search->report(since)) : std::nullopt;
}

HolderReport growth_between_searches(const HolderReport& before, HolderReport after, Nanoseconds since) {
    std::map<std::string_view, std::uint64_t> objects;
    for (const ObjectType& type : before.types) objects.emplace(type.name, type.objects);
    for (ObjectType& type : after.types) {
        const auto found = objects.find(type.name);
        type.growth_objects =
            static_cast<std::int64_t>(type.objects) - static_cast<std::int64_t>(found != objects.end() ? found->second : 0);
        type.growth_error_objects.reset();
    }
    after.since = since;
    after.growth_bytes = static_cast<std::int64_t>(after.bytes) - static_cast<std::int64_t>(before.bytes);
    return after;
}

}  // namespace leakline::heap
