#include "analysis/lines/internal/headline.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "analysis/lines/code_kind.hpp"
#include "analysis/lines/internal/callers.hpp"
#include "analysis/lines/internal/shared_caller.hpp"
#include "analysis/lines/internal/user_lines.hpp"

namespace leakline::analysis {

namespace {

constexpr double kMainShare = 0.8;       // of the growth passes through the line
constexpr double kPartOfCallback = 0.2;  // of what a line reaches through callbacks has the largest line below it, to be named instead
constexpr double kHalf = 0.5;            // of it the largest line has by itself
constexpr double kKept = 0.5;            // of the share that leaking lines keep of what they allocate: less is a dispatcher's
constexpr std::size_t kCallers = 4;  // lines in which the container is looked for: the innermost that most passes through, and its callers

struct Through {
    TraceGrowth of_all;            // of every trace
    std::int64_t of_counted = 0;   // of those whose lines are counted
    std::int64_t by_callback = 0;  // of those that it reaches by a callback
    std::size_t depth = 0;         // how far out it stands at most, for which of two is the inner one
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

// The line that is named, and the line whose growth is summed: the same, unless parts of the record are allocated elsewhere.
struct Choice {
    std::uint32_t line = 0, summed = 0;  // as UserLines
    double share = 0;                    // of the growth of all counted lines
};

class Chooser {
  public:
    Chooser(UserLines& user, const TraceAttribution& attribution, const Histories& histories, std::span<const JudgedLine> lines,
            const std::vector<bool>& counted)
        : user_(user), attribution_(attribution), histories_(histories), lines_(lines), counted_(counted) {}

    std::optional<Choice> choose() {
        std::vector<std::uint32_t> traces;
        TraceGrowth all;
        for (std::size_t t = 0; t < histories_.traces.size(); ++t) {
            const std::uint32_t site = attribution_.site_of_trace[t];
            if (site == kNoSite || !counted_[site] || (histories_.traces[t].bytes == 0 && histories_.traces[t].allocations == 0)) continue;
            traces.push_back(static_cast<std::uint32_t>(t));
            all += histories_.traces[t];
        }
        if (all.bytes <= 0) return std::nullopt;
        std::optional<Choice> choice = choose_among(traces, 0);
        if (choice) choice->share *= static_cast<double>(chosen_from_) / static_cast<double>(all.bytes);
        return choice;
    }

  private:
    std::optional<Choice> choose_among(const std::vector<std::uint32_t>& traces, int depth) {
        const std::vector<Through> through = follow_lines(traces);
        TraceGrowth all;
        std::vector<std::int64_t> of_site(attribution_.sites.size());
        for (const std::uint32_t t : traces) {
            all += histories_.traces[t];
            of_site[attribution_.site_of_trace[t]] += histories_.traces[t].bytes;
        }
        chosen_from_ = all.bytes;
        if (all.bytes <= 0) return std::nullopt;
        const double total = static_cast<double>(all.bytes);
        const auto share = [&](std::uint32_t line) { return static_cast<double>(through[line].of_counted) / total; };
        const auto named = [&](std::uint32_t line, std::uint32_t summed) { return Choice{line, summed, share(summed)}; };

        const auto [largest, largest_bytes] = largest_line(of_site);
        std::vector<std::uint32_t> most;  // that most passes through, the innermost first
        // What starts a program in Python (asyncio.run(main())) has all that it ever allocates.
        for (std::uint32_t i = 0; i < user_.size(); ++i)
            if (share(i) >= kMainShare && (user_[i].function != kPythonModule || largest == i || !largest)) most.push_back(i);
        std::stable_sort(most.begin(), most.end(), [&](std::uint32_t a, std::uint32_t b) { return through[a].depth < through[b].depth; });
        if (!largest && most.empty()) return std::nullopt;
        if (most.empty()) return named(*largest, *largest);
        const std::uint32_t common = most.front();

        // A server that calls its handlers, or runs an event loop, does not know what they keep.
        const bool calls_back = static_cast<double>(through[common].by_callback) >= kMainShare * total;

        // The line that allocates a record is rarely the one that keeps it: the container is searched in the callers as well.
        for (std::size_t i = 0; i < std::min(most.size(), kCallers); ++i) {
            const Keeping keeping = find_keeping_line(user_, histories_.traces, traces, most[i]);
            if (i > 0 && !keeping.each_record) continue;
            // A line that makes nearly all of the record itself, and hands it to the container or stands beside the line that does,
            // is the one to change.
            if (keeping.by == Keeping::By::one_line && largest == common && static_cast<double>(largest_bytes) >= kMainShare * total &&
                (i == 0 || same_function(keeping.line, common)))
                break;
            if (keeping.by == Keeping::By::common && calls_back && i == 0) continue;
            if (keeping.by == Keeping::By::common) return named(most[i], most[i]);
            if (keeping.by == Keeping::By::one_line) return named(keeping.line, most[i]);
            constexpr int kDeepest = 8;
            if (keeping.by != Keeping::By::several || depth >= kDeepest) continue;
            std::vector<std::uint32_t> below;
            for (const std::uint32_t t : traces) {
                const std::vector<std::uint32_t>& path = user_.of_trace(t);
                if (std::find(path.begin(), path.end(), keeping.part) != path.end()) below.push_back(t);
            }
            if (below.size() < traces.size()) return choose_among(below, depth + 1);
        }
        if (calls_back) {
            const auto [inner, inner_bytes] = largest_line(of_site, common);
            if (inner && static_cast<double>(inner_bytes) >= kPartOfCallback * total)
                return named(*inner, grow_together(of_site, total) ? common : *inner);
        }
        if (!largest || common == *largest) return named(common, common);
        const bool dispatches = kept_share(through[common].of_all) < kKept * kept_share(all);
        if (dispatches || (static_cast<double>(largest_bytes) >= kHalf * total && !grow_together(of_site, total)))
            return named(*largest, *largest);
        return named(common, common);
    }

    bool same_function(std::uint32_t a, std::uint32_t b) const {
        return user_[a].file == user_[b].file && user_[a].function == user_[b].function;
    }

    // Of each user line, what passes through it: of these traces, and of all.
    std::vector<Through> follow_lines(const std::vector<std::uint32_t>& traces) {
        std::vector<Through> through(user_.size());
        std::vector<bool> asked(histories_.traces.size());
        for (const std::uint32_t t : traces) asked[t] = true;
        for (std::size_t t = 0; t < histories_.traces.size(); ++t) {
            const TraceGrowth& growth = histories_.traces[t];
            if (growth.bytes == 0 && growth.allocations == 0) continue;
            const std::vector<std::uint32_t>& path = user_.of_trace(t);
            for (std::size_t i = 0; i < path.size(); ++i) {
                through[path[i]].of_all += growth;
                if (!asked[t]) continue;
                through[path[i]].of_counted += growth.bytes;
                if (user_.positions()[i].calls_back) through[path[i]].by_callback += growth.bytes;
                through[path[i]].depth = std::max(through[path[i]].depth, i);
            }
        }
        return through;
    }

    // The counted line of user code that has the largest part of the growth.
    // except: not this one.
    std::pair<std::optional<std::uint32_t>, std::int64_t> largest_line(const std::vector<std::int64_t>& of_site,
                                                                       std::optional<std::uint32_t> except = {}) const {
        const JudgedLine* most = nullptr;
        const auto excepted = [&](const CodeLine& at) {
            return except && user_[*except].line == at.line && user_[*except].file == at.file;
        };
        for (const JudgedLine& judged : lines_)
            if (counted_[judged.site] && judged.line->user_code && judged.line->at.line != 0 && of_site[judged.site] > 0 &&
                !excepted(judged.line->at) && (most == nullptr || of_site[judged.site] > of_site[most->site]))
                most = &judged;
        if (most == nullptr) return {std::nullopt, 0};
        for (std::uint32_t i = 0; i < user_.size(); ++i)
            if (user_[i].line == most->line->at.line && user_[i].file == most->line->at.file) return {i, of_site[most->site]};
        return {std::nullopt, 0};
    }

    // Whether the lines keep blocks in whole proportions, as the parts of one record do. Two leaks do so only by chance.
    bool grow_together(const std::vector<std::int64_t>& of_site, double total) const {
        constexpr double kPart = 0.1, kSlack = 0.03;
        std::vector<double> blocks;
        for (const JudgedLine& judged : lines_) {
            const LineGrowth& line = *judged.line;
            if (!counted_[judged.site] || static_cast<double>(of_site[judged.site]) < kPart * total) continue;
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

    UserLines& user_;
    const TraceAttribution& attribution_;
    const Histories& histories_;
    std::span<const JudgedLine> lines_;
    const std::vector<bool>& counted_;
    std::int64_t chosen_from_ = 0;  // growth of the traces that the answer was found among
};

}  // namespace

std::optional<HeadlineLine> find_headline(const HeapProfile& profile, const Window& window, const TraceAttribution& attribution,
                                          const Histories& histories, const Judge& judge, std::span<const JudgedLine> lines) {
    const std::vector<bool> counted = counted_sites(lines, attribution.sites.size());
    UserLines user(profile, attribution.kind_of_frame);
    const auto choice = Chooser(user, attribution, histories, lines, counted).choose();
    if (!choice) return std::nullopt;

    // Its history is that of all traces that pass through it, or of all of the record that it keeps.
    TraceAttribution one;
    one.sites.push_back({user[choice->line], true});
    one.site_of_trace.assign(profile.traces.size(), kNoSite);
    one.line_of_trace.assign(profile.traces.size(), user[choice->line].line);
    one.frame_of_trace.assign(profile.traces.size(), kNoSite);
    one.node_of_trace.assign(profile.traces.size(), {});
    one.kind_of_frame = attribution.kind_of_frame;
    std::vector<bool> inside(attribution.sites.size());
    HeadlineLine headline;
    for (std::size_t t = 0; t < profile.traces.size(); ++t) {
        const std::vector<std::uint32_t>& path = user.of_trace(t);
        auto found = std::find(path.begin(), path.end(), choice->line);
        if (found == path.end()) found = std::find(path.begin(), path.end(), choice->summed);
        if (found == path.end()) continue;
        const std::uint32_t site = attribution.site_of_trace[t];
        // Below the line that a record's parts have in common, only what grows is a part of it.
        if (choice->summed != choice->line && *found == choice->summed && (site == kNoSite || !counted[site])) continue;
        const UserLines::Position& position = user.positions()[static_cast<std::size_t>(found - path.begin())];
        one.site_of_trace[t] = 0;
        one.node_of_trace[t] = position.node;
        one.frame_of_trace[t] = position.frame;
        if (site != kNoSite && histories.traces[t].bytes != 0) inside[site] = true;
    }
    const Histories of_line = follow(profile, window, one);
    const SiteHistory& site = of_line.sites[0];
    LineGrowth& line = headline.line;
    line.at = user[choice->line];
    take_history(site, profile.sampling.has_value(), line);
    judge.judge(site, line);
    line.leaking = false;
    line.live_at_marks = levels_at_marks(site, window);
    line.callers = std::move(callers_of(profile, one, {true}, histories.traces)[0]);
    headline.share = std::min(1.0, choice->share);
    headline.lines = 0;
    for (const JudgedLine& other : lines) {
        if (inside[other.site] && other.line->growth_bytes > 0) ++headline.lines;
        if (!other.line->leaking) continue;
        if (inside[other.site])
            line.leaking = true;
        else
            ++headline.elsewhere;
    }
    return headline;
}

}  // namespace leakline::analysis
