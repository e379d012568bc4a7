#include "diagnose/internal/measured_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "analysis/trend/trend.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "diagnose/internal/running_service.hpp"
#include "heap/preflight.hpp"
#include "system/clock.hpp"
#include "system/stop.hpp"

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
        const auto at = [&](double rate) { return rate > 0 ? from + head / rate * unit : std::numeric_limits<double>::infinity(); };
        return Interval{at(growth.estimate), at(growth.high), at(growth.low)};
    };
    kill.predicted_at_s = reached(half.seconds.back(), trend.slope_bytes_per_hour, 3600);
    kill.predicted_requests = reached(half.requests.back(), *trend.bytes_per_request, 1);
}

// Readings of the processes without the agent's memory, which counts as shared memory of theirs. Returns its sum.
Bytes subtract_agent(const std::map<int, Bytes>& agents, std::vector<memory::ProcessReading>& readings) {
    Bytes sum = 0;
    for (memory::ProcessReading& reading : readings) {
        const auto agent = agents.find(reading.pid);
        if (agent == agents.end() || reading.zombie) continue;
        sum += agent->second;
        reading.resident -= std::min(reading.resident, agent->second);
        reading.shared_memory -= std::min(reading.shared_memory, agent->second);
    }
    return sum;
}

constexpr Nanoseconds kDetailInterval = std::chrono::milliseconds(100);
// Pause after a reading, in times of what it took: a service of hundreds of processes is read less often.
constexpr int kSamplingRest = 19;

}  // namespace

MeasuredTarget::MeasuredTarget(RunContext& context, const TargetSpec& spec, Nanoseconds interval, Lines lines)
    : context_(context),
      launch_(spec.pid != 0 ? Launch{} : prepare_launch(spec, scratch_.path())),
      subreaper_(spec.pid != 0 ? std::optional<const Subreaper>() : std::optional<const Subreaper>(std::in_place)),
      limit_(put_under_limit(context, launch_.command)),
      service_(spec.pid != 0 ? attach(context, lines) : start(context, lines)),
      origin_(system_clock().monotonic()),
      log_(context.result.command, system_clock(), origin_, progress_),
      tree_(service_.pid(), {}, [this] { return subreaper_ ? subreaper_->orphans() : std::vector<int>(); }),
      sampled_(sample(Depth::detailed)),
      sampler_({interval, std::max(interval, kDetailInterval), {}}, [this](Depth depth, Nanoseconds) { return sample(depth); }) {}

ServiceHandle MeasuredTarget::start(RunContext& context, Lines lines) {
    if (lines == Lines::none) return ServiceHandle(own_.emplace(context.start(launch_)));
    recorder_.emplace(heap::Recorder::start(recording_options(context, launch_)));
    context.result.target = wait_until_ready(recorder_->child(), launch_, context.options.target, context.stop());
    return ServiceHandle(recorder_->child());
}

// Why an agent cannot be attached is no failure: memory is judged without lines.
ServiceHandle MeasuredTarget::attach(RunContext& context, Lines lines) {
    const TargetSpec& spec = context.options.target;
    context.result.target = wait_until_answers(spec, context.stop());
    const ServiceHandle service(spec.pid);
    if (lines == Lines::none) return service;
    heap::RecordOptions options = recording_options(context, launch_);
    options.attach_to = spec.pid;
    options.descendants = heap::Descendants::recorded;
    try {
        recorder_.emplace(heap::Recorder::start(std::move(options)));
    } catch (const Error& reason) {
        if (context.stopped() || !service.running()) throw;
        throw heap::NotRecordable(reason.kind(), reason.location(), reason.message(), reason.hint());
    }
    for (const std::string& warning : recorder_->warnings()) add_once(context.result.warnings, warning);
    context.detail(fmt::format("attached to {} of the service; a thread stood still for {} at most",
                               counted(recorder_->attached_to().size(), "process"), format_duration(recorder_->stopped())));
    return service;
}

bool MeasuredTarget::sample(Depth depth) {
    const Clock& clock = system_clock();
    const Nanoseconds begin = clock.monotonic();
    detail_due_ = detail_due_ || depth == Depth::detailed;
    if (begin < not_before_) return true;
    const bool detailed = std::exchange(detail_due_, false);
    if (!read_tree(detailed ? Depth::detailed : Depth::quick)) return false;
    const Nanoseconds end = clock.monotonic();
    not_before_ = end + std::min<Nanoseconds>((end - begin) * kSamplingRest, std::chrono::seconds(5));
    return true;
}

bool MeasuredTarget::read_tree(Depth depth) {
    const std::lock_guard lock(tree_mutex_);
    std::map<int, Bytes> agents;
    if (recorder_) agents = recorder_->own_memory();  // before the readings: a process that ends in between had its agent to the end
    const std::vector<memory::ProcessReading>& readings = tree_.read(depth);
    if (!recorder_) {
        log_.add(readings, depth == Depth::detailed, tree_.shared_memory(), tree_.files_in_memory());
        return !readings.empty();
    }
    std::vector<memory::ProcessReading> without_agent = readings;
    if (context_.options.target.pid != 0) log_.record_these(agents);
    const Bytes agent = subtract_agent(agents, without_agent);
    log_.add(without_agent, depth == Depth::detailed, tree_.shared_memory() - std::min(tree_.shared_memory(), agent),
             tree_.files_in_memory());
    return !readings.empty();
}

void MeasuredTarget::mark() {
    read_now();  // processes come and go
    const std::vector<memory::ProcessId> processes = log_.processes();
    marks_.add(to_seconds(system_clock().monotonic() - origin_), progress_.completed,
               memory::probe_resources(processes, memory::IpcLook::taken));
    for (const Resource resource : {Resource::mappings, Resource::ipc_objects})
        if (!near_limit_.load().has_value() && marks_.near_limit(resource)) near_limit_ = resource;
}

void MeasuredTarget::watch_idle(double seconds) {
    const Nanoseconds begin = system_clock().monotonic();
    sleep_for(context_.stop(), Nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
    const double idle = to_seconds(system_clock().monotonic() - begin);
    read_tree(Depth::detailed);
    marks_.add_idle(idle, memory::probe_resources(log_.processes(), memory::IpcLook::taken));
}

Resources MeasuredTarget::resources() const {
    Resources resources = marks_.resources();
    resources.tree = log_.tree();
    const auto exhausted = log_.exhaustion();
    const std::optional<Resource> near_limit = near_limit_;
    for (ResourceGrowth& growth : resources.counts) {
        if (growth.resource == near_limit)
            growth.exhausted =
                ResourceExhaustion{static_cast<std::uint64_t>(growth.used), progress_.completed, resources.mark_seconds.back()};
        if (growth.resource != Resource::descriptors || !exhausted) continue;
        growth.exhausted = exhausted->what;
        growth.limit = exhausted->limit;
        growth.limit_name = exhausted->holder;
        growth.used = static_cast<double>(exhausted->what.count);
        growth.growth = growth.used - static_cast<double>(exhausted->first);
    }
    return resources;
}

std::optional<memory::MemoryLimit> MeasuredTarget::put_under_limit(RunContext& context, Command& command) {
    if (!context.options.memory_limit || context.options.target.pid != 0) return std::nullopt;
    memory::MemoryLimit limit = memory::MemoryLimit::create(*context.options.memory_limit);
    if (!limit.warning().empty()) add_once(context.result.warnings, limit.warning());
    limit.put_on(command);
    return limit;
}

std::optional<Bytes> MeasuredTarget::limit_of_rss() const {
    if (!limit_) return std::nullopt;
    return limit_->limit() + (in_cgroup() && log_.counts_files() ? log_.file_backed() : 0);
}

std::optional<OomKill> MeasuredTarget::finish(const char* run, std::size_t whole_rounds) {
    sampler_.stop();
    if (service_.running()) {
        service_.end(context_.options.target.grace);
        return std::nullopt;
    }
    if (limit_) {
        using Cause = memory::Termination::Cause;
        const memory::Termination termination = limit_->termination_of(*service_.status(), log_.highest());
        if (termination.cause == Cause::oom_killed || termination.cause == Cause::allocation_failed) {
            OomKill kill;
            kill.text = termination.text;
            kill.requests = progress_.completed;
            const Series series = log_.copy();
            if (series.size() > 0) {
                kill.at_s = series.seconds.back();
                predict(kill, series, *limit_of_rss());
            }
            return kill;
        }
    }
    context_.service_exited(service_.end_text(), launch_, run, whole_rounds);
    return std::nullopt;
}

}  // namespace leakline::diagnose
