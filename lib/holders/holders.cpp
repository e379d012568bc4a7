#include "holders/holders.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/strings.hpp"
#include "debuginfo/debug_info.hpp"
#include "holders/internal/blocks.hpp"
#include "holders/internal/core_file.hpp"
#include "holders/internal/describe.hpp"
#include "holders/internal/graph.hpp"
#include "holders/internal/lost.hpp"
#include "holders/internal/memory_image.hpp"
#include "holders/internal/roots.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"

namespace leakline::holders {

namespace {

constexpr std::size_t kMaxLostKinds = 10;

// The program's file first: DebugInfo takes thread-local variables from that.
std::vector<debuginfo::MappedFile> files_of(const MemoryImage& image, const SystemRoots& roots) {
    const std::string folder = fmt::format("{}/{}", roots.proc, image.process);
    const bool runs = image.core.empty() && executable_of(image.process) == image.executable;
    const std::string root = runs ? folder + "/root" : "";
    std::vector<debuginfo::MappedFile> files;
    const Mapping* before = nullptr;
    for (const Mapping& mapping : image.mappings) {
        if (mapping.is_file() && !files.empty() && files.back().name == mapping.path)
            files.back().end = mapping.end;
        else if (mapping.is_file())
            files.push_back({mapping.path, root + mapping.path, mapping.begin, mapping.end, mapping.offset});
        else if (before != nullptr && is_bss(*before, mapping))
            files.back().end = mapping.end;
        before = &mapping;
    }
    const auto is_program = [&](const debuginfo::MappedFile& file) { return file.name == image.executable; };
    std::stable_partition(files.begin(), files.end(), is_program);
    // Also if it has been replaced or deleted since.
    if (runs && !files.empty() && is_program(files.front())) files.front().path = folder + "/exe";
    return files;
}

// Where programs and libraries of a core file are not here, or other versions of them, their variables have no names. Other versions lose their path, not
// their place: the first file stays the program.
void forget_other_versions(const MemoryImage& image, std::vector<debuginfo::MappedFile>& files, std::vector<std::string>& warnings) {
    std::set<std::string> missing, different, seen;
    for (const Mapping& mapping : image.mappings) {
        const auto id = image.build_ids.find(mapping.path);
        // gcore leaves code out, and with it that it is code.
        if (!mapping.is_file() || !(mapping.executable || id != image.build_ids.end()) || !seen.insert(mapping.path).second) continue;
        const std::optional<std::string> here = build_id_of(mapping.path);
        if (!here)
            missing.insert(mapping.path);
        else if (id != image.build_ids.end() && id->second != *here)
            different.insert(mapping.path);
    }
    const auto say = [&](const std::set<std::string>& paths, std::string_view what) {
        if (paths.empty()) return;
        const std::string others = paths.size() == 1 ? "" : fmt::format(" and {} more files", paths.size() - 1);
        warnings.push_back(fmt::format("{}{}: {}; variables in there have no names", *paths.begin(), others, what));
    };
    say(missing, "not on this machine");
    say(different, "another version than in the core file");
    for (debuginfo::MappedFile& file : files)
        if (different.count(file.name) > 0) file.path.clear();
}

void warn_of_core(const MemoryImage& image, std::vector<std::string>& warnings) {
    if (image.missing > 0)
        warnings.push_back(
            fmt::format("the core file is cut off: {} of the process's memory are missing; what only they lead to counts as lost",
                        format_bytes(static_cast<double>(image.missing))));
    if (image.not_kept > 0)
        warnings.push_back(fmt::format("{} of the process's memory were left out of the core file (coredump_filter, MADV_DONTDUMP)",
                                       format_bytes(static_cast<double>(image.not_kept))));
    if (image.threads.empty()) warnings.push_back("the core file has no registers: what only stacks hold counts as lost");
}

std::string_view name_of(HeapBlocks::Allocator allocator) {
    switch (allocator) {
        case HeapBlocks::Allocator::glibc: return "glibc";
        case HeapBlocks::Allocator::jemalloc: return "jemalloc";
        case HeapBlocks::Allocator::tcmalloc: return "tcmalloc";
        case HeapBlocks::Allocator::mimalloc: return "mimalloc";
        case HeapBlocks::Allocator::unknown: break;
    }
    return {};
}

void warn_of_limits(const MemoryImage& image, const HeapBlocks& heap, HolderReport& report) {
    report.warnings.insert(report.warnings.end(), heap.warnings.begin(), heap.warnings.end());
    if (heap.allocator == HeapBlocks::Allocator::unknown)
        report.warnings.push_back(
            "the program uses none of glibc's malloc, jemalloc, tcmalloc and mimalloc, or has not called it yet: no blocks are seen");
    Bytes unreadable = 0;
    for (const Range& range : heap.unreadable) unreadable += range.end - range.begin;
    if (unreadable > 0)
        report.warnings.push_back(
            fmt::format("{} of the heap are damaged: no blocks are seen there", format_bytes(static_cast<double>(unreadable))));
    if (image.running_threads > 0)
        report.warnings.push_back(fmt::format("{} of {} threads did not stop in time; what only their stacks hold counts as lost",
                                              image.running_threads, image.running_threads + image.threads.size()));
    if (image.left_out > 0)
        report.warnings.push_back(
            fmt::format("mappings of {} in all are too large to copy", format_bytes(static_cast<double>(image.left_out))));
}

// Whether a path goes on from another one, or is it.
bool goes_on_from(std::string_view path, std::string_view start) {
    return !start.empty() && path.starts_with(start) &&
           (path.size() == start.size() || std::string_view(".[-+").find(path[start.size()]) != std::string_view::npos);
}

// By what makes them the same in two reports.
using HoldersByKey = std::map<std::tuple<Holder::Root, std::string, std::string, std::string, std::string>, const Holder*>;

HoldersByKey::key_type key_of(const Holder& holder) { return {holder.root, holder.path, holder.type, holder.function, holder.thread}; }

// The bytes of holders further down the path than this one, or of one on the way to it; takes them out. Nothing if there are none.
std::optional<Bytes> take_on_the_way(const Holder& holder, HoldersByKey& holders) {
    std::optional<Bytes> sum;
    const auto take_if = [&](const auto& is_it) {
        std::erase_if(holders, [&](const auto& each) {
            const Holder& other = *each.second;
            const bool same = other.root == holder.root && other.function == holder.function && other.thread == holder.thread;
            if (!same || !is_it(other)) return false;
            sum = sum.value_or(0) + other.bytes;
            return true;
        });
    };
    take_if([&](const Holder& other) { return goes_on_from(other.path, holder.path); });
    if (!sum) take_if([&](const Holder& other) { return goes_on_from(holder.path, other.path); });
    return sum;
}

}  // namespace

Snapshot::Snapshot(int pid, const std::stop_token& stop, const SystemRoots& roots)
    : image_(std::make_unique<MemoryImage>(copy_process(pid, stop, roots))), roots_(roots), taken_(system_clock().monotonic()) {}

Snapshot::Snapshot(const std::string& core, const std::stop_token& stop, const SystemRoots& roots)
    : image_(std::make_unique<MemoryImage>(read_core(core, stop, roots))), roots_(roots), taken_(system_clock().monotonic()) {}

Snapshot::~Snapshot() = default;
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;

HolderReport Snapshot::holders(const HolderOptions& options) const {
    const Nanoseconds started = system_clock().monotonic();
    const MemoryImage& image = *image_;
    HolderReport report;
    report.process = image.process;
    report.command = image.executable;
    report.core = image.core;
    report.copied = image.copied;
    report.paused = image.paused;
    std::vector<debuginfo::MappedFile> files = files_of(image, roots_);
    if (!image.core.empty()) {
        warn_of_core(image, report.warnings);
        forget_other_versions(image, files, report.warnings);
    }
    debuginfo::DebugInfo names(files);
    options.progress("finding blocks");
    HeapBlocks heap = find_blocks(image);
    report.allocator = name_of(heap.allocator);
    const BlockIndex index(std::exchange(heap.blocks, {}));
    report.bytes = index.bytes();
    report.blocks = index.size();
    NumberWords numbers(names);
    const Roots found = find_roots(image, heap, index, names, numbers);
    options.progress("following pointers");
    const std::vector<NamedRoot> named = name_roots(image, found, names);
    std::vector<const Group*> variables;
    for (const NamedRoot& root : named) variables.push_back(&root.group);
    ObjectForms forms(image, index, names);
    Ownership ownership(image, index, variables, forms, numbers, options.stop);
    const Graph graph(image, index, found, ownership, options.stop, ownership.take_used());
    ownership.forget_owners();
    const Heap all{image, index, names, forms, ownership, graph};
    options.progress("naming holders");
    report.holders = describe_roots(all, found, named, options.most, options.stop);
    report.lost_blocks = graph.lost_blocks();
    report.lost_bytes = graph.lost_bytes();
    report.lost = lost_kinds(all, kMaxLostKinds);
    warn_of_limits(image, heap, report);
    if (options.stop.stop_requested()) report.warnings.push_back("interrupted: the report is not complete");
    report.took = system_clock().monotonic() - started;
    return report;
}

HolderReport find_holders(int pid, const HolderOptions& options, const SystemRoots& roots) {
    const Nanoseconds started = system_clock().monotonic();
    options.progress("copying memory");
    HolderReport report = Snapshot(pid, options.stop, roots).holders(options);
    report.took = system_clock().monotonic() - started;
    return report;
}

HolderReport find_holders(const std::string& core, const HolderOptions& options, const SystemRoots& roots) {
    const Nanoseconds started = system_clock().monotonic();
    options.progress("reading the core file");
    HolderReport report = Snapshot(core, options.stop, roots).holders(options);
    report.took = system_clock().monotonic() - started;
    return report;
}

HolderReport growth_between(const HolderReport& before, HolderReport after, Nanoseconds since) {
    HoldersByKey known;
    for (const Holder& holder : before.holders) known.try_emplace(key_of(holder), &holder);
    HoldersByKey others = known;  // those that are not in after
    for (const Holder& holder : after.holders) others.erase(key_of(holder));
    const auto difference = [](std::uint64_t now, std::uint64_t then) {
        return static_cast<std::int64_t>(now) - static_cast<std::int64_t>(then);
    };
    for (Holder& holder : after.holders) {
        const auto found = known.find(key_of(holder));
        const Holder* const then = found == known.end() ? nullptr : found->second;
        const std::optional<Bytes> on_the_way = then == nullptr ? take_on_the_way(holder, others) : std::nullopt;
        holder.growth_bytes = difference(holder.bytes, then == nullptr ? on_the_way.value_or(0) : then->bytes);
        if (holder.elements && !on_the_way)
            holder.growth_elements = difference(*holder.elements, then == nullptr ? 0 : then->elements.value_or(0));
    }
    std::stable_sort(after.holders.begin(), after.holders.end(),
                     [](const Holder& a, const Holder& b) { return *a.growth_bytes > *b.growth_bytes; });
    after.since = since;
    after.growth_bytes = difference(after.bytes, before.bytes);
    after.growth_lost_bytes = difference(after.lost_bytes, before.lost_bytes);
    after.growth_lost_blocks = difference(after.lost_blocks, before.lost_blocks);
    after.paused = std::max(before.paused, after.paused);
    return after;
}

}  // namespace leakline::holders
