#include "heap/internal/recording_builder.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "heap/elf_file.hpp"
#include "heap/python_holders.hpp"

namespace leakline::heap {

namespace {

Nanoseconds from_milliseconds(std::uint64_t value) {
    constexpr std::uint64_t kMax = std::uint64_t{1} << 42;  // 139 years: more is damage, and must not overflow
    return std::chrono::milliseconds(std::min(value, kMax));
}

std::uint64_t plus(std::uint64_t base, std::int64_t delta) { return base + static_cast<std::uint64_t>(delta); }

}  // namespace

bool RecordingBuilder::apply(char tag, const std::string& payload) {
    VarintReader in(payload);
    switch (tag) {
        case 'H': return header(in);
        case 'A': profile_.attached = true; return true;
        case 'B': profile_.named_here = is_here(payload); return true;
        case 'M': return modules(in);
        case 'I': return ips(in);
        case 'T': return traces(in);
        case 'R': return rss(in);
        case 'G': return figures(in);
        case 'C': return generated(in);
        case 'O': overhead_ = in.signed_number(); return in.good();
        case 'K': return mark(in);
        case 'V': return variances(in);
        case 'N': return sampling(in);
        case 'Q': return open(in);
        case 'P': return peak(in);
        case 'S': return strings(in);
        case 'F': return frames(in);
        case 'U': return processes(in);
        case 'Y': return names(in);
        case 'J': add_answer(in.string(), profile_.holders, ReadSources::no); return in.good();
        case 'W': profile_.warnings.emplace_back(in.string()); return in.good();
        case 'D': return damage(in);
        case 'E': return end(in);
        default: return true;
    }
}

bool RecordingBuilder::is_here(const std::string& build_id) const {
    std::error_code missing;
    return !build_id.empty() && std::filesystem::is_regular_file(symbols_.executable, missing) &&
           read_elf(symbols_.executable).build_id == build_id;
}

bool RecordingBuilder::header(VarintReader& in) {
    const std::uint64_t started = in.number();
    if (started != 0 && started < std::uint64_t{1} << 62) profile_.started = Nanoseconds(static_cast<std::int64_t>(started));
    symbols_.heaptrack_version = in.number();
    in.number();
    symbols_.executable = in.string();
    profile_.command = in.string();
    return in.good();
}

bool RecordingBuilder::modules(VarintReader& in) {
    symbols_.modules.push_back({static_cast<std::uint32_t>(symbols_.addresses.size()), std::string(in.string())});
    return in.good();
}

bool RecordingBuilder::ips(VarintReader& in) {
    std::uint64_t address = symbols_.addresses.empty() ? 0 : symbols_.addresses.back();
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        address = plus(address, in.signed_number());
        symbols_.addresses.push_back(address);
        profile_.ips.push_back({address, {}, 0, 0});
    }
    return in.good();
}

bool RecordingBuilder::traces(VarintReader& in) {
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        const std::uint64_t ip = in.number(), parent = in.number();
        if (ip == 0 || ip > profile_.ips.size() || parent > profile_.traces.size()) return false;
        profile_.traces.push_back({IpId{static_cast<std::uint32_t>(ip)}, TraceId{static_cast<std::uint32_t>(parent)}});
    }
    costs_.resize(profile_.traces.size());
    return in.good();
}

bool RecordingBuilder::rss(VarintReader& in) {
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        rss_ms_ = plus(rss_ms_, in.signed_number());
        rss_bytes_ = plus(rss_bytes_, in.signed_number());
        const Nanoseconds at = from_milliseconds(rss_ms_);
        if (profile_.rss.empty() || at > profile_.rss.back().at) profile_.rss.push_back({at, rss_bytes_});
    }
    return in.good();
}

bool RecordingBuilder::figures(VarintReader& in) {
    in_use_ = in.number();
    retained_ = in.number();
    return in.good();
}

bool RecordingBuilder::mark(VarintReader& in) {
    HeapMark mark;
    mark.allocator_in_use = std::exchange(in_use_, std::nullopt);
    mark.allocator_retained = std::exchange(retained_, std::nullopt);
    mark.overhead_bytes = std::exchange(overhead_, std::nullopt);
    const std::uint64_t kind = in.number();
    if (kind > static_cast<std::uint64_t>(HeapMark::Kind::finish)) return false;
    mark.kind = static_cast<HeapMark::Kind>(kind);
    mark.at = from_milliseconds(in.number());
    mark.label = in.string();
    if (const std::uint64_t requests = in.number()) mark.requests = requests - 1;
    if (const std::uint64_t resident = in.number()) mark.rss = resident - 1;
    profile_.events = in.number();
    std::uint64_t trace = 0;
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        const std::uint64_t step = in.number();
        if (step == 0 || step > costs_.size() - trace) return false;
        trace += step;
        TraceCost& cost = costs_[trace - 1];
        cost.allocations += in.number();
        cost.allocated_bytes += in.number();
        cost.live_bytes = sum(cost.live_bytes, in.signed_number());
        cost.live_blocks = sum(cost.live_blocks, in.signed_number());
        mark.changes.push_back({TraceId{static_cast<std::uint32_t>(trace)}, cost});
    }
    if (!in.good() || (!profile_.marks.empty() && mark.at < profile_.marks.back().at)) return false;
    profile_.duration = mark.at;
    profile_.marks.push_back(std::move(mark));
    return true;
}

bool RecordingBuilder::variances(VarintReader& in) {
    if (profile_.marks.empty()) return false;
    std::vector<HeapMark::Change>& changes = profile_.marks.back().changes;
    if (in.count() != changes.size()) return false;
    for (HeapMark::Change& change : changes) {
        const auto live = static_cast<double>(in.number()), turnover = static_cast<double>(in.number());
        TraceCost& cost = costs_[change.trace.value - 1];
        cost.live_variance = change.cost.live_variance = live * live;
        cost.turnover_variance = change.cost.turnover_variance = turnover * turnover;
    }
    return in.good();
}

bool RecordingBuilder::sampling(VarintReader& in) {
    Sampling& sampling = profile_.sampling.emplace();
    sampling.first_interval = in.number();
    sampling.interval = in.number();
    sampling.samples = in.number();
    return in.good();
}

bool RecordingBuilder::open(VarintReader& in) {
    if (profile_.marks.empty()) return false;
    const std::uint64_t resource = in.number();
    if (resource >= kResourceCount) return true;  // of a newer version
    std::vector<HeapMark::Open>& all = profile_.marks.back().open;
    const auto kind = static_cast<Resource>(resource);
    if (!all.empty() && all.back().resource >= kind) return false;
    std::uint64_t trace = 0;
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        const std::uint64_t step = in.number();
        if (step == 0 || step > profile_.traces.size() - trace) return false;
        trace += step;
        all.push_back({kind, TraceId{static_cast<std::uint32_t>(trace)}, in.number()});
    }
    return in.good();
}

bool RecordingBuilder::peak(VarintReader& in) {
    profile_.peak_bytes = in.number();
    profile_.peak_at = from_milliseconds(in.number());
    profile_.peak.assign(profile_.traces.size(), {});
    std::uint64_t trace = 0;
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        const std::uint64_t step = in.number();
        if (step == 0 || step > profile_.peak.size() - trace) return false;
        trace += step;
        profile_.peak[trace - 1].live_bytes = in.signed_number();
        profile_.peak[trace - 1].live_blocks = in.signed_number();
    }
    return in.good();
}

bool RecordingBuilder::strings(VarintReader& in) {
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) profile_.strings.emplace_back(in.string());
    return in.good();
}

bool RecordingBuilder::frames(VarintReader& in) {
    const std::uint64_t count = in.count();
    if (count != profile_.ips.size()) return false;
    const auto string = [&] {
        const std::uint64_t id = in.number();
        return StringId{id <= profile_.strings.size() ? static_cast<std::uint32_t>(id) : 0};
    };
    for (InstructionPointer& ip : profile_.ips) {
        ip.module = string();
        ip.first_frame = static_cast<std::uint32_t>(profile_.frames.size());
        ip.frame_count = 0;  // of an F record before this one
        for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
            Frame frame;
            frame.function = string();
            frame.file = string();
            frame.line = static_cast<std::uint32_t>(in.number());
            profile_.frames.push_back(frame);
            ++ip.frame_count;
        }
    }
    named_ = in.good();
    return named_;
}

bool RecordingBuilder::generated(VarintReader& in) {
    std::uint64_t index = 0;
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        const std::uint64_t step = in.number();
        if (step >= profile_.frames.size() - std::min<std::uint64_t>(index, profile_.frames.size())) return false;
        index += step;
        profile_.frames[index].generated = true;
    }
    return in.good();
}

bool RecordingBuilder::names(VarintReader& in) {
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        const std::uint64_t ip = in.number();
        const std::string function(in.string()), file(in.string());
        const std::uint64_t line = in.number();
        if (ip == 0 || ip > profile_.ips.size()) return false;
        symbols_.named.push_back({IpId{static_cast<std::uint32_t>(ip)}, function, file, static_cast<std::uint32_t>(line)});
    }
    return in.good();
}

bool RecordingBuilder::processes(VarintReader& in) {
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        const std::uint64_t ip = in.number();
        if (ip == 0 || ip > profile_.ips.size()) return false;
        profile_.processes.push_back(IpId{static_cast<std::uint32_t>(ip)});
    }
    return in.good();
}

bool RecordingBuilder::damage(VarintReader& in) {
    const std::uint64_t count = in.number();
    for (std::uint64_t left = in.count(); left > 0 && in.good(); --left) {
        const std::string_view location = in.string();
        profile_.damage.add(std::string(location), std::string(in.string()));
    }
    if (count > profile_.damage.count()) profile_.damage.add_uncounted(count - profile_.damage.count());
    return in.good();
}

bool RecordingBuilder::end(VarintReader& in) {
    profile_.duration = from_milliseconds(in.number());
    profile_.events = in.number();
    const std::uint64_t completeness = in.number();
    if (completeness > static_cast<std::uint64_t>(Completeness::torn)) return false;
    profile_.completeness = static_cast<Completeness>(completeness);
    ended_ = in.good();
    return ended_;
}

std::int64_t RecordingBuilder::sum(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace leakline::heap
