#include "analysis/lines/internal/callers.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <tuple>
#include <unordered_map>

namespace leakline::analysis {

namespace {

constexpr std::uint32_t kNamesNothing = kNoSite;

// Frames by their text, so that two instruction pointers of one call line are one caller. A number represents
// for each: a recording has millions of stacks of a few thousand different frames.
class CallLines {
  public:
    // kinds: of the profile's frames.
    CallLines(const HeapProfile& profile, const std::vector<CodeKind>& kinds)
        : profile_(profile), kinds_(kinds), line_of_frame_(profile.frames.size(), kUnseen) {}

    std::uint32_t number_of(std::size_t frame_index) {
        std::uint32_t& number = line_of_frame_[frame_index];
        if (number == kUnseen) number = find(frame_index);
        return number;
    }
    const CodeLine& operator[](std::uint32_t number) const { return lines_[number]; }
    bool is_library(std::uint32_t number) const { return library_[number]; }

  private:
    static constexpr std::uint32_t kUnseen = kNamesNothing - 1;

    std::uint32_t find(std::size_t frame_index) {
        const Frame& frame = profile_.frames[frame_index];
        if (frame.function.value == 0 && frame.file.value == 0) return kNamesNothing;
        const auto [place, fresh] =
            numbers_.try_emplace({frame.function, frame.file, frame.line}, static_cast<std::uint32_t>(lines_.size()));
        if (fresh) {
            lines_.push_back({profile_.string(frame.function), normal_path(profile_.string(frame.file)), frame.line});
            library_.push_back(kinds_[frame_index] == CodeKind::library);
        }
        return place->second;
    }

    const HeapProfile& profile_;
    const std::vector<CodeKind>& kinds_;
    std::vector<std::uint32_t> line_of_frame_;
    std::map<std::tuple<StringId, StringId, std::uint32_t>, std::uint32_t> numbers_;
    std::vector<CodeLine> lines_;
    std::vector<bool> library_;
};

// The frames outside the one that a trace is charged to, nearest first; frames without any name are left out.
void callers_path(const HeapProfile& profile, TraceId node, std::uint32_t frame, CallLines& lines, std::vector<std::uint32_t>& path) {
    path.clear();
    std::size_t begin = std::size_t{frame} + 1;
    while (node.value != 0 && node.value <= profile.traces.size() && path.size() < kDeepestStack) {
        const TraceNode& trace = profile.traces[node.value - 1];
        if (trace.ip.value != 0 && trace.ip.value <= profile.ips.size()) {
            const InstructionPointer& ip = profile.ips[trace.ip.value - 1];
            const std::size_t end = std::min<std::size_t>(profile.frames.size(), std::size_t{ip.first_frame} + ip.frame_count);
            for (std::size_t i = std::max<std::size_t>(begin, ip.first_frame); i < end; ++i)
                if (const std::uint32_t number = lines.number_of(i); number != kNamesNothing) path.push_back(number);
        }
        begin = 0;
        node = trace.parent.value < node.value ? trace.parent : TraceId{};
    }
}

class CallerTree {
  public:
    void add(const std::vector<std::uint32_t>& path, const TraceGrowth& growth) {
        std::uint32_t at = 0;
        nodes_[0].growth += growth;
        for (std::uint32_t line : path) {
            const auto [child, fresh] = nodes_[at].children.try_emplace(line, static_cast<std::uint32_t>(nodes_.size()));
            at = child->second;
            if (fresh) nodes_.emplace_back();
            nodes_[at].growth += growth;
        }
    }

    std::vector<CallerNode> take(const CallLines& lines) const {
        return take(0, std::max<std::int64_t>(1, std::abs(nodes_[0].growth.bytes) / 100), lines);
    }

  private:
    struct Node {
        TraceGrowth growth;
        std::map<std::uint32_t, std::uint32_t> children;
    };

    std::vector<CallerNode> take(std::uint32_t at, std::int64_t least, const CallLines& lines) const {
        std::vector<CallerNode> result;
        for (const auto& [line, child] : nodes_[at].children) {
            const TraceGrowth& growth = nodes_[child].growth;
            if (std::abs(growth.bytes) < least) continue;
            result.push_back({lines[line], growth.bytes, take(child, least, lines), growth.blocks, growth.allocations,
                              growth.allocated_bytes, lines.is_library(line)});
        }
        std::sort(result.begin(), result.end(),
                  [](const CallerNode& a, const CallerNode& b) { return std::tie(b.growth_bytes, a.at) < std::tie(a.growth_bytes, b.at); });
        return result;
    }

    std::vector<Node> nodes_{1};
};

}  // namespace

std::vector<std::vector<CallerNode>> callers_of(const HeapProfile& profile, const TraceAttribution& attribution,
                                                const std::vector<bool>& wanted, std::span<const TraceGrowth> growth) {
    std::vector<CallerTree> trees(attribution.sites.size());
    CallLines lines(profile, attribution.kind_of_frame);
    std::vector<std::uint32_t> path;
    for (std::size_t t = 0; t < growth.size(); ++t) {
        const std::uint32_t site = attribution.site_of_trace[t];
        if (site == kNoSite || !wanted[site] || (growth[t].bytes == 0 && growth[t].allocations == 0)) continue;
        callers_path(profile, attribution.node_of_trace[t], attribution.frame_of_trace[t], lines, path);
        trees[site].add(path, growth[t]);
    }
    std::vector<std::vector<CallerNode>> result(attribution.sites.size());
    for (std::size_t s = 0; s < result.size(); ++s)
        if (wanted[s]) result[s] = trees[s].take(lines);
    return result;
}

}  // namespace leakline::analysis
