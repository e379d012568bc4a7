// The recorded run: the service under the heap recorder, with the same rounds, for the lines that memory comes from.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "analysis/verdict/verdict.hpp"
#include "base/quantities.hpp"
#include "diagnose/internal/descriptor_guard.hpp"
#include "diagnose/internal/line_recording.hpp"
#include "heap/recorder.hpp"
#include "system/clock.hpp"
#include "system/proc_file.hpp"
#include "system/subreaper.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::diagnose {

namespace {

// A service that grows until it exits has shown its growth in the bare run, and its lines until the exit here.
void exited_under_the_recorder(RunContext& context, heap::Recorder& recorder, const Launch& launch, std::size_t whole_rounds) {
    Diagnosis& result = context.result;
    if (result.trend.verdict != Trend::growing)
        return context.service_exited(recorder.child().status()->text(), launch, "recorded run", whole_rounds);
    result.warnings.push_back(
        fmt::format("the service exited during the recorded run, in round {} ({}): the source lines cover the time until then",
                    whole_rounds + 1, recorder.child().status()->text()));
}

// The same where a shell or launcher had started it, and goes on.
void exited_behind_its_wrapper(Diagnosis& result, std::size_t whole_rounds) {
    if (result.trend.verdict == Trend::growing) {
        result.warnings.push_back(fmt::format(
            "the service exited during the recorded run, in round {}: the source lines cover the time until then", whole_rounds + 1));
        return;
    }
    result.failures.push_back(fmt::format(
        "the service exited during the recorded run, in round {}, while the command that started it continued to run", whole_rounds + 1));
}

}  // namespace

void run_recorded(RunContext& context, int rounds_wanted) {
    context.stage("recorded run", 0.75);
    const TemporaryDirectory scratch;
    const Launch launch = prepare_launch(context.options.target, scratch.path());
    const Subreaper subreaper;  // ends what the service leaves behind, after it
    heap::Recorder recorder = heap::Recorder::start(recording_options(context, launch));
    const std::string origin_url = wait_until_ready(recorder.child(), launch, context.options.target, context.stop());

    replay::Progress progress;
    RoundPlan plan = context.options.rounds;
    plan.replay.target = origin_url;
    plan.rounds = std::max(kMinRounds, rounds_wanted);
    plan.replay.keep_recorded = context.result.replay.not_fresh;  // what the bare run has shown
    LineRecording lines(context, recorder, progress);
    const int pid = lines.pid();
    const Nanoseconds origin = system_clock().monotonic();
    std::atomic<bool> gone{false}, exhausted{false};
    DescriptorGuard descriptors(pid);
    RoundHooks hooks;
    hooks.idle_mark = [&] { lines.idle_mark(); };
    hooks.quiet_mark = [&](const Round&, int number) {
        lines.quiet_mark(number);
        gone = gone || !recorder.child().running();
    };
    hooks.tick = [&](std::uint64_t completed, int round, double fraction) {
        context.show_round(round, plan.rounds, fraction, completed, 0);
        // Only looked at, not reaped: the recorder does that in the other thread.
        const auto now = read_stat(pid);
        gone = gone || has_ended(now);
        recorder.look_for_children();
        exhausted = exhausted || descriptors.nearly_used_up();
        return !gone && !exhausted && !context.is_over_ceiling(now->resident);
    };
    const RoundsResult rounds = run_rounds(plan, progress, origin, hooks);
    if (!rounds.stopped) lines.rounds_end();
    context.recorded_s = to_seconds(system_clock().monotonic() - origin);
    context.recorded_replay = rounds.stats;
    if (const auto fault = analysis::traffic_fault(rounds.stats); fault && !gone && !exhausted && !context.stopped())
        context.result.failures.push_back("in the recorded run, " + *fault);
    if (context.options.idle && !rounds.stopped && recorder.child().running()) {
        if (pass_idle_time(context, [&] { lines.idle_begins(); })) lines.idle_ends();
    }
    if (context.options.per_kind && !rounds.stopped && !context.result.failed()) lines.record_mix(plan, rounds);
    if (!recorder.child().running()) {
        exited_under_the_recorder(context, recorder, launch, rounds.rounds.size());
    } else {
        if (gone) exited_behind_its_wrapper(context.result, rounds.rounds.size());
        recorder.child().terminate(context.options.target.grace);
    }

    lines.judge(rounds.rounds);
}

}  // namespace leakline::diagnose
