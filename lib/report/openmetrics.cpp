// OpenMetrics text for node_exporter's textfile collector: only gauges, so that Prometheus' older text format
// has the same text; base units; no timestamps (the collector refuses them).
#include <fmt/format.h>

#include <algorithm>

#include "base/exposition.hpp"
#include "base/utf8.hpp"
#include "report/internal/renderers.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kMaxLines = 20;  // each is a series in the database

std::string label(std::string_view name, std::string_view value) {
    constexpr std::size_t kLongest = 200;
    return exposition_label(name, utf8_head(value, kLongest));
}

class Metrics {
  public:
    // Begins a family; samples of it follow. unit is the name's ending, or empty.
    void family(std::string_view name, std::string_view unit, std::string_view help) {
        text_.family(fmt::format("leakline_{}", name), MetricType::gauge, help, unit);
    }
    void sample(const std::string& labels, double number) { text_.sample(labels, number); }
    void bounds(const std::string& labels, const Interval& interval, double scale = 1) {
        const std::string comma = labels.empty() ? "" : ",";
        sample(labels + comma + "bound=\"estimate\"", interval.estimate * scale);
        sample(labels + comma + "bound=\"low\"", interval.low * scale);
        sample(labels + comma + "bound=\"high\"", interval.high * scale);
    }
    std::string finish() { return text_.take() + "# EOF\n"; }

  private:
    Exposition text_;
};

struct Labeled {
    std::string labels;
    const TrendVerdict* trend;
};

// Samples of a family must be adjacent, so each family goes over all series.
void add_trends(Metrics& metrics, const std::vector<Labeled>& trends) {
    metrics.family("trend_growing", "", "1 if the trend of the memory samples is growing, else 0.");
    for (const auto& [labels, trend] : trends) metrics.sample(labels, trend->verdict == Trend::growing ? 1 : 0);
    metrics.family("slope_bytes_per_second", "", "Growth of memory after warm-up, with the bounds of its 95 % interval.");
    for (const auto& [labels, trend] : trends) metrics.bounds(labels, trend->slope_bytes_per_hour, 1.0 / 3600);
    metrics.family("growth_bytes_per_request", "", "Growth of memory per completed request, with the bounds of its 95 % interval.");
    for (const auto& [labels, trend] : trends)
        if (trend->bytes_per_request) metrics.bounds(labels, *trend->bytes_per_request);
    metrics.family("detectable_bytes_per_request", "",
                   "Detection limit: the smallest growth per request that the run could have detected.");
    for (const auto& [labels, trend] : trends)
        if (trend->detectable_bytes_per_request) metrics.sample(labels, *trend->detectable_bytes_per_request);
    metrics.family("time_to_limit_seconds", "seconds", "Time until the memory limit is reached at the measured growth.");
    for (const auto& [labels, trend] : trends)
        if (trend->time_to_limit_h) metrics.bounds(labels, *trend->time_to_limit_h, 3600);
}

std::string render(const Diagnosis& diagnosis) {
    Metrics metrics;
    metrics.family("verdict", "", "1 for the verdict of the last run, 0 for the others.");
    for (Verdict verdict : {Verdict::leak, Verdict::no_leak, Verdict::inconclusive, Verdict::invalid})
        metrics.sample(fmt::format("verdict=\"{}\"", verdict_name(verdict)), verdict == diagnosis.verdict ? 1 : 0);
    // The figures that the verdict states; none if nothing was measured.
    TrendVerdict trend = diagnosis.trend;
    if (diagnosis.growth.source != StatedGrowth::Source::memory && diagnosis.growth.split.bytes_per_request)
        trend.bytes_per_request = diagnosis.growth.split.bytes_per_request;
    if (diagnosis.verdict != Verdict::invalid) add_trends(metrics, {{"", &trend}});
    metrics.family("resource_growing", "", "1 if descriptors, threads, mappings, processes or IPC objects leak, else 0.");
    for (const ResourceGrowth& growth : diagnosis.resources.counts)
        metrics.sample(fmt::format("resource=\"{}\"", resource_name(growth.resource)), growth.verdict == Trend::growing ? 1 : 0);
    metrics.family("resource_growth_per_request", "",
                   "Growth of the resource's count per completed request, with the bounds of its 95 % interval.");
    for (const ResourceGrowth& growth : diagnosis.resources.counts)
        if (growth.per_request) metrics.bounds(fmt::format("resource=\"{}\"", resource_name(growth.resource)), *growth.per_request);
    metrics.family("resource_line_growth", "", "Growth of the number of descriptors that a line opened, or threads that it started.");
    for (const ResourceLine& line : diagnosis.lines.resource_lines)
        metrics.sample(fmt::format("resource=\"{}\",{},line=\"{}\",{}", resource_name(line.resource), label("file", line.at.file),
                                   line.at.line, label("function", line.at.function)),
                       line.growth);
    metrics.family("live_delta_bytes", "bytes", "Growth of live heap bytes within the window.");
    metrics.sample("", static_cast<double>(diagnosis.lines.accounting.live_delta_bytes));
    metrics.family("unattributed_bytes", "bytes", "Growth of live heap bytes without a source line.");
    metrics.sample("", static_cast<double>(diagnosis.lines.accounting.unattributed_bytes));
    metrics.family("line_growth_bytes", "bytes", "Growth of live heap bytes by source line, the largest ones.");
    for (std::size_t i = 0; i < std::min(diagnosis.lines.lines.size(), kMaxLines); ++i) {
        const LineGrowth& line = diagnosis.lines.lines[i];
        metrics.sample(fmt::format("rank=\"{}\",{},line=\"{}\",{},leaking=\"{}\"", i + 1, label("file", line.at.file), line.at.line,
                                   label("function", line.at.function), line.leaking),
                       static_cast<double>(line.growth_bytes));
    }
    if (diagnosis.connections) {
        metrics.family("growth_bytes_per_connection", "",
                       "Growth of live heap bytes per connection, with the bounds of its 95 % interval.");
        metrics.bounds("", diagnosis.connections->bytes_per_connection);
    }
    metrics.family("left_out_requests", "requests", "Requests of the log that were not sent, in one pass, by reason.");
    std::uint64_t filtered = 0, without_body = 0;
    for (const KindCoverage& kind : diagnosis.coverage.kinds) {
        without_body += kind.without_body;
        filtered += kind.left_out - std::min(kind.left_out, kind.without_body);
    }
    metrics.sample("why=\"filter\"", static_cast<double>(filtered));
    metrics.sample("why=\"no_body\"", static_cast<double>(without_body));
    metrics.family("replayed_requests", "requests", "Requests of the replay by outcome.");
    metrics.sample("outcome=\"completed\"", static_cast<double>(diagnosis.replay.completed));
    metrics.sample("outcome=\"failed\"",
                   static_cast<double>(diagnosis.replay.sent - std::min(diagnosis.replay.sent, diagnosis.replay.completed)));
    metrics.sample("outcome=\"unsent\"", static_cast<double>(diagnosis.replay.unsent));
    metrics.family("replay_latency_seconds", "seconds", "Latency from the due time, by quantile.");
    for (const auto& [quantile, us] : {std::pair("0.5", diagnosis.replay.latency.p50), std::pair("0.9", diagnosis.replay.latency.p90),
                                       std::pair("0.99", diagnosis.replay.latency.p99), std::pair("1", diagnosis.replay.latency.max)})
        metrics.sample(fmt::format("q=\"{}\"", quantile), us / 1e6);
    return metrics.finish();
}

std::string render(const TrendReport& report) {
    std::vector<Labeled> trends;
    for (const TrendReport::Item& item : report.items) trends.push_back({label("series", item.file), &item.verdict});
    Metrics metrics;
    add_trends(metrics, trends);
    if (!report.counts.empty())
        metrics.family("count_growing", "", "1 if descriptors, threads, mappings, processes or IPC objects keep growing, else 0.");
    for (const TrendReport::Count& count : report.counts)
        metrics.sample(fmt::format("{},resource=\"{}\"", label("series", count.file), resource_name(count.growth.resource)),
                       count.growth.verdict == Trend::growing ? 1 : 0);
    return metrics.finish();
}

}  // namespace

std::string render_openmetrics(const Document& document, const RenderOptions&) {
    return render_form(document, "openmetrics", [&](const auto& value) -> decltype(render(value)) { return render(value); });
}

}  // namespace leakline::report
