#include "diagnose/diagnose.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <ctime>
#include <limits>
#include <map>
#include <mutex>

#include "analysis/lines.hpp"
#include "analysis/lines_window.hpp"
#include "analysis/per_path.hpp"
#include "analysis/trend.hpp"
#include "analysis/verdict.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "diagnose/path_mix.hpp"
#include "heap/preflight.hpp"
#include "heap/recorder.hpp"
#include "heap/tracker.hpp"
#include "memory/glibc_heap.hpp"
#include "memory/limit.hpp"
#include "memory/sampler.hpp"
#include "replay/log.hpp"

namespace leakline::diagnose {

namespace {

// A leaking service must not take the machine with it: the rounds end when it holds this share of what was free.
constexpr double kMemoryShare = 0.6;
// How long a block of a random mix is meant to be.
constexpr double kBlockSeconds = 0.25;

double seconds(Nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

std::string utc_text(Nanoseconds wall) {
    const auto time = static_cast<std::time_t>(wall.count() / 1'000'000'000);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char buffer[32];
    std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return buffer;
}

std::optional<Bytes> available_memory() {
    const auto text = read_small_file("/proc/meminfo");
    if (!text) return std::nullopt;
    for (const std::string_view line : split(*text, '\n')) {
        if (!line.starts_with("MemAvailable:")) continue;
        const std::string_view digits = trim(line.substr(13));
        Bytes kib = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), kib);
        return kib * 1024;
    }
    return std::nullopt;
}

// The memory of the bare run as it comes in, with the requests completed at each moment. Written by the sampling
// thread, read by the thread that runs the rounds.
class SeriesLog {
  public:
    SeriesLog(std::string name, Nanoseconds origin_wall, const replay::Progress& progress)
        : origin_(origin_wall), progress_(progress) {
        series_.name = std::move(name);
    }
    void add(const MemorySample& sample) {
        const auto& rss = sample[Metric::rss];
        if (!rss) return;
        if (const auto& anonymous = sample[Metric::anonymous]) file_backed_ = *rss - std::min(*rss, *anonymous);
        const std::lock_guard lock(mutex_);
        const double at = seconds(sample.at - origin_);
        if (!series_.seconds.empty() && at <= series_.seconds.back()) return;
        series_.seconds.push_back(at);
        series_.value.push_back(static_cast<double>(*rss));
        series_.requests.push_back(static_cast<double>(progress_.completed));
        latest_ = *rss;
        highest_ = std::max<Bytes>(highest_, *rss);
    }
    Series copy() const {
        const std::lock_guard lock(mutex_);
        return series_;
    }
    Bytes latest() const { return latest_; }
    Bytes highest() const { return highest_; }
    // The part of RSS that is pages of files: a cgroup charges them to whoever read them first, and takes them back.
    Bytes file_backed() const { return file_backed_; }

  private:
    mutable std::mutex mutex_;  // guards series_
    Series series_;
    std::atomic<Bytes> latest_{0}, highest_{0}, file_backed_{0};
    Nanoseconds origin_;
    const replay::Progress& progress_;
};

class Run {
  public:
    Run(const Options& options, const Observer& observer) : options_(options), observer_(observer) {}

    Diagnosis go() {
        result_.command = command_text();
        result_.traffic = options_.traffic_name;
        result_.started = utc_text(system_clock().wall());
        result_.memory_limit = options_.memory_limit;
        result_.max_growth = options_.max_growth;
        read_traffic();
        // Asked before the bare run, which would otherwise be for nothing.
        heap::find_tracker();
        for (std::string& warning : heap::check_program(options_.target.arguments).warnings)
            result_.warnings.push_back(std::move(warning));
        if (const auto available = available_memory())
            ceiling_ = static_cast<Bytes>(kMemoryShare * static_cast<double>(*available));

        run_bare();
        if (interruption::received() == 0) run_recorded();
        if (interruption::received() != 0 && result_.verdict != Verdict::invalid) {
            result_.reasons.insert(result_.reasons.begin(), "interrupted: this is what was seen until then");
            result_.verdict = Verdict::inconclusive;
        } else {
            analysis::conclude(result_);
        }
        return std::move(result_);
    }

  private:
    std::string command_text() const {
        Command command;
        command.arguments = options_.target.arguments;
        return command.text();
    }

    // The log is read once before anything starts: a broken one costs no run, and it says how fast it was recorded.
    void read_traffic() {
        replay::LogOptions reading;
        reading.max_bad_lines = options_.rounds.max_bad_lines;
        const std::vector<std::string>& logs = options_.rounds.traffic;
        const replay::LogSpan span = replay::measure_log(logs, reading);
        if (span.requests == 0) throw Error(ErrorKind::input, logs[0], "no request in it");
        result_.requests_per_second = span.rate();
        if (!result_.traffic.empty()) return;
        result_.traffic = logs[0].substr(logs[0].rfind('/') + 1);
        if (logs.size() > 1) result_.traffic += fmt::format(" and {} more", logs.size() - 1);
    }

    void stage(const std::string& name) const {
        if (observer_.stage) observer_.stage(name);
    }

    // `rss` 0 = not shown.
    void show(int round, double round_fraction, std::uint64_t completed, Bytes rss) const {
        if (!observer_.progress) return;
        const int rounds = std::max(options_.rounds.rounds, round);
        std::string text = fmt::format("round {} of {}, {} requests", round, rounds, format_count(completed));
        if (rss > 0) text += fmt::format(", RSS {}", format_bytes(static_cast<double>(rss)));
        observer_.progress((round - 1 + std::min(round_fraction, 1.0)) / rounds, text);
    }

    void invalid(std::string reason) {
        result_.verdict = Verdict::invalid;
        result_.reasons.push_back(std::move(reason));
    }

    // When the first half of the requests alone would have had the limit reached.
    static void predict(OomKill& kill, const Series& series, Bytes limit) {
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

    // The rehearsal of what production does to a leak: a result, and no reason to distrust what was measured until then.
    void killed_at_limit(const memory::Death& death, std::uint64_t requests, Bytes limit_of_rss) {
        OomKill kill;
        kill.text = death.text;
        kill.requests = requests;
        if (result_.series.size() > 0) {
            kill.at_s = result_.series.seconds.back();
            predict(kill, result_.series, limit_of_rss);
        }
        result_.oom_kill = kill;
    }

    // What to say when the target ended while it was measured.
    void died(const Child& child, const Launch& launch, const char* run, std::size_t whole_rounds) {
        invalid(fmt::format("the target died in the {}, in round {}: {}{}", run, whole_rounds + 1,
                            child.status()->text(), last_output(launch)));
    }

    void run_bare() {
        stage("bare run");
        const TemporaryDirectory scratch;
        Launch launch = prepare_launch(options_.target, scratch.path());
        std::optional<memory::MemoryLimit> limit;
        if (options_.memory_limit) {
            limit = memory::MemoryLimit::create(*options_.memory_limit);
            if (!limit->warning().empty()) result_.warnings.push_back(limit->warning());
            limit->put_on(launch.command);
        }
        Child child = Child::start(launch.command);
        const std::string origin_url = wait_until_ready(child, launch, options_.target);
        result_.target = origin_url;

        Clock& clock = system_clock();
        const Nanoseconds origin = clock.monotonic();
        replay::Progress progress;
        SeriesLog log(result_.command, clock.wall(), progress);
        memory::SampleOptions sampling;
        sampling.pid = child.pid();
        sampling.interval = options_.sample_interval;
        if (options_.memory_limit) sampling.metrics.push_back(Metric::anonymous);
        memory::Sampler sampler(sampling, [&](const MemorySample& sample) { log.add(sample); });

        RoundPlan plan = options_.rounds;
        plan.target = origin_url;
        bool over_ceiling = false;
        RoundHooks hooks;
        hooks.quiet_mark = [&](const Round& round, int) { result_.rounds.push_back(round); };
        hooks.enough = [&] {
            const TrendVerdict trend = judge(log.copy());
            return trend.verdict == Trend::growing ||
                   (trend.verdict != Trend::inconclusive &&
                    trend.detectable_bytes_per_request.value_or(0) <= analysis::kTooCoarseBytesPerRequest);
        };
        hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
            show(round, fraction, completed, log.latest());
            over_ceiling = over_ceiling || (ceiling_ > 0 && log.latest() > ceiling_);
            return !sampler.process_gone() && !over_ceiling;
        };
        RoundsResult rounds = run_rounds(plan, progress, origin, hooks);
        sampler.stop();
        result_.series = log.copy();
        result_.replay = std::move(rounds.stats);

        std::optional<memory::Death> death;
        if (!child.running() && limit) death = limit->death_of(*child.status(), log.highest());
        const bool killed = death && (death->cause == memory::Death::Cause::oom_killed ||
                                      death->cause == memory::Death::Cause::allocation_failed);
        if (killed)
            killed_at_limit(*death, progress.completed, *options_.memory_limit + log.file_backed());
        else if (over_ceiling)
            result_.warnings.push_back(fmt::format("stopped early: the service held {}, {:.0f} % of the memory that was free",
                                                   format_bytes(static_cast<double>(log.latest())), kMemoryShare * 100));
        else if (!child.running())
            died(child, launch, "bare run", rounds.rounds.size());
        else
            child.terminate(options_.target.grace);
        result_.trend = judge(result_.series);
    }

    TrendVerdict judge(Series series) const {
        if (options_.warmup_rounds && static_cast<int>(result_.rounds.size()) > *options_.warmup_rounds &&
            *options_.warmup_rounds > 0)
            series = after(series, result_.rounds[static_cast<std::size_t>(*options_.warmup_rounds) - 1].end_s);
        analysis::TrendOptions trend;
        trend.limit = options_.memory_limit;
        return analysis::judge_trend(series, trend);
    }

    static Series after(const Series& series, double from) {
        Series rest;
        rest.name = series.name;
        for (std::size_t i = 0; i < series.size(); ++i) {
            if (series.seconds[i] < from) continue;
            rest.seconds.push_back(series.seconds[i]);
            rest.value.push_back(series.value[i]);
            rest.requests.push_back(series.requests[i]);
        }
        return rest;
    }

    void run_recorded() {
        stage("recorded run");
        const TemporaryDirectory scratch;
        const Launch launch = prepare_launch(options_.target, scratch.path());
        heap::RecordOptions recording;
        recording.command = launch.command;
        recording.output = options_.recording;
        heap::Recorder recorder = heap::Recorder::start(recording);
        const std::string origin_url = wait_until_ready(recorder.child(), launch, options_.target);

        replay::Progress progress;
        RoundPlan plan = options_.rounds;
        plan.target = origin_url;
        plan.most_rounds = plan.rounds = std::max(plan.rounds, static_cast<int>(result_.rounds.size()));
        recorder.mark(HeapMark::Kind::interval, "ready", 0);
        memory::GlibcHeap allocator(recorder.child().pid());
        std::vector<std::optional<memory::MallocFigures>> figures;  // one a round
        const Nanoseconds origin = system_clock().monotonic();
        std::atomic<bool> gone{false};
        RoundHooks hooks;
        hooks.quiet_mark = [&](const Round&, int number) {
            recorder.mark(HeapMark::Kind::round_end, fmt::format("round {}", number), progress.completed);
            figures.push_back(allocator.read());
            gone = gone || !recorder.child().running();
        };
        hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
            show(round, fraction, completed, 0);
            // Only looked at, not reaped: the recorder does that in the other thread.
            gone = gone || !is_alive(recorder.child().pid());
            return !gone;
        };
        const RoundsResult rounds = run_rounds(plan, progress, origin, hooks);
        std::vector<MixedBlock> blocks;
        if (!rounds.stopped && result_.verdict != Verdict::invalid)
            blocks = run_mixed_blocks(recorder, plan, rounds.stats.rate, scratch.path());
        if (!recorder.child().running())
            died(recorder.child(), launch, "recorded run", rounds.rounds.size());
        else
            recorder.child().terminate(options_.target.grace);

        stage("reading the recording");
        HeapProfile profile = recorder.finish();
        put_figures(profile, figures);
        judge_endpoints(profile, blocks);
        analysis::LineOptions lines;
        lines.skip = options_.skip;
        lines.only = options_.only;
        lines.table_function = options_.table_function;
        if (options_.warmup_rounds) lines.window_begin = mark_of_round(profile, *options_.warmup_rounds);
        result_.lines = analysis::grow_lines(profile, lines);
        if (!profile.damage.empty())
            for (const std::string& line : profile.damage.lines()) result_.warnings.push_back("recording: " + line);
    }

    // One block of a random mix, between the marks `block N` and the one before it.
    struct MixedBlock {
        std::string label;
        std::vector<std::uint64_t> requests;  // of each kind
    };

    // After the rounds, so that the lines are judged by the log's own mix. Where the log is of one kind there are none.
    std::vector<MixedBlock> run_mixed_blocks(heap::Recorder& recorder, const RoundPlan& rounds, double rate,
                                             const std::string& scratch) {
        const PathMix mix(rounds.traffic, rounds.max_bad_lines);
        if (mix.kinds().size() < 2) return {};
        stage("blocks of a random mix");
        endpoints_ = mix.kinds();
        const auto size = static_cast<std::size_t>(std::clamp(rate * kBlockSeconds, 50.0, 10'000.0));
        std::vector<MixedBlock> blocks;
        replay::ReplayOptions options;
        options.logs = {scratch + "/block.jsonl"};
        options.target = rounds.target;
        options.pace.kind = replay::Pace::Kind::max;
        options.connections = rounds.connections;
        options.timeout = rounds.timeout;
        recorder.mark(HeapMark::Kind::interval, "block 0");
        for (int number = 1; number <= mix.blocks_needed(); ++number) {
            MixedBlock block;
            block.label = fmt::format("block {}", number);
            block.requests = mix.write_block(number, size, options.logs[0]);
            const ReplayStats stats = replay::run(options);
            if (!interruption::sleep_for(rounds.quiet / 2) || stats.completed != stats.sent || !recorder.child().running()) break;
            recorder.mark(HeapMark::Kind::interval, block.label);
            blocks.push_back(std::move(block));
            if (observer_.progress)
                observer_.progress(static_cast<double>(number) / mix.blocks_needed(), fmt::format("block {} of {}", number, mix.blocks_needed()));
        }
        return blocks;
    }

    // Which kind of request the growth comes from, by live heap bytes, which no page or arena blurs.
    void judge_endpoints(const HeapProfile& profile, const std::vector<MixedBlock>& blocks) {
        if (blocks.empty()) return;
        const std::vector<TraceCost> totals = analysis::totals_at_marks(profile);
        std::map<std::string, std::int64_t> live;  // by mark
        for (std::size_t i = 0; i < profile.marks.size(); ++i)
            if (!profile.marks[i].label.empty()) live[profile.marks[i].label] = totals[i].live_bytes;
        std::vector<analysis::MixBlock> mixed;
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            const auto before = live.find(fmt::format("block {}", i)), after = live.find(blocks[i].label);
            if (before == live.end() || after == live.end()) continue;  // thinned away, or never set
            mixed.push_back({static_cast<double>(after->second - before->second), blocks[i].requests});
        }
        const analysis::PathGrowthReport report = analysis::growth_per_path(endpoints_, mixed);
        for (const analysis::PathGrowth& path : report.paths)
            result_.endpoints.push_back({path.path, path.bytes_per_request, path.leaks});
        for (const std::string& reason : report.reasons) result_.warnings.push_back("growth per endpoint: " + reason);
    }

    static void put_figures(HeapProfile& profile, const std::vector<std::optional<memory::MallocFigures>>& figures) {
        std::size_t round = 0;
        for (HeapMark& mark : profile.marks) {
            if (mark.kind != HeapMark::Kind::round_end || round == figures.size()) continue;
            if (const auto& read = figures[round++]) {
                mark.allocator_in_use = read->used;
                mark.allocator_retained = read->retained;
            }
        }
    }

    static std::optional<Nanoseconds> mark_of_round(const HeapProfile& profile, int round) {
        int seen = 0;
        for (const HeapMark& mark : profile.marks)
            if ((mark.kind == HeapMark::Kind::round_end && ++seen == round) || round == 0) return mark.at;
        return std::nullopt;
    }

    static bool is_alive(int pid) {
        const auto stat = read_small_file(fmt::format("/proc/{}/stat", pid));
        if (!stat) return false;
        const std::size_t state = stat->rfind(") ");
        return state == std::string::npos || state + 2 >= stat->size() || ((*stat)[state + 2] != 'Z' && (*stat)[state + 2] != 'X');
    }

    const Options& options_;
    const Observer& observer_;
    Diagnosis result_;
    Bytes ceiling_ = 0;  // 0 = unknown
    std::vector<std::string> endpoints_;
};

}  // namespace

Diagnosis diagnose(const Options& options, const Observer& observer) { return Run(options, observer).go(); }

}  // namespace leakline::diagnose
