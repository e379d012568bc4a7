#include "analysis/coverage.hpp"

#include <algorithm>
#include <map>

namespace leakline::analysis {

namespace {

std::uint64_t without(std::uint64_t part, std::uint64_t whole) { return whole - std::min(part, whole); }

// Requests that were refused only for fresh identifiers are not counted: they were served with the log's.
KindCoverage served(const ReplayStats::PathStats& path) {
    KindCoverage kind;
    kind.sent = without(path.refused_fresh, path.sent);
    kind.failed = without(path.refused_fresh, without(path.failed_as_recorded, path.errors));
    return kind;
}

}  // namespace

Coverage coverage_of(const ReplayStats& replay) {
    std::map<std::string, KindCoverage> kinds;
    for (const auto& [name, path] : replay.paths) {
        const KindCoverage kind = served(path);
        if (kind.mostly_failed()) kinds[name] = kind;
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
        if (const auto path = replay.paths.find(name); path != replay.paths.end()) {
            const KindCoverage counts = served(path->second);
            kind.sent = counts.sent;
            kind.failed = counts.failed;
        }
        coverage.kinds.push_back(kind);
    }
    std::stable_sort(coverage.kinds.begin(), coverage.kinds.end(), [](const KindCoverage& a, const KindCoverage& b) {
        return a.left_out != b.left_out ? a.left_out > b.left_out : a.failed > b.failed;
    });
    coverage.recorded_identifiers = replay.not_fresh;
    return coverage;
}

}  // namespace leakline::analysis
