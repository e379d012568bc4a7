#include "analysis/lines/internal/resource_lines.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "analysis/lines/internal/growth.hpp"
#include "analysis/lines/internal/user_lines.hpp"
#include "analysis/resources.hpp"

namespace leakline::analysis {

namespace {

constexpr std::size_t kMaxLines = 8;

struct OpenSite {
    double open = 0;                 // at the mark that was read last
    double first = 0, last = 0;      // at the window's ends
    std::vector<double> levels;      // at the judged marks
    std::map<TraceId, double> grew;  // by trace, over the window
};
using OpenSites = std::map<std::pair<Resource, std::uint32_t>, OpenSite>;

// Where there are too few marks to judge, as in a run that used up its descriptors within a round: all that were opened under traffic.
Window window_of_open(const HeapProfile& profile, Window window) {
    constexpr std::size_t kJudgeable = 4;
    if (window.judged.size() >= kJudgeable) return window;
    window.from_empty = false;
    window.first = 0;
    for (std::size_t m = 0; m < profile.marks.size(); ++m)
        if (profile.marks[m].requests == std::uint64_t{0}) window.first = m;  // the service was ready
    window.last = profile.marks.size() - 1;
    window.judged.clear();
    return window;
}

OpenSites follow_open(const HeapProfile& profile, const Window& window, const TraceAttribution& attribution) {
    OpenSites sites;
    std::map<std::pair<Resource, TraceId>, double> open;
    auto judged = window.judged.begin();
    std::size_t passed = 0;  // judged marks
    for (std::size_t m = 0; m <= window.last; ++m) {
        for (const HeapMark::Open& change : profile.marks[m].open) {
            if (change.trace.value == 0 || change.trace.value > attribution.site_of_trace.size()) continue;
            const std::uint32_t place = attribution.site_of_trace[change.trace.value - 1];
            if (place == kNoSite) continue;
            double& level = open[{change.resource, change.trace}];
            const double by = static_cast<double>(change.count) - level;
            level = static_cast<double>(change.count);
            OpenSite& site = sites[{change.resource, place}];
            site.levels.resize(passed);  // it was not open before
            site.open += by;
            if (window.from_empty || m > window.first) site.grew[change.trace] += by;
        }
        if (m == window.first && !window.from_empty)
            for (auto& [key, site] : sites) site.first = site.open;
        if (judged == window.judged.end() || *judged != m) continue;
        ++judged;
        ++passed;
        for (auto& [key, site] : sites) site.levels.push_back(site.open);
    }
    for (auto& [key, site] : sites) site.last = site.open;
    return sites;
}

// The next line of user code above, on most of the growth.
std::optional<CodeLine> caller_of(const OpenSite& site, UserLines& user) {
    std::map<std::uint32_t, double> callers;
    for (const auto& [trace, grown] : site.grew) {
        const std::vector<std::uint32_t>& lines = user.of_trace(trace.value - 1);
        if (lines.size() > 1) callers[lines[1]] += grown;
    }
    const auto most = std::max_element(callers.begin(), callers.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == callers.end() || most->second < (site.last - site.first) / 2) return std::nullopt;
    return user[most->first];
}

void judge(ResourceLine& line, const Window& window, const Axes& axes) {
    const auto at_judged = [&](const std::vector<double>& all) {
        std::vector<double> x;
        for (const std::size_t mark : window.judged)
            if (mark < all.size()) x.push_back(all[mark]);
        return x;
    };
    const std::vector<double> requests = at_judged(axes.requests), seconds = at_judged(axes.seconds);
    const bool counted = requests.size() == line.at_marks.size() &&
                         std::adjacent_find(requests.begin(), requests.end(), [](double a, double b) { return b <= a; }) == requests.end();
    if (counted) line.per_request = growth_rate(requests, line.at_marks);
    if (counted || seconds.size() == line.at_marks.size()) line.grows = judge_count(counted ? requests : seconds, line.at_marks).grows;
}

}  // namespace

std::vector<ResourceLine> resource_lines(const HeapProfile& profile, const Window& judged, const Axes& axes,
                                         const TraceAttribution& attribution) {
    const Window window = window_of_open(profile, judged);
    std::vector<ResourceLine> lines;
    if (std::all_of(profile.marks.begin(), profile.marks.end(), [](const HeapMark& mark) { return mark.open.empty(); })) return lines;
    UserLines user(profile, attribution.kind_of_frame);
    for (const auto& [key, site] : follow_open(profile, window, attribution)) {
        if (site.last <= site.first) continue;
        ResourceLine line;
        line.resource = key.first;
        line.at = attribution.sites[key.second].at;
        line.growth = site.last - site.first;
        line.at_marks = site.levels;
        line.caller = caller_of(site, user);
        judge(line, window, axes);
        lines.push_back(std::move(line));
    }
    std::stable_sort(lines.begin(), lines.end(), [](const ResourceLine& a, const ResourceLine& b) {
        return std::tie(a.resource, b.growth, a.at) < std::tie(b.resource, a.growth, b.at);
    });
    std::map<Resource, std::size_t> listed;
    std::erase_if(lines, [&](const ResourceLine& line) { return ++listed[line.resource] > kMaxLines; });
    return lines;
}

}  // namespace leakline::analysis
