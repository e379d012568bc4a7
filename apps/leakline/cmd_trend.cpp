// leakline trend: does memory grow without end, in files of samples.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/growth_gate.hpp"
#include "analysis/trend/count_trend.hpp"
#include "analysis/trend/self_test.hpp"
#include "analysis/trend/trend.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "choice.hpp"
#include "commands.hpp"
#include "exit_code.hpp"
#include "exit_policy.hpp"
#include "input_files.hpp"
#include "memory/count_series.hpp"
#include "output.hpp"
#include "quantity_options.hpp"
#include "report/trends_text.hpp"
#include "trend_inputs.hpp"

namespace leakline::cli {

namespace {

struct TrendCommand {
    explicit TrendCommand(CLI::App& app) : exits(app) {}

    TrendInputs inputs;
    std::optional<Bytes> limit;
    std::vector<std::string> count_limits;
    std::optional<Growth> minimum, budget;
    ExitPolicy exits;
    bool self_test = false;
    int traces = 1000;
    std::uint64_t seed = 1;
};

// What the whole command ends with: the worst of its series.
class Outcome {
  public:
    explicit Outcome(const TrendCommand& command) : command_(command) {}

    void add(const std::string& name, const TrendVerdict& verdict, Output& output) {
        if (!command_.budget) {
            leak_ = leak_ || verdict.verdict == Trend::growing;
            undecided_ = undecided_ || verdict.verdict == Trend::inconclusive;
            return;
        }
        const Gate gate = analysis::check_growth(verdict, *command_.budget);
        const bool failed = gate.outcome == GateOutcome::failed;
        leak_ = leak_ || failed;
        undecided_ = undecided_ || gate.outcome == GateOutcome::inconclusive;
        output.note(fmt::format("{}: --max-growth {}: {}", name, failed ? "FAILED" : outcome_name(gate.outcome), gate.message));
    }
    // A budget is one of memory: a count that grows is a leak beside it.
    void add(const ResourceGrowth& count) {
        leak_ = leak_ || count.verdict == Trend::growing;
        undecided_ = undecided_ || count.verdict == Trend::inconclusive;
    }
    void add_unreadable() { unreadable_ = true; }

    int exit_code(Output& output) const {
        if (unreadable_) return kUsage;
        if (leak_) return command_.exits.leak();
        if (!undecided_) return kNoLeak;
        return command_.exits.inconclusive(output, "exit code 0 as requested");
    }

  private:
    const TrendCommand& command_;
    bool leak_ = false, undecided_ = false, unreadable_ = false;
};

// Reports draw the series at most this finely; thousands of files must fit into memory.
constexpr std::size_t kPointsInReport = 2000;

Series thinned(Series series) {
    const std::size_t stride = series.size() / kPointsInReport + 1;
    if (stride == 1) return series;
    Series result;
    result.name = series.name;
    for (std::size_t at = 0; at < series.size() + stride - 1; at += stride) {
        const std::size_t i = std::min(at, series.size() - 1);  // the last sample stays, for the duration
        result.seconds.push_back(series.seconds[i]);
        result.value.push_back(series.value[i]);
        if (!series.requests.empty()) result.requests.push_back(series.requests[i]);
        if (!series.process.empty()) result.process.push_back(series.process[i]);
    }
    return result;
}

int run_self_test(const TrendCommand& command, Output& output, const std::stop_token& stop) {
    output.note(fmt::format("{} simulated traces of each of {} families, seed {}", command.traces, analysis::trace_families().size(),
                            command.seed));
    output.open({}, report::kSelfTestForm);
    const SelfTest result = analysis::run_self_test(
        command.seed, command.traces, [&](std::string_view what, double done) { output.progress("self-test", what, done); }, stop);
    output.write(result);
    if (stop.stop_requested()) return kInterrupted;
    if (result.outcome == GateOutcome::passed) return kNoLeak;
    if (result.outcome == GateOutcome::failed) return kLeak;
    output.note(fmt::format("too few traces to show that all goals are met: use --traces {}", command.traces * 10));
    return command.exits.inconclusive(output, "exit code 0 as requested");
}

// "fds=1024" for each count that was named; the last of the same name stands.
std::map<Resource, std::uint64_t> limits_of_counts(const std::vector<std::string>& given) {
    static const std::map<std::string, Resource, std::less<>> kNames = {{"fds", Resource::descriptors},
                                                                        {"threads", Resource::threads},
                                                                        {"mappings", Resource::mappings},
                                                                        {"processes", Resource::processes}};
    std::map<Resource, std::uint64_t> limits;
    for (const std::string& text : given) {
        const std::size_t equals = std::min(text.find('='), text.size());
        const auto name = kNames.find(std::string_view(text).substr(0, equals));
        std::uint64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data() + std::min(equals + 1, text.size()), end, value);
        if (name == kNames.end() || error != std::errc{} || stop != end || value == 0)
            throw Error(ErrorKind::usage, "--count-limit",
                        fmt::format("'{}' is not NAME=N with NAME fds, threads, mappings or processes", printable(text)),
                        "for example --count-limit fds=1024");
        limits[name->second] = value;
    }
    return limits;
}

int run_trend(TrendCommand& command, Output& output, const std::stop_token& stop) {
    if (command.self_test) return run_self_test(command, output, stop);
    const auto count_limits = limits_of_counts(command.count_limits);
    analysis::TrendOptions options;
    options.limit = command.limit;
    if (command.minimum) {
        if (command.minimum->per == Growth::Per::request)
            throw Error(ErrorKind::usage, "--min-growth", "a rate per hour is needed here", "for example 1MiB/h");
        options.minimum_bytes_per_hour = command.minimum->bytes;
    }
    std::vector<std::string> left_out;
    command.inputs.files = files_of(
        command.inputs.files, [](const std::string& name) { return !std::filesystem::is_directory(name); },
        "leakline sample -o DIR/NAME.csv writes samples", left_out);
    output.open(command.inputs.files);
    TrendReport report;
    Outcome outcome(command);
    const auto warn = [&](const std::string& text) {
        output.warn(text);
        report.warnings.push_back(text);
    };
    for (const std::string& warning : left_out) warn(warning);
    const bool all_read = for_each_series(
        command.inputs, output, stop, warn,
        [&](Series series) {
            const Nanoseconds begun = system_clock().monotonic();
            TrendVerdict verdict = analysis::judge_trend(series, options);
            const double spent = to_seconds(system_clock().monotonic() - begun);
            output.detail(fmt::format("{}: {} samples over {:.4g} s{}{}, judged in {:.0f} ms", series.name, format_count(series.size()),
                                      series.duration(), series.requests.empty() ? "" : ", with requests",
                                      series.process.empty() ? "" : ", with pids", spent * 1000));
            outcome.add(series.name, verdict, output);
            std::string name = series.name;
            const std::uint64_t samples = series.size();
            report.items.push_back({std::move(name), thinned(std::move(series)), std::move(verdict), samples});
        },
        [&](const std::string& file, const memory::CountSeries& counts) {
            const auto given = count_limits.find(counts.resource);
            ResourceGrowth growth =
                given != count_limits.end()
                    ? analysis::judge_count_trend(counts.resource, counts.series, given->second, "--count-limit")
                    : analysis::judge_count_trend(counts.resource, counts.series, counts.limit, counts.limit ? "as the file says" : "");
            outcome.add(growth);
            report.counts.push_back({file, std::move(growth)});
        });
    if (!all_read) outcome.add_unreadable();
    if (!command.inputs.prometheus.url.empty()) std::stable_sort(report.items.begin(), report.items.end(), leakline::report::more_urgent);
    if (!report.items.empty() || !stop.stop_requested()) output.write(report);
    return outcome.exit_code(output);
}

}  // namespace

Run declare_trend(CLI::App& app) {
    auto output = std::make_shared<Output>(app, report::kTrendForm);
    auto command = std::make_shared<TrendCommand>(app);
    add_trend_inputs(app, command->inputs);
    add_size(app, "--memory-limit,--limit", command->limit, "Memory limit: report when it would be reached");
    app.add_option("--count-limit", command->count_limits,
                   "Limit of fds, threads, mappings or processes, such as fds=1024: report when it would be reached")
        ->type_name("NAME=N");
    add_growth(app, "--min-growth", command->minimum, "Ignore growth slower than this, such as 1MiB/h");
    add_growth(app, "--max-growth", command->budget, "Pass only if growth is shown to be below this, such as 64B/request or 1MiB/h");
    app.add_flag("--self-test", command->self_test,
                 "Judge simulated traces and print precision, recall and the power curve; exit code 0: all goals met, "
                 "1: a goal missed, 3: too few traces to decide");
    app.add_option("--traces", command->traces,
                   "Traces per family for --self-test, 1 to 100000; 1000 take a few minutes and suffice for all goals")
        ->type_name("N")
        ->check(between(1, 100'000))
        ->capture_default_str();
    app.add_option("--seed", command->seed, "Seed of the random numbers of --self-test")->capture_default_str()->type_name("N");
    return [=](const Interruption& interruption) { return run_trend(*command, *output, interruption.stop); };
}

}  // namespace leakline::cli
