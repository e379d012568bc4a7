#include "sample_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/trend/trend.hpp"
#include "base/quantities.hpp"
#include "base/utf8.hpp"

namespace leakline::cli {

namespace {

constexpr std::size_t kMaxPoints = 8192;

std::string hours_text(double hours) {
    constexpr double kManyYears = 24 * 365 * 100.0;
    if (!std::isfinite(hours) || hours > kManyYears) return "never";
    return format_duration(std::chrono::seconds(std::llround(hours * 3600)));
}

std::string per_hour(double bytes) { return format_signed_bytes(bytes) + "/h"; }

}  // namespace

std::string cut_to(std::string line, std::size_t width) {
    std::size_t characters = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (!is_utf8_continuation(line[i]) && characters++ == width) {
            line.resize(i);
            break;
        }
    }
    return line;
}

std::string sparkline(const std::vector<double>& values, std::size_t width, bool utf8) {
    static constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static constexpr std::array<const char*, 8> kPlain = {"_", ".", ":", "-", "=", "+", "*", "#"};
    if (values.empty() || width == 0) return {};
    const std::size_t columns = std::min(width, values.size());
    std::vector<double> means(columns);
    for (std::size_t column = 0; column < columns; ++column) {
        const std::size_t begin = column * values.size() / columns, end = (column + 1) * values.size() / columns;
        for (std::size_t i = begin; i < end; ++i) means[column] += values[i] / static_cast<double>(end - begin);
    }
    const auto [least, greatest] = std::minmax_element(means.begin(), means.end());
    const double low = *least, span = *greatest - *least;
    std::string out;
    for (const double mean : means) {
        const auto level = span > 0 ? static_cast<std::size_t>((mean - low) / span * 7.999) : 0;
        out += (utf8 ? kBlocks : kPlain)[std::min<std::size_t>(level, 7)];
    }
    return out;
}

SampleView::SampleView(std::string name, Metric metric) : name_(std::move(name)), metric_(metric) { series_.name = name_; }

void SampleView::add(const MemorySample& sample, std::optional<Bytes> limit) {
    const auto& value = sample[metric_];
    if (!value) return;
    limit_ = limit;
    const double at = to_seconds(sample.at);
    if (seen_ == 0) first_second_ = at;
    if (seen_ > 0 && at <= last_second_) return;  // the wall clock was set back
    last_second_ = at;
    last_value_ = static_cast<double>(*value);
    if (seen_++ % every_ != 0) return;
    series_.seconds.push_back(at - first_second_);
    series_.value.push_back(last_value_);
    if (series_.size() < kMaxPoints) return;
    for (std::size_t i = 0; i < kMaxPoints / 2; ++i) {
        series_.seconds[i] = series_.seconds[2 * i];
        series_.value[i] = series_.value[2 * i];
    }
    series_.seconds.resize(kMaxPoints / 2);
    series_.value.resize(kMaxPoints / 2);
    every_ *= 2;
}

void SampleView::judge() {
    analysis::TrendOptions options;
    options.limit = limit_;
    options.however_short = true;  // the view says what memory does now, warm-up or not
    verdict_ = analysis::judge_trend(series_, options);
    judged_ = true;
}

std::string SampleView::limit_text() const {
    if (!judged_ || !limit_ || !verdict_.time_to_limit_h) return {};
    return fmt::format("{} in {} [{}, {}]", format_bytes(static_cast<double>(*limit_)), hours_text(verdict_.time_to_limit_h->estimate),
                       hours_text(verdict_.time_to_limit_h->low), hours_text(verdict_.time_to_limit_h->high));
}

std::string SampleView::slope_text() const {
    if (!judged_) return "slope unknown yet";
    const Interval& slope = verdict_.slope_bytes_per_hour;
    std::string text(trend_name(verdict_.verdict));
    if (std::isfinite(slope.low) && std::isfinite(slope.high) && series_.size() >= 20)
        text += fmt::format(", {} [{}, {}]", per_hour(slope.estimate), per_hour(slope.low), per_hour(slope.high));
    return text;
}

std::vector<std::string> SampleView::block(std::size_t width, bool utf8) const {
    const auto elapsed = std::chrono::seconds(std::llround(last_second_ - first_second_));
    std::vector<std::string> lines;
    lines.push_back(fmt::format("{}  {} {}{}  {}, {}", name_, metric_name(metric_), format_bytes(last_value_),
                                limit_ ? " of " + format_bytes(static_cast<double>(*limit_)) : "",
                                elapsed.count() == 0 ? "0s" : format_duration(elapsed), counted(seen_, "sample")));
    const auto [least, greatest] = std::minmax_element(series_.value.begin(), series_.value.end());
    const std::string range = series_.value.empty() ? "" : fmt::format("  {} to {}", format_bytes(*least), format_bytes(*greatest));
    constexpr std::size_t kMinSparkline = 10;
    if (width > range.size() + kMinSparkline)
        lines.push_back(sparkline(series_.value, width - range.size(), utf8) + range);
    else
        lines.push_back(sparkline(series_.value, width, utf8));
    const std::string slope = slope_text(), limit = limit_text();
    const bool one_line = limit.empty() || slope.size() + 2 + limit.size() <= width;
    lines.push_back(limit.empty() || !one_line ? slope : slope + ", " + limit);
    if (!one_line) lines.push_back(limit);
    for (std::string& line : lines) line = cut_to(std::move(line), width);
    return lines;
}

std::string SampleView::line() const {
    const std::string limit = limit_text();
    return fmt::format("{} {} {}, {}{}{}", name_, metric_name(metric_), format_bytes(last_value_), slope_text(), limit.empty() ? "" : ", ",
                       limit);
}

}  // namespace leakline::cli
