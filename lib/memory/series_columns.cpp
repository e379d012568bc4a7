#include "memory/internal/series_columns.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/did_you_mean.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "memory/internal/series_column_names.hpp"
#include "memory/internal/series_label_columns.hpp"
#include "memory/internal/series_log_time.hpp"
#include "memory/internal/series_numbers.hpp"

namespace leakline::memory {

namespace {

std::string list_of(const std::vector<std::string>& names) { return fmt::format("'{}'", fmt::join(names, "', '")); }

// A column that could be read as memory.
struct Candidate {
    std::size_t index;
    std::string metric;   // lower case, without the unit
    double bytes;         // per unit; 0: each value needs its own unit
    int rank;             // memory_rank
    std::string subject;  // columns of one subject are metrics of it
    bool has_word;        // "rss", "memory", ...: not only a unit
};

class MemoryChoice {
  public:
    MemoryChoice(const std::vector<std::string_view>& header, const std::vector<std::string>& names, const std::vector<ColumnRole>& roles,
                 const CellSample& sample, const SeriesReadOptions& options, const std::string& place)
        : header_(header), names_(names), roles_(roles), sample_(sample), options_(options), place_(place) {
        if (!options.unit.empty()) {
            const auto unit = unit_by_name(options.unit);
            if (!unit) throw Error(ErrorKind::usage, "--unit", "unknown unit '" + printable(options.unit) + "'", "bytes, kib, mib or gib");
            unit_if_none_ = *unit;
        }
        for (std::size_t i = 0; i < names.size(); ++i)
            if (auto candidate = candidate_of(i)) known_.push_back(std::move(*candidate));
    }

    void choose(Columns& columns) {
        if (!options_.metric.empty()) return put_sum(columns);
        std::vector<Candidate> chosen = by_unit();
        if (chosen.empty()) chosen = by_plain_word();
        if (chosen.empty()) chosen = by_value(columns);
        if (chosen.empty()) throw nothing_found();
        std::sort(chosen.begin(), chosen.end(), [](const Candidate& a, const Candidate& b) { return a.index < b.index; });
        std::map<std::size_t, MemoryColumn> by_index;  // the order in which a row is read
        for (const Candidate& candidate : chosen) {
            by_index[candidate.index] = {candidate.bytes, columns.series.size(), false, candidate.metric};
            if (const Candidate* const swap = swap_beside(candidate)) {
                by_index[swap->index] = {swap->bytes, columns.series.size(), true, swap->metric};
                columns.notes.push_back(fmt::format("column '{}' is added to '{}' (--metric {} judges one alone)",
                                                    printable(names_[swap->index]), printable(names_[candidate.index]),
                                                    printable(names_[candidate.index])));
            }
            columns.series.push_back(chosen.size() == 1 ? "" : series_name(candidate.index));
        }
        for (auto& [index, column] : by_index) {
            columns.roles[index] = ColumnRole::memory;
            columns.memory.push_back(std::move(column));
        }
    }

  private:
    // Without the labels of a Prometheus legend: process_resident_memory_bytes{pod="x"}.
    std::optional<Candidate> candidate_of(std::size_t i) const {
        if (roles_[i] != ColumnRole::none) return std::nullopt;
        const std::string_view raw = header_[i];
        const std::size_t brace = raw.find("{");
        const bool legend = brace != std::string_view::npos && raw.find('=') != std::string_view::npos;
        const std::string name = legend ? column_name(raw.substr(0, brace)) : names_[i];
        const std::string labels = legend ? std::string(raw.substr(brace)) : "";
        const bool by_cells = sample_.share(i, CellKind::size) >= .8;
        const auto named = memory_name(name);
        if (!named && !by_cells) return std::nullopt;
        const std::string metric = named ? named->metric : name;
        const bool word = after_memory_word(name).has_value() || metric.starts_with("mem");
        const std::string subject = (word ? memory_subject(metric) : std::string(raw)) + labels;
        return Candidate{i, metric, named ? named->bytes : 0, memory_rank(name, metric), subject, word};
    }

    // The best metric of each subject.
    std::vector<Candidate> by_unit() const {
        std::map<std::string, Candidate> best;
        const auto offer = [&](const Candidate& candidate) {
            const auto [found, added] = best.emplace(candidate.subject, candidate);
            if (!added && candidate.rank < found->second.rank) found->second = candidate;
        };
        for (const Candidate& candidate : known_)
            if (candidate.has_word && candidate.rank != kNotUsedMemory) offer(candidate);
        // Beside "rss", "cache_mib" is a part of it; beside "web_rss", "db_mib" is another subject.
        if (best.count("") == 0)
            for (const Candidate& candidate : known_)
                if (!candidate.has_word && candidate.rank != kNotUsedMemory) offer(candidate);
        std::vector<Candidate> chosen;
        for (auto& [subject, candidate] : best) chosen.push_back(candidate);
        return chosen;
    }

    // The swap of the same subject: memory that the kernel has moved out of the chosen metric.
    const Candidate* swap_beside(const Candidate& chosen) const {
        if (!is_resident_metric(chosen.metric)) return nullptr;
        const auto found = std::find_if(known_.begin(), known_.end(), [&](const Candidate& candidate) {
            return candidate.subject == chosen.subject && candidate.rank != kNotUsedMemory && is_swap_metric(candidate.metric);
        });
        return found == known_.end() ? nullptr : &*found;
    }

    bool is_numeric(std::size_t i) const {
        return roles_[i] == ColumnRole::none &&
               (sample_.rows.empty() || sample_.share(i, CellKind::number) >= .8 || sample_.share(i, CellKind::time) >= .8);
    }

    // rss, mem_used: each value has to carry a unit, or --unit says it.
    std::vector<Candidate> by_plain_word() const {
        std::vector<Candidate> chosen;
        std::set<std::string> subjects;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (roles_[i] != ColumnRole::none || !is_plain_memory_word(names_[i]) || memory_rank(names_[i], names_[i]) == kNotUsedMemory)
                continue;
            if (subjects.insert(memory_subject(names_[i])).second) chosen.push_back({i, names_[i], unit_if_none_, 2, {}, true});
        }
        return chosen;
    }

    // Numbers without any unit: Value beside Series and Time, legends without a metric's name, and the columns of a
    // table that Grafana wrote. They are read as bytes if they are so large that no other unit fits.
    std::vector<Candidate> by_value(Columns& columns) const {
        std::vector<std::size_t> numbers, values, legends;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (!is_numeric(i) || memory_rank(names_[i], names_[i]) == kNotUsedMemory) continue;
            if (sample_.rows.empty()) continue;
            numbers.push_back(i);
            if (is_value_word(names_[i])) values.push_back(i);
            if (header_[i].find('{') != std::string_view::npos && header_[i].find('=') != std::string_view::npos) legends.push_back(i);
        }
        std::vector<std::size_t> taken;
        if (!values.empty())
            taken = {values.front()};
        else if (!legends.empty())
            taken = legends;
        else if (!numbers.empty() && (!options_.unit.empty() || header_.front() == "Time"))
            taken = numbers;
        std::vector<Candidate> chosen;
        for (const std::size_t i : taken) chosen.push_back({i, names_[i], unit_of_value(i, columns), 2, {}, false});
        return chosen;
    }

    double unit_of_value(std::size_t i, Columns& columns) const {
        constexpr double kMinBytesValue = 1e6;
        if (unit_if_none_ != 0) return unit_if_none_;
        // Values of many metrics: the name beside each has the unit, or it is in bytes.
        if (std::find(roles_.begin(), roles_.end(), ColumnRole::metric) != roles_.end()) return 1;
        for (std::size_t column = 0; column < names_.size(); ++column) {  // CloudWatch: Unit = Bytes
            if (names_[column] != "unit" || sample_.rows.empty() || column >= sample_.rows[0].size()) continue;
            const std::string_view said = sample_.rows[0][column];
            const auto unit = unit_by_name(said);
            if (unit) return *unit;
            throw Error(ErrorKind::input, place_,
                        fmt::format("the column 'unit' says '{}', which is not a unit of memory", printable(said)),
                        "export the memory in bytes");
        }
        std::vector<double> values;
        for (const auto& row : sample_.rows)
            if (i < row.size())
                if (const auto value = parse_written_number(row[i], DecimalMark::point)) values.push_back(*value);
        std::sort(values.begin(), values.end());
        if (values.empty() || values[values.size() / 2] < kMinBytesValue)
            throw Error(ErrorKind::input, place_,
                        fmt::format("column '{}' has no unit, and its values are too small for bytes", printable(header_[i])),
                        "--unit kib, mib or gib");
        columns.notes.push_back(
            fmt::format("column '{}' has no unit: its values are taken as bytes (--unit kib if not)", printable(header_[i])));
        return 1;
    }

    Error nothing_found() const {
        const auto unused = std::find_if(known_.begin(), known_.end(), [](const Candidate& c) { return c.rank == kNotUsedMemory; });
        if (unused != known_.end())
            return {ErrorKind::input, place_,
                    fmt::format("column '{}' is not memory in use, and no other column is", printable(names_[unused->index])),
                    fmt::format("--metric {} judges it nevertheless", printable(names_[unused->index]))};
        for (const std::string& name : names_) {
            if (const auto unit = after_memory_word(name))
                return {ErrorKind::input, place_, fmt::format("column '{}': '{}' is not a known unit", printable(name), printable(*unit)),
                        fmt::format("bytes, kib, mib or gib; or --metric {} and --unit", printable(name))};
        }
        return {ErrorKind::input, place_, fmt::format("no column of memory among {}", list_of(names_)),
                "name it NAME_bytes, NAME_kib or NAME_mib, or choose one with --metric and --unit"};
    }

    // --metric: one series, the sum of the columns that it names.
    void put_sum(Columns& columns) const {
        std::vector<MemoryColumn> sum(names_.size());
        for (const std::string_view part : split(options_.metric, '+')) {
            const std::string wanted = column_name(part);
            const auto found = std::find_if(known_.begin(), known_.end(), [&](const Candidate& column) {
                return column.metric == wanted || names_[column.index] == wanted;
            });
            const auto plain = std::find(names_.begin(), names_.end(), wanted);
            if (found == known_.end() && plain == names_.end())
                throw Error(ErrorKind::usage, "--metric",
                            fmt::format("{} has no column '{}'{}", place_, printable(wanted), did_you_mean_text(wanted, names_)),
                            fmt::format("its columns are {}", list_of(names_)));
            const std::size_t index = found != known_.end() ? found->index : static_cast<std::size_t>(plain - names_.begin());
            columns.roles[index] = ColumnRole::memory;
            sum[index] = {found != known_.end() ? found->bytes : unit_if_none_, 0, false, found != known_.end() ? found->metric : wanted};
        }
        for (std::size_t i = 0; i < names_.size(); ++i)
            if (columns.roles[i] == ColumnRole::memory) columns.memory.push_back(sum[i]);
        columns.series = {""};
    }

    // As the header writes it; "" in quotes is one quote.
    std::string series_name(std::size_t i) const {
        std::string name(header_[i]);
        for (std::size_t at = name.find("\"\""); at != std::string::npos; at = name.find("\"\"", at + 1)) name.erase(at, 1);
        return printable(name.empty() ? fmt::format("column {}", i + 1) : name);
    }

    const std::vector<std::string_view>& header_;
    const std::vector<std::string>& names_;
    const std::vector<ColumnRole>& roles_;
    const CellSample& sample_;
    const SeriesReadOptions& options_;
    const std::string& place_;
    double unit_if_none_ = 0;
    std::vector<Candidate> known_;
};

}  // namespace

bool is_row_of_values(const std::vector<std::string_view>& cells) {
    return std::all_of(cells.begin(), cells.end(), [](std::string_view cell) {
        return parse_written_number(cell, DecimalMark::point) || parse_written_number(cell, DecimalMark::comma) || parse_table_time(cell) ||
               parse_clock_time(cell);
    });
}

bool is_csv_with_time(std::string_view head, std::size_t least_cells) {
    constexpr std::size_t kFirst = 5;
    std::size_t seen = 0;
    for (const std::string_view line : split(head, '\n')) {
        if (trim(line).empty()) continue;
        if (++seen > kFirst) break;
        // "2024-06-07 12:30:00,123 INFO ...": a log's comma is no separator.
        constexpr std::size_t kSecond = 19, kMillisecond = 23;
        const bool log = line.size() > kMillisecond && line[kSecond] == ',' && line[kMillisecond] == ' ' &&
                         parse_table_time(line.substr(0, kMillisecond));
        if (log || trim(line).starts_with('{')) continue;
        const std::vector<std::string_view> cells = cells_of(without_return(line), separator_of(line));
        if (cells.size() < least_cells) continue;
        const bool time = std::any_of(cells.begin(), cells.end(), [](std::string_view cell) {
            return cell_kind(cell) == CellKind::time || seconds_in_time_column(column_name(cell)).has_value();
        });
        if (time) return true;
    }
    return false;
}

std::string time_hint() { return "name it unix_ms, unix_s, t_s, seconds, or time with ISO 8601 values; or give --interval 10s"; }

std::string unit_hint(const std::string& column) {
    return fmt::format("name it {0}_bytes, {0}_kib or {0}_mib, or give --unit", printable(column));
}

std::optional<std::vector<std::string_view>> header_by_cells(const CellSample& sample, bool needs_time) {
    std::vector<std::string_view> header(sample.width());
    bool has_time = false, has_name = false;
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < header.size(); ++i) {
        constexpr double kNearlyAll = .8;
        if (!has_time && sample.share(i, CellKind::time) >= kNearlyAll) {
            header[i] = "time";
            has_time = true;
        } else if (sample.share(i, CellKind::size) >= kNearlyAll) {
            sizes.push_back(i);
        } else if (!has_name && sample.share(i, CellKind::text) >= kNearlyAll) {
            header[i] = "name";
            has_name = true;
        }
    }
    if (sizes.empty() || (needs_time && !has_time)) return std::nullopt;
    // docker stats writes memory in MiB and traffic in MB.
    std::vector<std::size_t> binary;
    for (const std::size_t i : sizes)
        if (i < sample.rows[0].size() && sample.rows[0][i].find("iB") != std::string_view::npos) binary.push_back(i);
    if (binary.size() == 1) sizes = binary;
    if (sizes.size() > 1) return std::nullopt;
    header[sizes[0]] = "memory";
    return header;
}

namespace {

// "servers.api.rss,2024-06-07 12:30:00,201061411", or "1717763400 4242 195404 api" in one cell: no title is a number or a time.
bool begins_with_values(const std::vector<std::string_view>& header) {
    const std::vector<std::string_view> words = header.size() == 1 ? words_of(header[0]) : header;
    const auto values = std::count_if(words.begin(), words.end(), [](std::string_view word) { return is_row_of_values({word}); });
    return words.size() > 1 && 2 * static_cast<std::size_t>(values) >= words.size();
}

}  // namespace

Columns columns_of(const std::vector<std::string_view>& header, const CellSample& sample, const SeriesReadOptions& options,
                   const std::string& place) {
    if (is_row_of_values(header) || begins_with_values(header)) {
        throw Error(ErrorKind::input, place,
                    fmt::format("no header: the first line is '{}'", printable(fmt::format("{}", fmt::join(header, ",")).substr(0, 60))),
                    header.size() == 1 && header[0].find(' ') != std::string_view::npos
                        ? "name its columns, and separate them by commas: (echo t_s,pid,rss_kib; tr -s ' ' , <FILE) | leakline trend -"
                        : "put a line such as t_s,rss_bytes before it");
    }
    std::vector<std::string> names;
    for (const std::string_view cell : header) names.push_back(column_name(cell));

    Columns columns;
    columns.roles.assign(names.size(), ColumnRole::none);
    put_time(columns, names, sample);
    put_known_labels(columns, names, sample);
    // The column named by --metric is memory, whatever its name.
    for (const std::string_view part : split(options.metric, '+'))
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names[i] == column_name(part) && columns.roles[i] != ColumnRole::time) columns.roles[i] = ColumnRole::none;
    MemoryChoice(header, names, columns.roles, sample, options, place).choose(columns);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (columns.roles[i] != ColumnRole::none || columns.has_requests || !is_request_count(names[i])) continue;
        columns.has_requests = true;
        columns.roles[i] = ColumnRole::requests;
    }
    if (!columns.has_time && names.front().empty() && columns.roles.front() == ColumnRole::none && !options.interval_s) {
        columns.has_time = true;
        columns.roles.front() = ColumnRole::time;
        columns.time_form = TimeForm::unnamed;
    }
    if (!columns.has_time && !options.interval_s) {
        throw Error(ErrorKind::input, place, fmt::format("no column of time among {}", list_of(names)), time_hint());
    }
    for (const ColumnRole role : columns.roles) {
        columns.has_labels = columns.has_labels || role == ColumnRole::label || role == ColumnRole::metric;
        columns.has_metric = columns.has_metric || role == ColumnRole::metric;
    }
    if (!columns.has_labels && !columns.has_process) put_unknown_label(columns, header, sample);
    while (columns.roles.back() == ColumnRole::none) columns.roles.pop_back();
    return columns;
}

bool settle_time_form(Columns& columns, std::string_view first_value, std::optional<double> number) {
    if (columns.time_form != TimeForm::by_value && columns.time_form != TimeForm::unnamed) return true;
    if (!number) {
        const bool elapsed = parse_elapsed(first_value).has_value();
        if (elapsed && (columns.counts_elapsed || !parse_clock_time(first_value)))
            columns.time_form = TimeForm::elapsed;
        else if (parse_clock_time(first_value))
            columns.time_form = TimeForm::clock;
        else if (parse_table_time(first_value))
            columns.time_form = TimeForm::iso;
        else if (parse_slash_date(first_value, columns.date_order))
            columns.time_form = TimeForm::slash_date;
        else
            columns.time_form = parse_date_words(first_value) ? TimeForm::date_words : TimeForm::iso;
        return true;
    }
    if (parse_compact_date(first_value)) {
        columns.time_form = TimeForm::compact;
        return true;
    }
    constexpr double kNoCount = 1e8;  // as seconds since the epoch: 1973
    if (columns.time_form == TimeForm::unnamed && *number < kNoCount) return false;
    columns.time_form = TimeForm::number;
    // Seconds since the epoch have 10 digits from 2001 to 2286; each finer unit has three more.
    columns.seconds_per_unit = *number >= 1e17 ? 1e-9 : *number >= 1e14 ? 1e-6 : *number >= 1e11 ? 1e-3 : 1;
    return true;
}

}  // namespace leakline::memory
