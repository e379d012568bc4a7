#include "replay/merge.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "replay/internal/histogram.hpp"

namespace leakline::replay {

namespace {

// sum += the part's, where the sum cannot overflow.
void add_count(std::uint64_t& sum, std::uint64_t part, const std::string& name) {
    if (part > ~std::uint64_t{0} - sum) throw Error(ErrorKind::input, name, "its counts are too large to be added");
    sum += part;
}

void check_sums(const NamedStats& part) {
    const ReplayStats& stats = part.stats;
    constexpr std::uint64_t kLargest = std::uint64_t{1} << 60;  // of a count: sums of four fit
    bool whole = true;
    for (const std::uint64_t count : {stats.read, stats.bad, stats.filtered, stats.sent, stats.unsent, stats.completed})
        whole = whole && count <= kLargest;
    if (!whole || stats.read != stats.bad + stats.filtered + stats.sent + stats.unsent)
        throw Error(ErrorKind::input, part.name, "its counts do not add up: read is not bad + filtered + sent + unsent",
                    "write it again with leakline replay -o FILE.json");
}

// The latencies of one kind, over all parts.
class MergedLatency {
  public:
    void add(const LatencySummary& summary, const std::string& name, const char* what) {
        if (summary.count == 0) return;
        const int bits = Histogram::bits_of(summary.buckets);
        if (bits != 0 && !histogram_) histogram_.emplace(bits);
        if (bits == 0 || !histogram_->merge_text(summary))
            throw Error(ErrorKind::input, name,
                        summary.buckets.empty() ? std::string("it has no histogram of the ") + what
                                                : std::string("the histogram of the ") + what + " is damaged, or of another precision",
                        "write it again with leakline replay -o FILE.json");
    }
    LatencySummary summary() const { return histogram_ ? histogram_->summary() : LatencySummary{}; }

  private:
    std::optional<Histogram> histogram_;
};

struct MergedPath {
    ReplayStats::PathStats stats;
    MergedLatency latency;
};

void add_values(std::optional<ReplayValues>& sum, const std::optional<ReplayValues>& part) {
    if (!part) return;
    if (!sum) sum.emplace();
    for (const auto member : {&ReplayValues::substituted, &ReplayValues::as_recorded, &ReplayValues::skipped, &ReplayValues::cookies,
                              &ReplayValues::undecodable, &ReplayValues::unusable})
        (*sum).*member += (*part).*member;
    for (const ReplayValues::Extracted& value : part->extracted) {
        auto known =
            std::find_if(sum->extracted.begin(), sum->extracted.end(), [&](const auto& other) { return other.name == value.name; });
        if (known == sum->extracted.end()) known = sum->extracted.insert(known, {value.name});
        known->searched += value.searched;
        known->found += value.found;
        known->missing += value.missing;
    }
}

void add_left_out(std::vector<LeftOut>& sum, const std::vector<LeftOut>& part) {
    for (const LeftOut& left : part) {
        const auto known =
            std::find_if(sum.begin(), sum.end(), [&](const LeftOut& other) { return other.kind == left.kind && other.why == left.why; });
        if (known == sum.end())
            sum.push_back(left);
        else
            known->requests += left.requests;
    }
}

void add_lists(ReplayStats& sum, const NamedStats& part) {
    for (const std::string& reason : part.stats.reasons) sum.reasons.push_back(part.name + ": " + reason);
    for (const std::string& warning : part.stats.warnings) sum.warnings.push_back(part.name + ": " + warning);
    for (const std::string& text : part.stats.fresh) add_once(sum.fresh, text);
    for (const std::string& text : part.stats.not_fresh) add_once(sum.not_fresh, text);
    add_left_out(sum.left_out, part.stats.left_out);
    add_values(sum.values, part.stats.values);
}

}  // namespace

ReplayStats merge(const std::vector<NamedStats>& parts) {
    ReplayStats sum;
    MergedLatency latency, service, send_lag;
    std::map<std::string, MergedPath> paths;
    bool all_have_target = true;
    double target_rate = 0;
    for (const NamedStats& part : parts) {
        const ReplayStats& stats = part.stats;
        check_sums(part);
        for (const auto member : {&ReplayStats::read, &ReplayStats::bad, &ReplayStats::filtered, &ReplayStats::sent, &ReplayStats::unsent,
                                  &ReplayStats::completed, &ReplayStats::late, &ReplayStats::unexpected, &ReplayStats::connections,
                                  &ReplayStats::retried, &ReplayStats::log_requests, &ReplayStats::http2})
            add_count(sum.*member, stats.*member, part.name);
        for (const auto& [status, count] : stats.statuses) add_count(sum.statuses[status], count, part.name);
        for (const auto& [code, count] : stats.grpc_statuses) add_count(sum.grpc_statuses[code], count, part.name);
        for (std::size_t i = 0; i < kFailureCount; ++i) add_count(sum.failures[i], stats.failures[i], part.name);
        latency.add(stats.latency, part.name, "latency");
        service.add(stats.service, part.name, "service time");
        send_lag.add(stats.send_lag, part.name, "send lag");
        for (const auto& [name, path] : stats.paths) {
            MergedPath& merged = paths[name];
            for (const auto member : {&ReplayStats::PathStats::sent, &ReplayStats::PathStats::completed, &ReplayStats::PathStats::errors,
                                      &ReplayStats::PathStats::failed_as_recorded, &ReplayStats::PathStats::refused_fresh})
                add_count(merged.stats.*member, path.*member, part.name);
            merged.latency.add(path.latency, part.name, "latency of a path");
        }
        sum.duration_s = std::max(sum.duration_s, stats.duration_s);
        sum.rate += stats.rate;
        all_have_target = all_have_target && stats.target_rate.has_value();
        target_rate += stats.target_rate.value_or(0);
        sum.valid = sum.valid && stats.valid;
        add_lists(sum, part);
    }
    sum.latency = latency.summary();
    sum.service = service.summary();
    sum.send_lag = send_lag.summary();
    for (auto& [name, path] : paths) {
        path.stats.latency = path.latency.summary();
        sum.paths.emplace(name, std::move(path.stats));
    }
    if (all_have_target && !parts.empty()) sum.target_rate = target_rate;
    return sum;
}

}  // namespace leakline::replay
