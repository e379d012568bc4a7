// The recorded run: the service under the heap recorder, with the same rounds, for the lines that memory comes from.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "analysis/lines/lines.hpp"
#include "analysis/lines/per_path.hpp"
#include "analysis/lines/window.hpp"
#include "analysis/per_connection.hpp"
#include "analysis/verdict/verdict.hpp"
#include "base/quantities.hpp"
#include "diagnose/internal/descriptor_guard.hpp"
#include "diagnose/internal/path_mix.hpp"
#include "diagnose/internal/run_context.hpp"
#include "heap/preflight.hpp"
#include "heap/recorder.hpp"
#include "memory/glibc_heap.hpp"
#include "replay/selected_log.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/stop.hpp"
#include "system/subreaper.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::diagnose {

namespace {

// How long a block is meant to be: of a random mix of kinds, and where there is one kind only.
constexpr double kBlockSeconds = 0.25, kBlockSecondsOfOneKind = 0.1;
// A block opens at least one of the connections that are open at a time, and at most so many for each of them.
constexpr double kMostOpened = 40;

constexpr const char* kFirstMark = "block 0";

struct MixedBlocks {
    std::vector<std::string> kinds;
    std::vector<analysis::ConnectionBlock> blocks;
};

// Requests over each connection of a block: from about one connection for each that may be open at a time to many, whatever
// the number of requests. The same number gives the same share on every machine.
int requests_per_connection(int number, std::uint64_t requests, int connections) {
    std::mt19937_64 random(static_cast<std::uint64_t>(number) * 0x2545f4914f6cdd1du + 7);
    const double times = std::pow(kMostOpened, std::uniform_real_distribution<double>(0, 1)(random));
    return std::max(1, static_cast<int>(static_cast<double>(requests) / (times * connections)));
}

// After the rounds, so that the lines are judged by the log's own mix. The numbers of requests of each kind and the number
// of connections vary independently from block to block.
MixedBlocks run_mixed_blocks(const RunContext& context, heap::Recorder& recorder, const RoundPlan& rounds, const RoundsResult& done,
                             const std::string& scratch) {
    const auto passes = done.stats.log_requests > 0 ? done.stats.read / done.stats.log_requests : 0;
    replay::ReplayOptions traffic = rounds.replay;
    traffic.keep_recorded = done.stats.not_fresh;
    PathMix mix(traffic, passes + 2);
    if (mix.kinds().empty()) return {};
    context.stage("blocks of a random mix");
    const double seconds = mix.kinds().size() > 1 ? kBlockSeconds : kBlockSecondsOfOneKind;
    const auto size = static_cast<std::size_t>(std::clamp(done.stats.rate * seconds, 50.0, 10'000.0));
    MixedBlocks result{mix.kinds(), {}};
    replay::ReplayOptions options = replay::for_selected(rounds.replay, {scratch + "/block.jsonl"});
    options.pace = {replay::Pace::Kind::max, 1, 0};
    options.fresh = {};  // the blocks have new identifiers already
    options.fresh_plan.reset();
    // What begins with the first short connection (threads, pools) is no growth: block 0 is not looked at.
    for (int number = 0; number <= mix.blocks_needed(); ++number) {
        analysis::ConnectionBlock block;
        block.label = fmt::format("block {}", number);
        block.requests = mix.write_block(number, size, options.logs[0]);
        const std::uint64_t requests = std::accumulate(block.requests.begin(), block.requests.end(), std::uint64_t{0});
        options.requests_per_connection = number == 0 ? 1 : requests_per_connection(number, requests, options.connections);
        const ReplayStats stats = replay::run(options);
        if (!sleep_for(context.stop(), rounds.quiet / 2) || stats.completed != stats.sent || !recorder.child().running()) break;
        recorder.mark(HeapMark::Kind::interval, block.label);
        block.connections = stats.connections;
        if (number > 0) result.blocks.push_back(std::move(block));
        context.progress(static_cast<double>(number) / mix.blocks_needed(), fmt::format("block {} of {}", number, mix.blocks_needed()));
    }
    return result;
}

// Which kind of request the growth comes from, by live heap bytes, which no page or arena blurs. A connection is one more
// kind, so that what it leaves behind is not put down to requests.
void judge_endpoints(Diagnosis& result, const HeapProfile& profile, const MixedBlocks& mix) {
    const std::vector<analysis::ConnectionBlock>& blocks = mix.blocks;
    if (blocks.empty() || mix.kinds.size() < 2) return;
    const std::vector<TraceCost> totals = analysis::totals_at_marks(profile);
    // What lines grow by with time is no request's: it would be charged to the kind that takes longest.
    double per_hour = 0;
    for (const LineGrowth& line : result.lines.lines)
        if (line.leaking && line.bytes_per_hour_by_time) per_hour += line.bytes_per_hour_by_time->estimate;
    std::map<std::string, double> live;  // by mark
    for (std::size_t i = 0; i < profile.marks.size(); ++i)
        if (!profile.marks[i].label.empty())
            live[profile.marks[i].label] = static_cast<double>(totals[i].live_bytes) - per_hour * to_seconds(profile.marks[i].at) / 3600;
    const bool with_connections = result.connections.has_value();  // else their number follows from that of requests
    std::vector<std::string> kinds = mix.kinds;
    if (with_connections) kinds.emplace_back("connection");
    std::vector<analysis::MixBlock> mixed;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const auto before = live.find(i == 0 ? kFirstMark : blocks[i - 1].label), after = live.find(blocks[i].label);
        if (before == live.end() || after == live.end()) continue;  // thinned away, or never set
        std::vector<std::uint64_t> counts = blocks[i].requests;
        if (with_connections) counts.push_back(blocks[i].connections);
        mixed.push_back({after->second - before->second, std::move(counts)});
    }
    const analysis::PathGrowthReport report = analysis::growth_per_path(kinds, mixed);
    for (const analysis::PathGrowth& path : report.paths)
        if (!with_connections || path.path != kinds.back()) result.endpoints.push_back({path.path, path.bytes_per_request, path.leaks});
    for (const std::string& reason : report.reasons) result.warnings.push_back("growth per endpoint: " + reason);
}

// Lines whose growth in the rounds is that of the connections which these opened get their price per connection.
void judge_connections(Diagnosis& result, const HeapProfile& profile, const analysis::LineOptions& options, const MixedBlocks& mix,
                       const std::vector<Round>& rounds) {
    constexpr double kMost = 0.8;  // of a line's growth
    result.connections = analysis::growth_per_connection(profile, options, kFirstMark, mix.blocks, result.lines.lines);
    if (!result.connections) return;
    double opened = 0;  // in the rounds after the first: what the lines are judged by
    for (std::size_t i = 1; i < rounds.size(); ++i) opened += static_cast<double>(rounds[i].connections);
    for (const ConnectionGrowth::Line& leak : result.connections->lines)
        for (LineGrowth& line : result.lines.lines) {
            if (line.at != leak.at || leak.bytes_per_connection.estimate * opened < kMost * static_cast<double>(line.growth_bytes))
                continue;
            line.bytes_per_connection = leak.bytes_per_connection;
            line.leaking = true;
        }
}

std::optional<Nanoseconds> mark_of_round(const HeapProfile& profile, int round) {
    int seen = 0;
    for (const HeapMark& mark : profile.marks)
        if ((mark.kind == HeapMark::Kind::round_end && ++seen == round) || round == 0) return mark.at;
    return std::nullopt;
}

// Two marks without a request between them: what grows there follows time.
void record_idle_time(const RunContext& context, heap::Recorder& recorder, std::uint64_t requests) {
    context.stage("idle time");
    if (!sleep_for(context.stop(), kAfterConnections)) return;
    recorder.mark(HeapMark::Kind::interval, "idle begins", requests);
    if (!sleep_for(context.stop(), kIdleTime)) return;
    recorder.mark(HeapMark::Kind::interval, "idle ends", requests);
}

// A service that grows until it dies has shown its growth in the bare run, and its lines until it died here.
void died_under_the_recorder(RunContext& context, heap::Recorder& recorder, const Launch& launch, std::size_t whole_rounds) {
    Diagnosis& result = context.result;
    if (result.trend.verdict != Trend::growing) return context.died(recorder.child(), launch, "recorded run", whole_rounds);
    result.warnings.push_back(fmt::format("the service died in the recorded run, in round {} ({}): its lines are those until then",
                                          whole_rounds + 1, recorder.child().status()->text()));
}

// The same where a shell or launcher had started it, and goes on.
void died_behind_its_wrapper(Diagnosis& result, std::size_t whole_rounds) {
    if (result.trend.verdict == Trend::growing) {
        result.warnings.push_back(
            fmt::format("the service ended in the recorded run, in round {}: its lines are those until then", whole_rounds + 1));
        return;
    }
    result.failures.push_back(
        fmt::format("the service ended in the recorded run, in round {}, while the command that started it went on", whole_rounds + 1));
}

}  // namespace

void run_recorded(RunContext& context, int rounds_wanted) {
    context.stage("recorded run");
    context.result.endpoints.clear();  // of a shorter recording, which this one takes the place of
    const TemporaryDirectory scratch;
    const Launch launch = prepare_launch(context.options.target, scratch.path());
    const Subreaper subreaper;  // ends what the service leaves behind, after it
    heap::RecordOptions recording;
    recording.command = launch.command;
    recording.output = context.options.recording;
    recording.follow = context.follow;
    recording.stop = context.stop();
    heap::Recorder recorder = heap::Recorder::start(recording);
    const std::string origin_url = wait_until_ready(recorder.child(), launch, context.options.target, context.stop());

    const int pid = recorder.pid();
    if (pid <= 0)
        throw heap::NotRecordable(ErrorKind::system, launch.command.arguments[0],
                                  fmt::format("starts {}, which could not be recorded", context.follow.value_or("the service")),
                                  "give the program itself: leakline diagnose ... -- PROGRAM ARG...");
    replay::Progress progress;
    RoundPlan plan = context.options.rounds;
    plan.replay.target = origin_url;
    plan.rounds = std::max(kFewestRounds, rounds_wanted);
    plan.replay.keep_recorded = context.result.replay.not_fresh;  // what the bare run has shown
    const std::optional<Bytes> ceiling = memory_ceiling(context.options);
    recorder.mark(HeapMark::Kind::interval, "ready", 0);
    memory::GlibcHeap allocator(pid);
    const Nanoseconds origin = system_clock().monotonic();
    std::atomic<bool> gone{false}, exhausted{false};
    DescriptorGuard descriptors(pid);
    RoundHooks hooks;
    // Growth between this mark and the round's end follows time: nothing is requested there.
    hooks.idle_mark = [&] { recorder.mark(HeapMark::Kind::interval, "idle", progress.completed); };
    hooks.quiet_mark = [&](const Round&, int number) {
        if (const auto figures = allocator.read()) recorder.allocator(figures->used, figures->retained);
        recorder.mark(HeapMark::Kind::round_end, fmt::format("round {}", number), progress.completed);
        gone = gone || !recorder.child().running();
    };
    hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
        context.show_round(round, plan.rounds, fraction, completed, 0);
        // Only looked at, not reaped: the recorder does that in the other thread.
        const auto now = read_stat(pid);
        gone = gone || !now || now->state == 'Z' || now->state == 'X';
        recorder.look_for_children();
        exhausted = exhausted || descriptors.nearly_used_up();
        return !gone && !exhausted && !(ceiling && now->resident_pages * static_cast<Bytes>(::sysconf(_SC_PAGESIZE)) > *ceiling);
    };
    const RoundsResult rounds = run_rounds(plan, progress, origin, hooks);
    context.recorded_s = to_seconds(system_clock().monotonic() - origin);
    context.recorded_replay = rounds.stats;
    if (const auto fault = analysis::traffic_fault(rounds.stats); fault && !gone && !exhausted && !context.stopped())
        context.result.failures.push_back("in the recorded run, " + *fault);
    if (context.options.idle && !rounds.stopped && recorder.child().running()) record_idle_time(context, recorder, progress.completed);
    MixedBlocks mix;
    if (context.options.per_kind && !rounds.stopped && !context.result.failed())
        mix = run_mixed_blocks(context, recorder, plan, rounds, scratch.path());
    if (!recorder.child().running()) {
        died_under_the_recorder(context, recorder, launch, rounds.rounds.size());
    } else {
        if (gone) died_behind_its_wrapper(context.result, rounds.rounds.size());
        recorder.child().terminate(context.options.target.grace);
    }

    context.stage("reading the recording");
    HeapProfile profile = recorder.finish();
    analysis::LineOptions lines;
    lines.skip = context.options.skip;
    lines.only = context.options.only;
    lines.table_function = context.options.table_function;
    if (context.options.warmup_rounds) lines.window_begin = mark_of_round(profile, *context.options.warmup_rounds);
    context.result.lines = analysis::grow_lines(profile, lines);
    judge_connections(context.result, profile, lines, mix, rounds.rounds);
    judge_endpoints(context.result, profile, mix);
    // What the preflight has said of the program was said before the bare run.
    std::erase_if(context.result.lines.warnings, [&](const std::string& warning) {
        const std::vector<std::string>& said = context.result.warnings;
        return std::find(said.begin(), said.end(), warning) != said.end();
    });
    if (!profile.damage.empty())
        for (const std::string& line : profile.damage.lines()) context.result.warnings.push_back("recording: " + line);
}

}  // namespace leakline::diagnose
