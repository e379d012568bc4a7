#include "analysis/coverage.hpp"

#include <algorithm>
#include <map>

namespace leakline::analysis {

Coverage coverage_of(const ReplayStats& replay) {
    std::map<std::string, KindCoverage> kinds;
    // What failed for its fresh identifiers was served with those of the log, before and after.
    const auto was_served = [&](const std::string& name) { return std::find(replay.not_fresh.begin(), replay.not_fresh.end(), name) != replay.not_fresh.end(); };
    for (const auto& [name, path] : replay.paths) {
        if (was_served(name)) continue;
        const std::uint64_t failed = path.errors - std::min(path.errors, path.failed_as_recorded);
        if (failed * 2 <= path.sent) continue;
        KindCoverage& kind = kinds[name];
        kind.failed = failed;
    }
    for (const LeftOut& left : replay.left_out) {
        KindCoverage& kind = kinds[left.kind];
        kind.left_out += left.requests;
        if (left.why == LeftOutWhy::no_body) kind.without_body += left.requests;
    }
    Coverage coverage;
    coverage.log_requests = replay.log_requests;
    for (auto& [name, kind] : kinds) {
        kind.kind = name;
        if (const auto path = replay.paths.find(name); path != replay.paths.end() && !was_served(name)) {
            kind.sent = path->second.sent;
            kind.failed = path->second.errors - std::min(path->second.errors, path->second.failed_as_recorded);
        }
        coverage.kinds.push_back(kind);
    }
    std::stable_sort(coverage.kinds.begin(), coverage.kinds.end(), [](const KindCoverage& a, const KindCoverage& b) {
        return a.left_out != b.left_out ? a.left_out > b.left_out : a.failed > b.failed;
    });
    return coverage;
}

}  // namespace leakline::analysis
