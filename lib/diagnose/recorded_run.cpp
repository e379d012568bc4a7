// The recorded run: the service under the heap recorder, with the same rounds, for the lines that memory comes from.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>

#include "analysis/lines.hpp"
#include "analysis/lines_window.hpp"
#include "analysis/per_path.hpp"
#include "analysis/verdict.hpp"
#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/subreaper.hpp"
#include "diagnose/descriptor_guard.hpp"
#include "diagnose/path_mix.hpp"
#include "diagnose/run_context.hpp"
#include "heap/recorder.hpp"
#include "memory/glibc_heap.hpp"
#include "replay/selected_log.hpp"

namespace leakline::diagnose {

namespace {

// How long a block of a random mix is meant to be.
constexpr double kBlockSeconds = 0.25;
// Below this, growth in every round cannot be told from chance.
constexpr int kFewestRounds = 5;

// One block of a random mix, between the marks `block N` and the one before it.
struct MixedBlock {
    std::string label;
    std::vector<std::uint64_t> requests;  // of each kind
};

struct MixedBlocks {
    std::vector<std::string> kinds;
    std::vector<MixedBlock> blocks;
};

// After the rounds, so that the lines are judged by the log's own mix. Where the log is of one kind there are none.
MixedBlocks run_mixed_blocks(const RunContext& context, heap::Recorder& recorder, const RoundPlan& rounds, double rate,
                             const std::string& scratch) {
    const PathMix mix(rounds.replay);
    if (mix.kinds().size() < 2) return {};
    context.stage("blocks of a random mix");
    const auto size = static_cast<std::size_t>(std::clamp(rate * kBlockSeconds, 50.0, 10'000.0));
    MixedBlocks result{mix.kinds(), {}};
    replay::ReplayOptions options = replay::for_selected(rounds.replay, {scratch + "/block.jsonl"});
    options.pace = {replay::Pace::Kind::max, 1, 0};
    recorder.mark(HeapMark::Kind::interval, "block 0");
    for (int number = 1; number <= mix.blocks_needed(); ++number) {
        MixedBlock block;
        block.label = fmt::format("block {}", number);
        block.requests = mix.write_block(number, size, options.logs[0]);
        const ReplayStats stats = replay::run(options);
        if (!interruption::sleep_for(rounds.quiet / 2) || stats.completed != stats.sent || !recorder.child().running())
            break;
        recorder.mark(HeapMark::Kind::interval, block.label);
        result.blocks.push_back(std::move(block));
        context.progress(static_cast<double>(number) / mix.blocks_needed(),
                         fmt::format("block {} of {}", number, mix.blocks_needed()));
    }
    return result;
}

// Which kind of request the growth comes from, by live heap bytes, which no page or arena blurs.
void judge_endpoints(Diagnosis& result, const HeapProfile& profile, const MixedBlocks& mix) {
    const std::vector<MixedBlock>& blocks = mix.blocks;
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
    const analysis::PathGrowthReport report = analysis::growth_per_path(mix.kinds, mixed);
    for (const analysis::PathGrowth& path : report.paths)
        result.endpoints.push_back({path.path, path.bytes_per_request, path.leaks});
    for (const std::string& reason : report.reasons) result.warnings.push_back("growth per endpoint: " + reason);
}

std::optional<Nanoseconds> mark_of_round(const HeapProfile& profile, int round) {
    int seen = 0;
    for (const HeapMark& mark : profile.marks)
        if ((mark.kind == HeapMark::Kind::round_end && ++seen == round) || round == 0) return mark.at;
    return std::nullopt;
}

struct Glance {
    bool alive = false;
    Bytes rss = 0;
};

// From /proc/PID/stat, where the state and, 21 fields on, the resident pages stand behind the name's last parenthesis.
Glance glance_at(int pid) {
    const auto stat = read_small_file(fmt::format("/proc/{}/stat", pid));
    if (!stat) return {};
    const auto fields = split(std::string_view(*stat).substr(std::min(stat->rfind(") ") + 2, stat->size())), ' ');
    if (fields.size() < 22) return {true, 0};
    Bytes pages = 0;
    std::from_chars(fields[21].data(), fields[21].data() + fields[21].size(), pages);
    return {fields[0] != "Z" && fields[0] != "X", pages * static_cast<Bytes>(::sysconf(_SC_PAGESIZE))};
}

}  // namespace

void run_recorded(RunContext& context, int rounds_wanted) {
    context.stage("recorded run");
    const TemporaryDirectory scratch;
    const Launch launch = prepare_launch(context.options.target, scratch.path());
    const Subreaper subreaper;  // ends what the service leaves behind, after it
    heap::RecordOptions recording;
    recording.command = launch.command;
    recording.output = context.options.recording;
    heap::Recorder recorder = heap::Recorder::start(recording);
    const std::string origin_url = wait_until_ready(recorder.child(), launch, context.options.target);

    replay::Progress progress;
    RoundPlan plan = context.options.rounds;
    plan.replay.target = origin_url;
    plan.rounds = std::max(kFewestRounds, rounds_wanted);
    const std::optional<Bytes> ceiling = memory_ceiling();
    recorder.mark(HeapMark::Kind::interval, "ready", 0);
    memory::GlibcHeap allocator(recorder.child().pid());
    const Nanoseconds origin = system_clock().monotonic();
    std::atomic<bool> gone{false}, exhausted{false};
    DescriptorGuard descriptors(recorder.child().pid());
    RoundHooks hooks;
    hooks.quiet_mark = [&](const Round&, int number) {
        if (const auto figures = allocator.read()) recorder.allocator(figures->used, figures->retained);
        recorder.mark(HeapMark::Kind::round_end, fmt::format("round {}", number), progress.completed);
        gone = gone || !recorder.child().running();
    };
    hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
        context.show_round(round, plan.rounds, fraction, completed, 0);
        // Only looked at, not reaped: the recorder does that in the other thread.
        const Glance now = glance_at(recorder.child().pid());
        gone = gone || !now.alive;
        recorder.look_for_children();
        exhausted = exhausted || descriptors.nearly_used_up();
        return !gone && !exhausted && !(ceiling && now.rss > *ceiling);
    };
    const RoundsResult rounds = run_rounds(plan, progress, origin, hooks);
    context.recorded_replay = rounds.stats;
    if (const auto fault = analysis::landing_fault(rounds.stats); fault && !gone && !exhausted && interruption::received() == 0) {
        context.result.verdict = Verdict::invalid;
        context.result.reasons.push_back("in the recorded run, " + *fault);
    }
    MixedBlocks mix;
    if (context.options.per_kind && !rounds.stopped && context.result.verdict != Verdict::invalid)
        mix = run_mixed_blocks(context, recorder, plan, rounds.stats.rate, scratch.path());
    if (!recorder.child().running())
        context.died(recorder.child(), launch, "recorded run", rounds.rounds.size());
    else
        recorder.child().terminate(context.options.target.grace);

    context.stage("reading the recording");
    HeapProfile profile = recorder.finish();
    judge_endpoints(context.result, profile, mix);
    analysis::LineOptions lines;
    lines.skip = context.options.skip;
    lines.only = context.options.only;
    lines.table_function = context.options.table_function;
    if (context.options.warmup_rounds) lines.window_begin = mark_of_round(profile, *context.options.warmup_rounds);
    context.result.lines = analysis::grow_lines(profile, lines);
    if (!profile.damage.empty())
        for (const std::string& line : profile.damage.lines()) context.result.warnings.push_back("recording: " + line);
}

}  // namespace leakline::diagnose
