#include "memory/count_series.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/strings.hpp"

namespace leakline::memory {

namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

struct Column {
    std::size_t at = kNone, limit_at = kNone;
    CountSeries counts;
};

std::optional<double> number(std::string_view cell) {
    double value = 0;
    cell = trim(cell);
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (cell.empty() || error != std::errc{} || end != cell.data() + cell.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

constexpr std::string_view kLimit = "_limit";

std::optional<Resource> resource_of(std::string_view name) {
    if (name == "fds") return Resource::descriptors;
    if (name == "threads") return Resource::threads;
    if (name == "mappings") return Resource::mappings;
    if (name == "processes") return Resource::processes;
    return std::nullopt;
}

}  // namespace

std::vector<CountSeries> count_series(std::string_view text) {
    std::size_t time = kNone, requests = kNone;
    double unit_s = 1;
    std::vector<Column> columns;
    const std::vector<std::string_view> head = split(take_line(text), ',');
    for (std::size_t i = 0; i < head.size(); ++i) {
        const std::string_view name = trim(head[i]);
        if (name == "pid") return {};
        if (name == "unix_ms" || name == "t_s") {
            time = i;
            unit_s = name == "unix_ms" ? 1e-3 : 1;
        }
        if (name == "requests") requests = i;
        if (const auto resource = resource_of(name)) columns.push_back({i, kNone, {*resource, {}, {}}});
    }
    for (std::size_t i = 0; i < head.size(); ++i) {
        const std::string_view name = trim(head[i]);
        const auto resource = name.ends_with(kLimit) ? resource_of(name.substr(0, name.size() - kLimit.size())) : std::nullopt;
        for (Column& column : columns)
            if (column.counts.resource == resource) column.limit_at = i;
    }
    if (time == kNone || columns.empty()) return {};
    std::optional<double> begin;
    for (const std::string_view line : split(text, '\n')) {
        const std::vector<std::string_view> cells = split(line, ',');
        const auto at = time < cells.size() ? number(cells[time]) : std::nullopt;
        if (!at) continue;
        if (!begin) begin = *at;
        const double seconds = (*at - *begin) * unit_s;
        const auto served = requests < cells.size() ? number(cells[requests]) : std::nullopt;
        if (requests != kNone && !served) continue;
        for (Column& column : columns) {
            Series& series = column.counts.series;
            const auto limit = column.limit_at < cells.size() ? number(cells[column.limit_at]) : std::nullopt;
            if (limit && *limit > 0 && *limit < 1e18) column.counts.limit = static_cast<std::uint64_t>(*limit);
            const auto value = column.at < cells.size() ? number(cells[column.at]) : std::nullopt;
            if (!value || (!series.seconds.empty() && seconds <= series.seconds.back())) continue;
            series.seconds.push_back(seconds);
            series.value.push_back(*value);
            if (served) series.requests.push_back(*served);
        }
    }
    std::vector<CountSeries> out;
    for (Column& column : columns)
        if (column.counts.series.size() > 0) out.push_back(std::move(column.counts));
    return out;
}

void CountedSource::keep_in(std::string& kept) {
    constexpr std::size_t kHead = 4096;  // the longest first line that leakline writes has about 300 bytes
    std::string_view head = source_.peek(kHead);
    for (const std::string_view name : split(take_line(head), ','))
        if (resource_of(trim(name))) kept_ = &kept;
}

std::size_t CountedSource::read(std::span<char> buffer) {
    constexpr std::size_t kMax = std::size_t{256} << 20;
    const std::size_t got = source_.read(buffer);
    if (kept_ == nullptr) return got;
    if (kept_->size() + got > kMax) {
        kept_->clear();
        kept_ = nullptr;
    } else {
        kept_->append(buffer.data(), got);
    }
    return got;
}

}  // namespace leakline::memory
