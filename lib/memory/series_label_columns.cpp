#include "memory/internal/series_label_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "memory/internal/series_column_names.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_numbers.hpp"

namespace leakline::memory {

namespace {

constexpr double kNearlyAll = .8;

bool is_clock(std::string_view cell) { return parse_clock_time(cell).has_value(); }
bool is_date_alone(std::string_view cell) {
    const bool date =
        parse_table_time(cell) || parse_slash_date(cell, DateOrder::month_first) || parse_slash_date(cell, DateOrder::day_first);
    return date && cell.find(':') == std::string_view::npos;
}

bool is_elapsed(std::string_view cell) { return parse_elapsed(cell).has_value(); }

bool all_cells(const CellSample& sample, std::size_t column, bool (*is)(std::string_view)) {
    bool any = false;
    for (const auto& row : sample.rows) {
        if (column >= row.size() || row[column].empty()) continue;
        if (!is(row[column])) return false;
        any = true;
    }
    return any;
}

// Which number of "06/07" is the month: the order in which all dates exist, else the one in which they are closer together.
DateOrder date_order_of(const CellSample& sample, std::size_t column) {
    double path[2] = {0, 0};
    bool fits[2] = {true, true};
    for (const DateOrder order : {DateOrder::month_first, DateOrder::day_first}) {
        const auto at = static_cast<std::size_t>(order);
        std::optional<double> last;
        for (const auto& row : sample.rows) {
            if (column >= row.size() || row[column].empty()) continue;
            const auto time = parse_slash_date(row[column], order);
            fits[at] = fits[at] && time.has_value();
            if (time && last) path[at] += std::fabs(*time - *last);
            if (time) last = time;
        }
    }
    if (fits[0] != fits[1]) return fits[0] ? DateOrder::month_first : DateOrder::day_first;
    return path[1] < path[0] ? DateOrder::day_first : DateOrder::month_first;
}

std::string_view cell_at(const std::vector<std::string_view>& row, std::size_t column) {
    return column < row.size() ? row[column] : std::string_view();
}

std::size_t distinct(const CellSample& sample, std::size_t column) {
    std::set<std::string_view> texts;
    for (const auto& row : sample.rows) texts.insert(cell_at(row, column));
    return texts.size();
}

// The share of rows whose time, with the text of a column (or without one), occurred in an earlier row.
double repeated(const CellSample& sample, std::size_t time, std::size_t clock, std::optional<std::size_t> label) {
    std::set<std::tuple<std::string_view, std::string_view, std::string_view>> seen;
    std::size_t again = 0;
    for (const auto& row : sample.rows)
        again += seen.emplace(cell_at(row, time), cell_at(row, clock), label ? cell_at(row, *label) : "").second ? 0 : 1;
    return sample.rows.empty() ? 0 : static_cast<double>(again) / static_cast<double>(sample.rows.size());
}

// How much of the variance of a column stays within the rows of one text, 0 to 1; and how often the text changes.
struct Within {
    double variance = 1, changes = 0;
};
Within within_texts(const CellSample& sample, std::size_t label, std::size_t memory) {
    struct Sums {
        double n = 0, sum = 0, squares = 0;
        double spread() const { return n == 0 ? 0 : squares - sum * sum / n; }
    };
    std::map<std::string_view, Sums> texts;
    Sums all;
    std::string_view last;
    double changes = 0;
    for (const auto& row : sample.rows) {
        const WrittenSize size = split_size(before_limit(cell_at(row, memory)));
        const auto number = parse_written_number(size.number, DecimalMark::point);
        if (!number) continue;
        const double value = *number * bytes_in_unit(size.unit).value_or(1);
        for (Sums* sums : {&texts[cell_at(row, label)], &all}) {
            sums->n += 1;
            sums->sum += value;
            sums->squares += value * value;
        }
        changes += cell_at(row, label) != last ? 1 : 0;
        last = cell_at(row, label);
    }
    double within = 0;
    for (const auto& [text, sums] : texts) within += sums.spread();
    return all.n == 0 || all.spread() <= 0 ? Within{} : Within{within / all.spread(), changes / all.n};
}

}  // namespace

void put_time(Columns& columns, const std::vector<std::string>& names, const CellSample& sample) {
    std::optional<std::size_t> time;
    for (std::size_t i = 0; i < names.size() && !time; ++i) {
        const auto unit = seconds_in_time_column(names[i]);
        // "offset" or "now" may be such names with texts; 1-00:00:05 is ps' elapsed time.
        if (!unit || (sample.share(i, CellKind::text) >= kNearlyAll && !all_cells(sample, i, is_elapsed))) continue;
        time = i;
        columns.time_form = *unit == 0 ? TimeForm::by_value : TimeForm::number;
        columns.seconds_per_unit = *unit == 0 ? 1 : *unit;
        columns.counts_elapsed = is_elapsed_name(names[i]);
    }
    for (std::size_t i = 0; i < names.size() && !time; ++i) {
        if (memory_name(names[i]) || sample.share(i, CellKind::time) < kNearlyAll) continue;
        time = i;
        columns.time_form = TimeForm::by_value;
    }
    if (!time) return;
    if (columns.time_form == TimeForm::by_value) {
        // A date and a time of day, in two columns: either may come first.
        const bool clock_first = all_cells(sample, *time, is_clock), date_first = all_cells(sample, *time, is_date_alone);
        for (std::size_t i = 0; i < names.size() && (clock_first || date_first); ++i) {
            if (i == *time || !all_cells(sample, i, clock_first ? is_date_alone : is_clock)) continue;
            columns.has_clock = true;
            columns.roles[clock_first ? *time : i] = ColumnRole::clock;
            if (clock_first) time = i;
            break;
        }
        columns.date_order = date_order_of(sample, *time);
    }
    columns.has_time = true;
    columns.roles[*time] = ColumnRole::time;
}

void put_known_labels(Columns& columns, const std::vector<std::string>& names, const CellSample& sample) {
    constexpr std::size_t kFew = 8;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (columns.roles[i] != ColumnRole::none) continue;
        if (is_metric_column(names[i]) && sample.share(i, CellKind::text) >= kNearlyAll) {
            columns.roles[i] = ColumnRole::metric;
            continue;
        }
        const bool process = is_process_identity(names[i]) && !columns.has_process;
        if (!process && !is_series_label(names[i])) continue;
        if (sample.rows.size() >= kFew && distinct(sample, i) == sample.rows.size()) continue;
        if (sample.share(i, CellKind::size) >= kNearlyAll || sample.share(i, CellKind::share) >= kNearlyAll) continue;
        columns.has_process = columns.has_process || process;
        columns.roles[i] = process ? ColumnRole::process : ColumnRole::label;
    }
}

void put_unknown_label(Columns& columns, const std::vector<std::string_view>& header, const CellSample& sample) {
    constexpr double kOften = .1, kSeldom = .01, kTakesTurns = .3, kCloser = .2;
    const auto find = [&](ColumnRole role) {
        return static_cast<std::size_t>(std::find(columns.roles.begin(), columns.roles.end(), role) - columns.roles.begin());
    };
    const std::size_t time = find(ColumnRole::time), clock = find(ColumnRole::clock), memory = find(ColumnRole::memory);
    const bool repeats = columns.has_time && repeated(sample, time, clock, std::nullopt) > kOften;
    for (std::size_t i = 0; i < columns.roles.size(); ++i) {
        if (columns.roles[i] != ColumnRole::none) continue;
        const std::size_t texts = distinct(sample, i);
        const bool text = sample.share(i, CellKind::text) >= kNearlyAll;
        if (texts < 2 || texts * 3 > sample.rows.size()) continue;
        bool separates = false;
        if (repeats) {
            separates = text && repeated(sample, time, clock, i) <= kSeldom;
        } else if (text) {
            const Within within = within_texts(sample, i, memory);
            separates = within.changes > kTakesTurns && within.variance < kCloser;
        }
        if (!separates) continue;
        columns.roles[i] = ColumnRole::label;
        columns.has_labels = true;
        columns.notes.push_back(fmt::format("column '{}' says which series a row belongs to", printable(header[i])));
        return;
    }
}

}  // namespace leakline::memory
