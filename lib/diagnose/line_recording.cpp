#include "diagnose/internal/line_recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "analysis/lines/lines.hpp"
#include "analysis/lines/per_path.hpp"
#include "analysis/lines/window.hpp"
#include "diagnose/internal/path_mix.hpp"
#include "heap/preflight.hpp"
#include "replay/selected_log.hpp"
#include "system/stop.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::diagnose {

namespace {

// How long a block is meant to be: of a random mix of kinds, and where there is one kind only.
constexpr double kBlockSeconds = 0.25, kBlockSecondsOfOneKind = 0.1;
// A block opens at least one of the connections that are open at a time, and at most so many for each of them.
constexpr double kMaxOpened = 40;

constexpr const char* kFirstMark = "block 0";

// Requests over each connection of a block: from about one connection for each that may be open at a time to many, whatever
// the number of requests. The same number gives the same share on every machine.
int requests_per_connection(int number, std::uint64_t requests, int connections) {
    std::mt19937_64 random(static_cast<std::uint64_t>(number) * 0x2545f4914f6cdd1du + 7);
    const double times = std::pow(kMaxOpened, std::uniform_real_distribution<double>(0, 1)(random));
    return std::max(1, static_cast<int>(static_cast<double>(requests) / (times * connections)));
}

// After the rounds, so that the lines are judged by the log's own mix. The numbers of requests of each kind and the number
// of connections vary independently from block to block.
MixedBlocks run_mixed_blocks(const RunContext& context, heap::Recorder& recorder, const RoundPlan& rounds, const RoundsResult& done,
                             const std::string& scratch) {
    if (rounds.replay.values.any()) {
        context.result.warnings.emplace_back(
            "growth per kind of request and per connection was not measured: its blocks of mixed requests have no sessions, which "
            "--extract and --cookies need");
        return {};
    }
    const auto passes = done.stats.log_requests > 0 ? done.stats.read / done.stats.log_requests : 0;
    replay::ReplayOptions traffic = rounds.replay;
    traffic.keep_recorded = done.stats.not_fresh;
    PathMix mix(traffic, passes + 2);
    if (mix.kinds().empty()) return {};
    context.stage("measuring growth per kind of request", 0.5);
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
        if (!sleep_for(context.stop(), rounds.quiet / 2) || stats.completed != stats.sent || !recorder.running()) break;
        recorder.mark(HeapMark::Kind::interval, block.label);
        block.connections = stats.connections;
        if (number > 0) result.blocks.push_back(std::move(block));
        context.progress(static_cast<double>(number) / mix.blocks_needed(), fmt::format("block {} of {}", number, mix.blocks_needed()));
    }
    return result;
}

// Live heap at each mark, without containers that grow in place: their steps are as large as the growth of many blocks, and hit one.
// Unless they are what grows.
std::vector<TraceCost> totals_without_steps(const HeapProfile& profile) {
    std::vector<TraceCost> all = analysis::totals_at_marks(profile);
    std::vector<TraceCost> rest = analysis::totals_at_marks(profile, analysis::traces_of_few_blocks(profile));
    const auto growth = [](const std::vector<TraceCost>& totals) { return totals.back().live_bytes - totals.front().live_bytes; };
    if (all.empty() || 2 * growth(rest) < growth(all)) return all;
    return rest;
}

// Which kind of request the growth comes from, by live heap bytes, which no page or arena blurs. A connection is one more
// kind, so that what it leaves behind is not put down to requests.
void judge_endpoints(Diagnosis& result, const HeapProfile& profile, const MixedBlocks& mix) {
    const std::vector<analysis::ConnectionBlock>& blocks = mix.blocks;
    if (blocks.empty() || mix.kinds.size() < 2) return;
    const std::vector<TraceCost> totals = totals_without_steps(profile);
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
    for (const std::string& reason : report.reasons) result.warnings.push_back("growth per kind of request: " + reason);
}

// Lines whose growth in the rounds is that of the connections which these opened get their price per connection.
void judge_connections(Diagnosis& result, const HeapProfile& profile, const analysis::LineOptions& options, const MixedBlocks& mix,
                       const std::vector<Round>& rounds) {
    constexpr double kMainShare = 0.8;  // of a line's growth
    result.connections = analysis::growth_per_connection(profile, options, kFirstMark, mix.blocks, result.lines.lines);
    if (!result.connections) return;
    double opened = 0;  // in the rounds after the first: what the lines are judged by
    for (std::size_t i = 1; i < rounds.size(); ++i) opened += static_cast<double>(rounds[i].connections);
    for (const ConnectionGrowth::Line& leak : result.connections->lines)
        for (LineGrowth& line : result.lines.lines) {
            if (line.at != leak.at || leak.bytes_per_connection.estimate * opened < kMainShare * static_cast<double>(line.growth_bytes))
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

}  // namespace

LineRecording::LineRecording(RunContext& context, heap::Recorder& recorder, const replay::Progress& progress)
    : context_(context),
      recorder_(recorder),
      progress_(progress),
      pid_(recorder.pid()),
      holders_(context, pid_),
      python_(context, recorder) {
    if (pid_ <= 0)
        throw heap::NotRecordable(ErrorKind::system, context.options.target.arguments[0],
                                  fmt::format("starts {}, which could not be recorded", context.follow.value_or("the service")),
                                  "give the program itself: leakline diagnose ... -- PROGRAM ARG...");
    find_allocators();
    // Of a shorter recording, which this one takes the place of.
    context.result.endpoints.clear();
    context.result.held_by.reset();
    context.result.types.clear();
    recorder_.mark(HeapMark::Kind::interval, "ready", 0);
}

// Growth between this mark and the round's end follows time: nothing is requested there.
void LineRecording::idle_mark() { recorder_.mark(HeapMark::Kind::interval, "idle", progress_.completed); }

// Workers come and go.
void LineRecording::find_allocators() {
    std::vector<int> pids = recorder_.attached_to();
    if (pids.empty()) pids.push_back(pid_);
    std::erase_if(allocators_, [&](const auto& known) { return std::find(pids.begin(), pids.end(), known.first) == pids.end(); });
    for (const int pid : pids) allocators_.try_emplace(pid, pid);
}

void LineRecording::read_allocators() {
    find_allocators();
    memory::MallocFigures sum;
    for (auto& [pid, allocator] : allocators_) {
        const auto figures = allocator.read();
        if (!figures) return;
        sum.used += figures->used;
        sum.retained += figures->retained;
    }
    recorder_.allocator(sum.used, sum.retained);
}

void LineRecording::quiet_mark(int number) {
    read_allocators();
    recorder_.mark(HeapMark::Kind::round_end, fmt::format("round {}", number), progress_.completed);
    holders_.after_round(number);
    python_.after_round(number);
}

void LineRecording::rounds_end() { holders_.after_last_round(); }

void LineRecording::idle_begins() { recorder_.mark(HeapMark::Kind::interval, "idle begins", progress_.completed); }
void LineRecording::idle_ends() { recorder_.mark(HeapMark::Kind::interval, "idle ends", progress_.completed); }

void LineRecording::record_mix(const RoundPlan& plan, const RoundsResult& rounds) {
    const TemporaryDirectory scratch;
    python_.begin();
    mix_ = run_mixed_blocks(context_, recorder_, plan, rounds, scratch.path());
    python_.end();
}

HeapProfile LineRecording::judge(const std::vector<Round>& rounds) {
    Diagnosis& result = context_.result;
    context_.stage("reading the recording", 0.5);
    HeapProfile profile = recorder_.finish();
    analysis::LineOptions lines;
    lines.skip = context_.options.skip;
    lines.only = context_.options.only;
    lines.table_function = context_.options.table_function;
    lines.file_growth = result.file_growth_bytes;
    if (context_.options.warmup_rounds) lines.window_begin = mark_of_round(profile, *context_.options.warmup_rounds);
    result.lines = analysis::grow_lines(profile, lines);
    judge_connections(result, profile, lines, mix_, rounds);
    judge_endpoints(result, profile, mix_);
    result.held_by = result.lines.runtime == Runtime::python ? python_.held_by(result.lines) : holders_.held_by(result.lines, profile);
    result.types = python_.types();
    if (leaking_line(result.lines) != nullptr && !result.held_by && !python_.reason().empty())
        result.warnings.push_back("what holds the memory is not known: " + python_.reason());
    // The preflight's warnings about the program are in the result already.
    std::erase_if(result.lines.warnings, [&](const std::string& warning) {
        return std::find(result.warnings.begin(), result.warnings.end(), warning) != result.warnings.end();
    });
    for (const std::string& line : profile.damage.lines()) result.warnings.push_back("recording: " + line);
    return profile;
}

}  // namespace leakline::diagnose
