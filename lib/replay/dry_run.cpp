#include "replay/dry_run.hpp"

#include <algorithm>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "http/url.hpp"
#include "replay/internal/request_host.hpp"
#include "replay/internal/schedule.hpp"
#include "replay/log.hpp"
#include "replay/path_table.hpp"
#include "replay/selected_log.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

// Counts over time with an unknown end: when there are too many steps, pairs of them are merged.
class RateOverTime {
  public:
    static constexpr std::size_t kSteps = 60;

    void add(Nanoseconds at) {
        if (counts_.empty()) origin_ = at;
        while (at < origin_) {  // the log begins out of order
            counts_.insert(counts_.begin(), 0);
            origin_ -= step_;
            if (counts_.size() > kSteps) join();
        }
        for (;;) {
            const auto index = static_cast<std::uint64_t>((at - origin_) / step_);
            if (index < kSteps) {
                if (index >= counts_.size()) counts_.resize(index + 1);
                ++counts_[index];
                return;
            }
            join();
        }
    }
    Nanoseconds step() const { return step_; }
    const std::vector<std::uint64_t>& counts() const { return counts_; }

  private:
    void join() {
        for (std::size_t i = 0; i < counts_.size(); i += 2) counts_[i / 2] = counts_[i] + (i + 1 < counts_.size() ? counts_[i + 1] : 0);
        counts_.resize((counts_.size() + 1) / 2);
        step_ *= 2;
    }

    Nanoseconds origin_{}, step_ = std::chrono::milliseconds(1);
    std::vector<std::uint64_t> counts_;
};

}  // namespace

DryRun dry_run(const ReplayOptions& options) {
    check(options);
    const ShapeOptions shape_options = choose_hosts(options);
    Log log(options.logs, log_options(options));
    Shape shape(shape_options);
    HostCounts hosts;
    PathTable paths(options.variable_segments);
    RateOverTime rate;
    Schedule schedule(options.pace, options.max_gap);
    DryRun result;
    result.rounds = options.rounds;
    result.duration = options.duration;
    result.formats = log.formats();
    const std::string host = options.target.empty() ? "localhost" : http::parse_url(options.target).authority();
    std::vector<std::uint64_t> counts(PathTable::kLimit + 1);
    Record record;
    std::string bytes;
    while (log.next(record)) {
        ++result.read;
        if (const std::string_view named = host_of(record); !named.empty()) hosts.add(named);
        if (!shape.apply(record)) {
            ++result.filtered;
            continue;
        }
        bytes.clear();
        if (!append_wire(bytes, record, shape.host(record, host))) {
            --result.read;
            log.reject(why_not_sent(record));
            continue;
        }
        ++result.requests;
        result.bytes += bytes.size();
        result.largest = std::max<Bytes>(result.largest, bytes.size());
        if (!record.connection.empty()) ++result.sessions;
        ++counts[paths.intern(record.method, path_of_target(record.target))];
        const bool has_due = options.pace.kind == Pace::Kind::rate || (options.pace.kind == Pace::Kind::recorded && record.has_time);
        if (has_due) result.round = schedule.due(record.at);
        if (!record.has_time) continue;
        result.first = result.first ? std::min(*result.first, record.at) : record.at;
        result.last = result.last ? std::max(*result.last, record.at) : record.at;
        rate.add(record.at);
    }
    result.bad = log.bad();
    result.read += result.bad;
    if (options.stop.stop_requested()) result.warnings.push_back("interrupted: this report covers only part of the log");
    for (std::size_t i = 0; i < paths.names().size(); ++i) result.paths[paths.names()[i]] = counts[i];
    for (const auto& [name, count] : hosts.ranking()) result.hosts.push_back({name, count, 0});
    for (const auto& [name, count] : shape.other_hosts().ranking())
        for (DryRun::Host& known : result.hosts)
            if (known.name == name) known.left_out = count;
    result.step = rate.step();
    result.rate = rate.counts();
    for (std::string& line : log.damage().lines()) result.warnings.push_back(std::move(line));
    for (const std::string& warning : log.warnings()) result.warnings.push_back(warning);
    for (const std::string& note : options.values.notes) result.warnings.push_back(note);
    for (std::string& warning : shape.warnings("would be left out")) result.warnings.push_back(std::move(warning));
    return result;
}

}  // namespace leakline::replay
