#include "diagnose/measured_target.hpp"

#include <algorithm>
#include <limits>

#include "analysis/trend.hpp"
#include "base/clock.hpp"

namespace leakline::diagnose {

namespace {

// When the first half of the requests alone would have had the limit reached.
void predict(OomKill& kill, const Series& series, Bytes limit) {
    Series half;
    const double until = series.requests.back() / 2;
    for (std::size_t i = 0; i < series.size() && series.requests[i] <= until; ++i) {
        half.seconds.push_back(series.seconds[i]);
        half.value.push_back(series.value[i]);
        half.requests.push_back(series.requests[i]);
    }
    const TrendVerdict trend = analysis::judge_trend(half);
    if (trend.verdict != Trend::growing || !trend.bytes_per_request || !trend.level_bytes) return;
    const double head = std::max(0.0, static_cast<double>(limit) - *trend.level_bytes);
    const auto reached = [&](double from, const Interval& growth, double unit) {
        const auto at = [&](double rate) {
            return rate > 0 ? from + head / rate * unit : std::numeric_limits<double>::infinity();
        };
        return Interval{at(growth.estimate), at(growth.high), at(growth.low)};
    };
    kill.predicted_at_s = reached(half.seconds.back(), trend.slope_bytes_per_hour, 3600);
    kill.predicted_requests = reached(half.requests.back(), *trend.bytes_per_request, 1);
}

}  // namespace

MeasuredTarget::MeasuredTarget(RunContext& context, const TargetSpec& spec, Nanoseconds interval)
    : context_(context),
      launch_(prepare_launch(spec, scratch_.path())),
      limit_(put_under_limit(context, launch_.command)),
      child_(context.start(launch_)),
      origin_(system_clock().monotonic()),
      log_(context.result.command, system_clock(), origin_, progress_),
      sampler_(sampling(context, child_.pid(), interval), [this](const MemorySample& sample) { log_.add(sample); }) {}

std::optional<memory::MemoryLimit> MeasuredTarget::put_under_limit(RunContext& context, Command& command) {
    if (!context.options.memory_limit) return std::nullopt;
    memory::MemoryLimit limit = memory::MemoryLimit::create(*context.options.memory_limit);
    std::vector<std::string>& warnings = context.result.warnings;
    if (!limit.warning().empty() && std::find(warnings.begin(), warnings.end(), limit.warning()) == warnings.end())
        warnings.push_back(limit.warning());
    limit.put_on(command);
    return limit;
}

memory::SampleOptions MeasuredTarget::sampling(const RunContext& context, int pid, Nanoseconds interval) {
    memory::SampleOptions options;
    options.pid = pid;
    options.interval = interval;
    if (context.options.memory_limit) options.metrics.push_back(Metric::anonymous);
    return options;
}

std::optional<Bytes> MeasuredTarget::limit_of_rss() const {
    if (!limit_) return std::nullopt;
    return limit_->limit() + (in_cgroup() ? log_.file_backed() : 0);
}

std::optional<OomKill> MeasuredTarget::finish(const char* run, std::size_t whole_rounds) {
    sampler_.stop();
    if (child_.running()) {
        child_.terminate(context_.options.target.grace);
        return std::nullopt;
    }
    if (limit_) {
        using Cause = memory::Death::Cause;
        const memory::Death death = limit_->death_of(*child_.status(), log_.highest());
        if (death.cause == Cause::oom_killed || death.cause == Cause::allocation_failed) {
            OomKill kill;
            kill.text = death.text;
            kill.requests = progress_.completed;
            const Series series = log_.copy();
            if (series.size() > 0) {
                kill.at_s = series.seconds.back();
                predict(kill, series, *limit_of_rss());
            }
            return kill;
        }
    }
    context_.died(child_, launch_, run, whole_rounds);
    return std::nullopt;
}

}  // namespace leakline::diagnose
