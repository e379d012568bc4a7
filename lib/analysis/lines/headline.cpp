#include "analysis/lines/headline.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <vector>

#include "analysis/lines/callers.hpp"
#include "analysis/lines/code_kind.hpp"

namespace leakline::analysis {

namespace {

constexpr double kMost = 0.8;      // of the growth passes through the line
constexpr double kHalf = 0.5;      // of it the largest line has by itself
constexpr double kKept = 0.5;      // of the share that leaking lines keep of what they allocate: less is a dispatcher's
constexpr std::size_t kDeepest = 512;

// Lines of user code by what they show. Two frames of one file and line are one, whatever function they name.
class UserLines {
  public:
    explicit UserLines(const HeapProfile& profile)
        : profile_(profile), kinds_(kinds_of_code(profile)), of_frame_(profile.frames.size(), kNoSite) {
        std::map<std::pair<std::string, std::uint32_t>, std::uint32_t> index;
        for (std::size_t i = 0; i < profile.frames.size(); ++i) {
            const Frame& frame = profile.frames[i];
            if (kinds_[i] != CodeKind::user || frame.file.value == 0 || frame.line == 0) continue;
            const auto [place, fresh] = index.try_emplace({normal_path(profile.string(frame.file)), frame.line},
                                                          static_cast<std::uint32_t>(at_.size()));
            if (fresh) at_.push_back({{}, place->first.first, frame.line});
            CodeLine& at = at_[place->second];
            const std::string& function = profile.string(frame.function);
            if (function.size() > at.function.size()) at.function = function;
            of_frame_[i] = place->second;
        }
    }
    std::size_t size() const { return at_.size(); }
    const CodeLine& operator[](std::uint32_t line) const { return at_[line]; }

    // The user lines of a trace, innermost first, each once, and where each stands innermost.
    const std::vector<std::uint32_t>& of_trace(std::size_t trace) {
        path_.clear();
        places_.clear();
        std::size_t depth = 0;
        for (TraceId node{static_cast<std::uint32_t>(trace + 1)}; node.value != 0 && depth < kDeepest; ++depth) {
            const TraceNode& at = profile_.traces[node.value - 1];
            if (at.ip.value != 0 && at.ip.value <= profile_.ips.size()) {
                const InstructionPointer& ip = profile_.ips[at.ip.value - 1];
                const std::size_t end = std::min<std::size_t>(profile_.frames.size(), std::size_t{ip.first_frame} + ip.frame_count);
                for (std::size_t i = ip.first_frame; i < end; ++i) {
                    if (of_frame_[i] == kNoSite || std::find(path_.begin(), path_.end(), of_frame_[i]) != path_.end()) continue;
                    path_.push_back(of_frame_[i]);
                    places_.push_back({node, static_cast<std::uint32_t>(i)});
                }
            }
            node = at.parent.value < node.value ? at.parent : TraceId{};
        }
        return path_;
    }
    struct Standing {
        TraceId node;
        std::uint32_t frame = kNoSite;
    };
    // Of the trace that was asked for last, as its lines.
    const std::vector<Standing>& places() const { return places_; }

  private:
    const HeapProfile& profile_;
    const std::vector<CodeKind> kinds_;
    std::vector<std::uint32_t> of_frame_;
    std::vector<CodeLine> at_;
    std::vector<std::uint32_t> path_;
    std::vector<Standing> places_;
};

struct Through {
    TraceGrowth of_all;              // of every trace
    std::int64_t of_counted = 0;     // of those whose lines are counted
    std::size_t depth = 0;           // how far out it stands at most, for which of two is the inner one
};

// The sites whose growth is asked about: those that leak, else those that grow.
std::vector<bool> counted_sites(std::span<const JudgedLine> lines, std::size_t sites) {
    const bool any_leaks = std::any_of(lines.begin(), lines.end(), [](const JudgedLine& l) { return l.line->leaking; });
    std::vector<bool> counted(sites);
    for (const JudgedLine& line : lines) counted[line.site] = any_leaks ? line.line->leaking : line.line->growth_bytes > 0;
    return counted;
}

double kept_share(const TraceGrowth& growth) {
    return growth.allocated_bytes == 0 ? 0 : static_cast<double>(growth.bytes) / static_cast<double>(growth.allocated_bytes);
}

// Whether the lines keep blocks in whole proportions, as the parts of one record do. Two leaks do so only by chance.
bool grow_together(std::span<const JudgedLine> lines, const std::vector<bool>& counted, double total) {
    constexpr double kPart = 0.1, kSlack = 0.03;
    std::vector<double> blocks;
    for (const JudgedLine& judged : lines) {
        const LineGrowth& line = *judged.line;
        if (!counted[judged.site] || static_cast<double>(line.growth_bytes) < kPart * total) continue;
        if (line.growth_class == GrowthClass::container_doubling) continue;  // it has one block, whatever it holds
        blocks.push_back(static_cast<double>(line.live_last_blocks - line.live_first_blocks));
    }
    if (blocks.empty()) return false;
    const double fewest = *std::min_element(blocks.begin(), blocks.end());
    return fewest >= 1 && std::all_of(blocks.begin(), blocks.end(), [&](double b) {
               const double ratio = b / fewest;
               return std::abs(ratio - std::round(ratio)) <= kSlack * ratio;
           });
}

}  // namespace

std::optional<HeadlineLine> find_headline(const HeapProfile& profile, const Window& window, const TraceAttribution& attribution,
                                          const Histories& histories, const Judge& judge, std::span<const JudgedLine> lines) {
    const std::vector<bool> counted = counted_sites(lines, attribution.sites.size());
    UserLines user(profile);
    std::vector<Through> through(user.size());
    TraceGrowth all_counted;
    for (std::size_t t = 0; t < histories.traces.size(); ++t) {
        const TraceGrowth& growth = histories.traces[t];
        if (growth.bytes == 0 && growth.allocations == 0) continue;
        const std::uint32_t site = attribution.site_of_trace[t];
        const bool counts = site != kNoSite && counted[site];
        if (counts) all_counted += growth;
        const std::vector<std::uint32_t>& path = user.of_trace(t);
        for (std::size_t i = 0; i < path.size(); ++i) {
            through[path[i]].of_all += growth;
            if (!counts) continue;
            through[path[i]].of_counted += growth.bytes;
            through[path[i]].depth = std::max(through[path[i]].depth, i);
        }
    }
    if (all_counted.bytes <= 0) return std::nullopt;
    const double total = static_cast<double>(all_counted.bytes);
    const auto share = [&](std::uint32_t line) { return static_cast<double>(through[line].of_counted) / total; };

    // The largest counted line of user code that has a line, and the innermost one that most passes through.
    std::optional<std::uint32_t> largest, common;
    double largest_share = 0;
    for (const JudgedLine& judged : lines) {
        if (!counted[judged.site] || !judged.line->user_code || judged.line->growth_bytes <= 0) continue;
        for (std::uint32_t i = 0; i < user.size() && !largest; ++i)
            if (user[i].line == judged.line->at.line && user[i].file == judged.line->at.file) largest = i;
        if (!largest) continue;
        largest_share = static_cast<double>(judged.line->growth_bytes) / total;
        break;
    }
    for (std::uint32_t i = 0; i < user.size(); ++i)
        if (share(i) >= kMost && (!common || through[i].depth < through[*common].depth)) common = i;
    if (!largest && !common) return std::nullopt;
    if (common && largest && *common != *largest) {
        const bool dispatches = kept_share(through[*common].of_all) < kKept * kept_share(all_counted);
        if (dispatches || (largest_share >= kHalf && !grow_together(lines, counted, total))) common = largest;
    }
    const std::uint32_t chosen = common ? *common : *largest;

    // Its history is that of all traces that pass through it.
    TraceAttribution one;
    one.sites.push_back({user[chosen], true});
    one.site_of_trace.assign(profile.traces.size(), kNoSite);
    one.line_of_trace.assign(profile.traces.size(), user[chosen].line);
    one.frame_of_trace.assign(profile.traces.size(), kNoSite);
    one.node_of_trace.assign(profile.traces.size(), {});
    std::vector<bool> inside(attribution.sites.size());
    HeadlineLine headline;
    for (std::size_t t = 0; t < profile.traces.size(); ++t) {
        const std::vector<std::uint32_t>& path = user.of_trace(t);
        const auto found = std::find(path.begin(), path.end(), chosen);
        if (found == path.end()) continue;
        const UserLines::Standing& standing = user.places()[static_cast<std::size_t>(found - path.begin())];
        one.site_of_trace[t] = 0;
        one.node_of_trace[t] = standing.node;
        one.frame_of_trace[t] = standing.frame;
        const std::uint32_t site = attribution.site_of_trace[t];
        if (site != kNoSite && histories.traces[t].bytes != 0) inside[site] = true;
    }
    const Histories of_line = follow(profile, window, one);
    const SiteHistory& site = of_line.sites[0];
    LineGrowth& line = headline.line;
    line.at = user[chosen];
    take_history(site, line);
    judge.judge(site, line);
    line.leaking = false;
    line.live_at_marks = levels_at_marks(site, window);
    line.callers = std::move(callers_of(profile, one, {true}, histories.traces)[0]);
    headline.share = std::min(1.0, share(chosen));
    headline.lines = 0;
    for (const JudgedLine& other : lines) {
        if (inside[other.site] && other.line->growth_bytes > 0) ++headline.lines;
        if (!other.line->leaking) continue;
        if (inside[other.site]) line.leaking = true;
        else ++headline.elsewhere;
    }
    return headline;
}

}  // namespace leakline::analysis
