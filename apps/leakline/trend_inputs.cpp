#include "trend_inputs.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "choice.hpp"
#include "heap/profile_reader.hpp"
#include "memory/series_builder.hpp"
#include "quantity_options.hpp"
#include "system/byte_source.hpp"
#include "system/clock.hpp"
#include "tls_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>

namespace leakline::cli {

namespace {

Series rss_of_recording(const std::string& name, const HeapProfile& profile, const std::function<void(const std::string&)>& warn) {
    for (const std::string& line : profile.damage.lines()) warn(line);
    memory::SeriesBuilder builder;
    std::uint64_t left_out = 0;
    for (const RssPoint& point : profile.rss) {
        const double seconds = to_seconds(point.at);
        const auto outcome = builder.add({seconds, static_cast<double>(point.rss), {}});
        if (outcome != memory::SeriesBuilder::Outcome::taken) ++left_out;
    }
    if (builder.taken() == 0)
        throw Error(ErrorKind::input, name, "the recording contains no RSS samples", "leakline lines reads its allocations");
    if (left_out > 0) warn(fmt::format("{}: {} RSS samples out of order were skipped", name, left_out));
    return builder.take(name);
}

using JudgeCounts = std::function<void(const std::string&, const memory::CountSeries&)>;

void judge_file(const std::string& path, const TrendInputs& inputs, Output& output, const std::stop_token& stop,
                const std::function<void(const std::string&)>& warn, const std::function<void(Series)>& judge,
                const JudgeCounts& judge_counts) {
    constexpr std::size_t kHead = 16;
    const std::string name = path == "-" ? "stdin" : path;
    auto source = std::make_unique<memory::CountedSource>(open_source(path, stop));
    if (heap::is_recording(source->peek(kHead))) return judge(rss_of_recording(name, heap::read_profile(std::move(source), name), warn));
    std::string with_counts;
    source->keep_in(with_counts);
    memory::SeriesReadOptions reading = inputs.reading;
    reading.stop = stop;
    if (inputs.interval) reading.interval_s = to_seconds(*inputs.interval);
    memory::SeriesFile file = memory::read_series(std::move(source), name, reading);
    for (const std::string& line : file.damage.lines()) warn(line);
    for (const std::string& note : file.notes) {
        // With thousands of files, notes on each are too many to read.
        inputs.files.size() == 1 ? output.note(note) : output.detail(note);
    }
    for (Series& series : file.series) judge(std::move(series));
    for (const memory::CountSeries& counts : memory::count_series(with_counts)) judge_counts(name, counts);
}

void judge_fleet(const TrendInputs& inputs, Output& output, const std::stop_token& stop,
                 const std::function<void(const std::string&)>& warn, const std::function<void(Series)>& judge) {
    memory::PrometheusQuery query = inputs.prometheus;
    if (query.query.empty())
        throw Error(ErrorKind::usage, "--prometheus", "no --query", "for example --query 'process_resident_memory_bytes{job=\"api\"}'");
    query.stop = stop;
    query.end = system_clock().wall();
    if (inputs.end) {
        const auto end = parse_table_time(*inputs.end);
        if (!end)
            throw Error(ErrorKind::usage, "--end", "'" + printable(*inputs.end) + "' is not a time", "for example 2024-06-07T12:00:00Z");
        query.end = std::chrono::duration_cast<Nanoseconds>(std::chrono::duration<double>(*end));
    }
    output.progress("asking", query.url);
    memory::PrometheusAnswer answer = memory::query_prometheus(query);
    output.end_progress();
    for (const std::string& warning : answer.warnings) warn(warning);
    std::size_t done = 0;
    const auto total = static_cast<double>(answer.series.size());
    for (Series& series : answer.series) {
        if (stop.stop_requested()) return;
        output.progress("judging", series.name, static_cast<double>(done++) / total);
        judge(std::move(series));
    }
}

}  // namespace

void add_trend_inputs(CLI::App& app, TrendInputs& inputs) {
    app.add_option("files", inputs.files,
                   "Memory over time: CSV (also from Grafana, docker stats, sadf), output of docker stats, ps, top, pidstat, kubectl "
                   "top, psrecord, mprof, lines with a value and its unit, Prometheus JSON, heap recordings; plain, gzip, "
                   "zstd or UTF-16; a folder: the files in it; -: standard input")
        ->type_name("FILE|DIR");
    app.add_option(
           "--metric", inputs.reading.metric,
           "Memory column, such as rss or anonymous; rss+swap adds two (default: rss, else the first, for each process or container)")
        ->type_name("COLUMN");
    app.add_option("--unit", inputs.reading.unit, "Unit of memory if neither column names nor values have one: bytes, kib, mib or gib")
        ->type_name("UNIT");
    app.add_option("--decimal", inputs.reading.decimal, "Decimal mark of the numbers in a CSV file (default: detected)")
        ->transform(choice_of<memory::DecimalMark>({{"point", memory::DecimalMark::point}, {"comma", memory::DecimalMark::comma}}))
        ->type_name("point|comma");
    add_duration(app, "--interval", inputs.interval, "Time between the tables of a log, or the rows of a CSV file, without times");

    constexpr const char* kServer = "Prometheus";
    memory::PrometheusQuery& query = inputs.prometheus;
    const auto in_group = [&](CLI::Option* option) { option->group(kServer); };
    in_group(app.add_option("--prometheus", query.url, "URL of the server (or Thanos, Mimir, VictoriaMetrics)")->type_name("URL"));
    in_group(app.add_option("--query", query.query, "PromQL query; each resulting series gets a verdict")->type_name("PROMQL"));
    in_group(add_duration(app, "--range", query.range, "Time range to query, back from --end"));
    in_group(add_duration(app, "--step", query.step, "Time between samples"));
    in_group(app.add_option("--end", inputs.end, "End of the range, as ISO 8601 (default: now)")->type_name("TIME"));
    in_group(app.add_option("--start-time-query", query.start_time_query,
                            "Metric whose value changes at a restart (default: process_start_time_seconds)")
                 ->type_name("PROMQL"));
    in_group(app.add_option("--bearer-token-file", query.bearer_token_file, "File with the bearer token")->type_name("FILE"));
    in_group(app.add_option("--basic-auth-file", query.basic_auth_file, "File with user:password")->type_name("FILE"));
    add_tls_options(app, query.connect, kServer);
    in_group(add_duration(app, "--timeout", query.timeout, "Timeout per request"));
    in_group(app.add_option("--max-series", query.max_series, "Maximum number of series; fail if there are more")
                 ->type_name("N")
                 ->capture_default_str());
}

bool for_each_series(const TrendInputs& inputs, Output& output, const std::stop_token& stop,
                     const std::function<void(const std::string&)>& warn, const std::function<void(Series)>& judge,
                     const JudgeCounts& judge_counts) {
    if (!inputs.prometheus.url.empty()) {
        if (!inputs.files.empty())
            throw Error(ErrorKind::usage, "leakline trend", "both files and --prometheus were given", "run trend once for each");
        judge_fleet(inputs, output, stop, warn, judge);
        return true;
    }
    if (inputs.files.empty())
        throw Error(ErrorKind::usage, "leakline trend", "neither a file nor --prometheus was given",
                    "leakline trend samples.csv; leakline sample writes such files");
    bool all_read = true;
    std::size_t done = 0;
    for (const std::string& path : inputs.files) {
        if (stop.stop_requested()) break;
        output.progress("judging", path, static_cast<double>(done++) / static_cast<double>(inputs.files.size()));
        try {
            judge_file(path, inputs, output, stop, warn, judge, judge_counts);
        } catch (const Error& error) {
            if (stop.stop_requested()) break;  // the caller ends with its code and what is judged so far
            // One bad file of many must not cost the verdict on the others.
            if (inputs.files.size() == 1 || error.kind() == ErrorKind::usage) throw;
            warn(in_one_line(error));
            all_read = false;
        }
    }
    output.end_progress();
    return all_read;
}

}  // namespace leakline::cli
