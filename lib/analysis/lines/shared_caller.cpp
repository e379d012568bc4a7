#include "analysis/lines/internal/shared_caller.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "analysis/lines/function_name.hpp"

namespace leakline::analysis {

namespace {

constexpr double kPart = 0.1;    // of the growth: less is a detail
constexpr double kTrace = 0.05;  // of the growth has the trace by whose blocks records are counted
constexpr double kOneConstructor = 0.8;
constexpr double kShared = 0.5;                     // blocks for each record: fewer are shared by many
constexpr double kOneEach = 1.05, kFewKinds = 2.1;  // nodes for each record; where half of the kinds of request have no large part
constexpr double kAnyPart = 0.002;                  // of the growth: the pointers to a record are a small part of it
constexpr double kPointer = 4;                      // bytes for each record: a vector of pointers, within one of its doublings

bool is_constructor(std::string_view function) {
    const std::string qualified = qualified_name(function);
    const std::size_t at = qualified.rfind("::");
    if (at == std::string::npos) return false;
    const std::string_view scope = std::string_view(qualified).substr(0, at), name = std::string_view(qualified).substr(at + 2);
    const std::size_t before = scope.rfind("::");
    return (before == scope.npos ? scope : scope.substr(before + 2)) == name;
}

struct Part {
    std::int64_t bytes = 0;
    std::uint32_t keeper = kNoSite;  // the innermost line that keeps, of the trace that grows most
    std::int64_t kept_bytes = 0, container_bytes = 0;
};

// How many records were kept, by the blocks of what is no container's own: the fewest and the most that a large part of the growth
// has. Records of one shape have them in whole proportions; some kinds of request leave parts of a record out.
struct Records {
    double fewest = 0, most = 0;
};
Records records_of(UserLines& user, std::span<const TraceGrowth> growth, std::span<const std::uint32_t> traces, std::int64_t total) {
    double fewest = std::numeric_limits<double>::infinity(), of_containers = fewest, most = 0;
    for (const std::uint32_t t : traces) {
        if (static_cast<double>(growth[t].bytes) < kTrace * static_cast<double>(total) || growth[t].blocks < 4) continue;
        user.of_trace(t);
        const bool container = !user.positions().empty() && user.positions()[0].inserts == Insertion::block;
        double& least = container ? of_containers : fewest;
        least = std::min(least, static_cast<double>(growth[t].blocks));
        if (!container) most = std::max(most, static_cast<double>(growth[t].blocks));
    }
    if (fewest == std::numeric_limits<double>::infinity()) fewest = of_containers;
    return {fewest, std::max(most, fewest)};
}

}  // namespace

Keeping find_keeping_line(UserLines& user, std::span<const TraceGrowth> growth, std::span<const std::uint32_t> traces,
                          std::uint32_t common) {
    std::int64_t total = 0;
    for (const std::uint32_t t : traces) total += growth[t].bytes;
    const Records records = records_of(user, growth, traces, total);
    // direct: by the line itself that the common one calls. Further in, a node may be of a map within the record.
    const auto keeps = [&](Insertion inserts, std::uint32_t t, bool direct) {
        if (inserts == Insertion::none || growth[t].bytes <= 0) return false;
        const double blocks = static_cast<double>(growth[t].blocks);
        return blocks < kShared * records.fewest ||
               (inserts == Insertion::node && blocks <= (direct ? kFewKinds * records.most : kOneEach * records.fewest));
    };

    std::vector<bool> asked(growth.size());
    for (const std::uint32_t t : traces) asked[t] = true;
    std::map<std::uint32_t, Part> parts;
    std::int64_t constructed = 0;
    std::int64_t common_container = 0;
    // What a container grows by is looked at even where its line is not asked about: between two doublings it shows no growth.
    for (std::uint32_t t = 0; t < growth.size(); ++t) {
        if (!asked[t] && growth[t].bytes <= 0) continue;
        const std::vector<std::uint32_t>& path = user.of_trace(t);
        const auto found = std::find(path.begin(), path.end(), common);
        if (found == path.end()) continue;
        const auto at = static_cast<std::size_t>(found - path.begin());
        if (keeps(user.positions()[at].inserts, t, true)) common_container += growth[t].bytes;
        if (at == 0) continue;
        Part& part = parts[path[at - 1]];
        if (asked[t]) part.bytes += growth[t].bytes;
        if (asked[t] && is_constructor(user[path[at - 1]].function)) constructed += growth[t].bytes;
        for (std::size_t i = 0; i < at; ++i) {
            if (!keeps(user.positions()[i].inserts, t, i + 1 == at)) continue;
            part.container_bytes += growth[t].bytes;
            if (part.keeper == kNoSite || growth[t].bytes > part.kept_bytes) {
                part.keeper = path[i];
                part.kept_bytes = growth[t].bytes;
            }
            break;
        }
    }

    Keeping keeping;
    const auto each_record = [&](std::int64_t container) { return static_cast<double>(container) >= kPointer * records.fewest; };
    if (common_container > 0 || static_cast<double>(constructed) >= kOneConstructor * static_cast<double>(total)) {
        keeping.by = Keeping::By::common;
        keeping.each_record = each_record(common_container);
        return keeping;
    }
    std::size_t keepers = 0, large = 0;
    std::int64_t most = 0;
    for (const auto& [line, part] : parts) {
        if (part.keeper == kNoSite || static_cast<double>(part.bytes + part.container_bytes) < kAnyPart * static_cast<double>(total))
            continue;
        ++keepers;
        if (static_cast<double>(part.bytes) >= kPart * static_cast<double>(total)) ++large;
        if (part.bytes + part.container_bytes <= most) continue;
        most = part.bytes + part.container_bytes;
        keeping.line = part.keeper;
        keeping.part = line;
        keeping.each_record = each_record(part.container_bytes);
    }
    if (large >= 2)
        keeping.by = Keeping::By::several;
    else if (keepers == 1)
        keeping.by = Keeping::By::one_line;
    return keeping;
}

}  // namespace leakline::analysis
