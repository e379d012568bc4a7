// The rows of each format. See samples_file.hpp.
#include <array>
#include <charconv>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "memory/samples_file.hpp"

namespace leakline::memory {

namespace {

// Names of Prometheus' own conventions where they exist (process_resident_memory_bytes, process_open_fds).
constexpr std::array<MetricFamily, kMetricCount> kFamilies = {{
    {"process_resident_memory_bytes", "bytes", MetricType::gauge, "Resident set size."},
    {"process_proportional_memory_bytes", "bytes", MetricType::gauge, "Proportional set size."},
    {"process_unique_memory_bytes", "bytes", MetricType::gauge, "Unique set size: private pages."},
    {"process_anonymous_memory_bytes", "bytes", MetricType::gauge, "Anonymous resident pages."},
    {"process_file_memory_bytes", "bytes", MetricType::gauge, "File-backed resident pages."},
    {"process_shared_memory_bytes", "bytes", MetricType::gauge, "Resident pages of shared memory."},
    {"process_swap_memory_bytes", "bytes", MetricType::gauge, "Anonymous memory in swap."},
    {"cgroup_memory_usage_bytes", "bytes", MetricType::gauge, "Memory charged to the cgroup."},
    {"cgroup_memory_anonymous_bytes", "bytes", MetricType::gauge, "Anonymous memory charged to the cgroup."},
    {"cgroup_memory_limit_bytes", "bytes", MetricType::gauge, "The smallest memory limit of the cgroup and those above it."},
    {"process_malloc_used_bytes", "bytes", MetricType::gauge, "Allocated by malloc and not freed."},
    {"process_malloc_retained_bytes", "bytes", MetricType::gauge, "Free in malloc, not returned to the kernel."},
    {"process_threads", "", MetricType::gauge, "Threads."},
    {"process_open_fds", "", MetricType::gauge, "Open file descriptors."},
    {"cgroup_oom_kills", "", MetricType::counter, "Processes of the cgroup killed when out of memory."},
    {"cgroup_memory_limit_hits", "", MetricType::counter, "Times that the memory limit was reached."},
    {"process_memory_mappings", "", MetricType::gauge, "Memory mappings."},
    {"process_tree_processes", "", MetricType::gauge, "Processes of the tree, zombies included."},
    {"process_max_fds", "", MetricType::gauge, "Limit of open file descriptors."},
    {"process_max_threads", "", MetricType::gauge, "Limit of threads, of the whole service."},
    {"process_max_memory_mappings", "", MetricType::gauge, "Limit of memory mappings."},
    {"process_tree_max_processes", "", MetricType::gauge, "Limit of processes, of the whole service."},
}};

template <typename Number>
void append_number(std::string& out, Number value) {
    std::array<char, 24> text;
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), result.ptr);
}

// value / 10^decimals, written with exactly that many decimals.
void append_fixed(std::string& out, std::uint64_t value, int decimals) {
    std::array<char, 24> text;
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    std::string_view digits(text.data(), static_cast<std::size_t>(result.ptr - text.data()));
    const auto fraction = static_cast<std::size_t>(decimals);
    if (digits.size() <= fraction) {
        out += "0.";
        out.append(fraction - digits.size(), '0');
        out += digits;
    } else {
        out += digits.substr(0, digits.size() - fraction);
        out += '.';
        out += digits.substr(digits.size() - fraction);
    }
}

std::uint64_t since_epoch(Nanoseconds at, std::int64_t unit_ns) {
    return at.count() < 0 ? 0 : static_cast<std::uint64_t>(at.count() / unit_ns);
}

// MiB with six decimals, rounded: bytes * 10^6 / 2^20 without overflow below 16 TiB.
void append_mib(std::string& out, Bytes bytes) {
    const std::uint64_t whole = bytes >> 20, rest = bytes & ((1u << 20) - 1);
    append_fixed(out, whole * 1'000'000 + (rest * 1'000'000 + (1u << 19)) / (1u << 20), 6);
}

void append_csv(std::string& out, const SampleLayout& layout, const Subject& subject, const MemorySample& sample) {
    if (layout.microseconds)
        append_fixed(out, since_epoch(sample.at, 1'000), 3);
    else
        append_number(out, since_epoch(sample.at, 1'000'000));
    if (layout.process_column) {
        out += ',';
        append_number(out, subject.pid);
    }
    for (const Metric metric : layout.metrics) {
        out += ',';
        if (const auto& value = sample[metric]) append_number(out, *value);
    }
    out += '\n';
}

void append_mprof(std::string& out, const SampleLayout& layout, const Subject& subject, const MemorySample& sample) {
    const auto& value = sample[layout.metrics.front()];
    if (!value) return;
    if (subject.pid == layout.main_pid || layout.main_pid == 0) {
        out += "MEM ";
    } else {
        out += "CHLD ";
        append_number(out, subject.pid);
        out += ' ';
    }
    append_mib(out, *value);
    out += ' ';
    append_fixed(out, since_epoch(sample.at, 100'000), 4);
    out += '\n';
}

void append_openmetrics(std::string& out, const SampleLayout& layout, const Subject& subject, const MemorySample& sample) {
    const std::string labels = metric_labels(subject);
    for (const Metric metric : layout.metrics) {
        const auto& value = sample[metric];
        if (!value) continue;
        const MetricFamily& family = metric_family(metric);
        out += family.name;
        if (family.type == MetricType::counter) out += "_total";
        out += '{';
        out += labels;
        out += "} ";
        append_number(out, *value);
        out += ' ';
        append_fixed(out, since_epoch(sample.at, 1'000'000), 3);
        out += '\n';
    }
}

}  // namespace

const MetricFamily& metric_family(Metric metric) { return kFamilies[static_cast<std::size_t>(metric)]; }

std::string metric_labels(const Subject& subject) {
    if (subject.pid == 0) return exposition_label("cgroup", subject.name);
    return exposition_label("process", subject.name) + ",pid=\"" + std::to_string(subject.pid) + "\"";
}

SampleFormat sample_format_of(std::string_view path) {
    if (path.ends_with(".dat")) return SampleFormat::mprof;
    if (path.ends_with(".om") || path.ends_with(".prom") || path.ends_with(".openmetrics")) return SampleFormat::openmetrics;
    return SampleFormat::csv;
}

std::string samples_head(const SampleLayout& layout) {
    std::string head;
    switch (layout.format) {
        case SampleFormat::csv:
            head = layout.process_column ? "unix_ms,pid" : "unix_ms";
            for (const Metric metric : layout.metrics) head += "," + metric_column(metric);
            head += '\n';
            break;
        case SampleFormat::mprof: head = "CMDLINE " + printable(layout.command) + "\n"; break;
        case SampleFormat::openmetrics: {
            Exposition text;
            for (const Metric metric : layout.metrics) {
                const MetricFamily& family = metric_family(metric);
                text.family(family.name, family.type, family.help, family.unit);
            }
            head = text.take();
            break;
        }
    }
    return head;
}

void append_sample(std::string& out, const SampleLayout& layout, const Subject& subject, const MemorySample& sample) {
    switch (layout.format) {
        case SampleFormat::csv: return append_csv(out, layout, subject, sample);
        case SampleFormat::mprof: return append_mprof(out, layout, subject, sample);
        case SampleFormat::openmetrics: return append_openmetrics(out, layout, subject, sample);
    }
}

std::string samples_foot(const SampleLayout& layout) { return layout.format == SampleFormat::openmetrics ? "# EOF\n" : ""; }

}  // namespace leakline::memory
