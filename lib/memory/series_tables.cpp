#include "memory/internal/series_tables.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/ascii.hpp"
#include "memory/internal/series_text.hpp"
#include "system/child_process.hpp"

namespace leakline::memory {

namespace {

using Words = std::vector<std::string_view>;

std::optional<std::size_t> at(const Words& words, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        const auto found = std::find(words.begin(), words.end(), name);
        if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
    }
    return std::nullopt;
}

bool is_integer(std::string_view word) { return !word.empty() && std::all_of(word.begin(), word.end(), is_digit); }
bool is_decimal(std::string_view word) { return parse_number(word) && word.find('.') != std::string_view::npos; }

//   PID   RSS     ELAPSED CMD     USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND     ... RSS  %MEM  Command
std::optional<TableColumns> ps_header(const Words& words) {
    const auto rss = at(words, {"RSS", "RSZ"});
    if (!rss || at(words, {"PSS"})) return std::nullopt;
    TableColumns columns;
    columns.memory = *rss;
    columns.pid = at(words, {"PID"});
    columns.elapsed = at(words, {"ELAPSED"});
    columns.command = at(words, {"COMMAND", "CMD", "Command", "COMM"});
    // A column RSS alone may be a CSV's.
    return columns.pid || columns.elapsed || columns.command ? std::optional(columns) : std::nullopt;
}

// root       24126  0.0  0.0  76000  5640 ?        Ss   08:13   0:00 nginx: master process
std::optional<TableColumns> ps_aux_row(const Words& words) {
    if (words.size() < 11 || !is_integer(words[1]) || !is_decimal(words[2]) || !is_decimal(words[3]) || !is_integer(words[4]) ||
        !is_integer(words[5]) || std::string_view("DIRSTtXZWU").find(words[7][0]) == std::string_view::npos ||
        words[9].find(':') == std::string_view::npos) {
        return std::nullopt;
    }
    TableColumns columns;
    columns.memory = 5;
    columns.pid = 1;
    columns.command = 10;
    return columns;
}

//     PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND
std::optional<TableColumns> top_header(const Words& words) {
    const auto res = at(words, {"RES"}), pid = at(words, {"PID"});
    if (!res || !pid) return std::nullopt;
    TableColumns columns;
    columns.memory = *res;
    columns.pid = pid;
    columns.command = at(words, {"COMMAND", "Command"});
    columns.other_lines = true;
    return columns;
}

//    7759 nginx     20   0  297260 126703   5428 S   0.0   0.5   0:14.13 nginx
std::optional<TableColumns> top_row(const Words& words) {
    if (words.size() < 12 || !is_integer(words[0]) || (!is_integer(words[2]) && words[2] != "rt") || !parse_number(words[3]) ||
        words[7].size() != 1 || !is_letter(words[7][0]) || words[10].find(':') == std::string_view::npos) {
        return std::nullopt;
    }
    TableColumns columns;
    columns.memory = 5;
    columns.pid = 0;
    columns.command = 11;
    columns.other_lines = true;
    return columns;
}

// [NAMESPACE] NAME   CPU(cores)   MEMORY(bytes)       POD   NAME   CPU(cores)   MEMORY(bytes)
std::optional<TableColumns> kubectl_header(const Words& words) {
    const auto memory = at(words, {"MEMORY(bytes)"});
    if (!memory) return std::nullopt;
    TableColumns columns;
    columns.memory = *memory;
    columns.bytes_per_unit = 1;
    for (const std::string_view label : {"NAMESPACE", "POD", "NAME"})
        if (const auto found = at(words, {label})) columns.labels.push_back(*found);
    return columns;
}

//   PID User     Command                         Swap      USS      PSS      RSS
std::optional<TableColumns> smem_header(const Words& words) {
    const auto rss = at(words, {"RSS"}), pid = at(words, {"PID"});
    if (!rss || !pid || !at(words, {"PSS"})) return std::nullopt;
    TableColumns columns;
    columns.from_end = words.size() - *rss;
    columns.pid = pid;
    columns.labels = {};
    return columns;
}

//                total        used        free      shared  buff/cache   available
// Mem:           24105         467       21442           0        2502       23637
std::optional<TableColumns> free_header(const Words& words) {
    if (words.size() < 3 || words[0] != "total" || words[1] != "used" || words[2] != "free") return std::nullopt;
    TableColumns columns;
    columns.memory = 2;
    columns.bytes_per_unit = 0;
    columns.row_starts = "Mem:";
    columns.other_lines = true;
    return columns;
}

// kbmemfree   kbavail kbmemused  %memused kbbuffers  kbcached  kbcommit   %commit  kbactive   kbinact   kbdirty
std::optional<TableColumns> sar_header(const Words& words) {
    const auto used = at(words, {"kbmemused"});
    if (!used) return std::nullopt;
    TableColumns columns;
    columns.memory = *used;
    columns.other_lines = true;
    return columns;
}

constexpr std::array kLayouts = {TableLayout{"ps", ps_header, ps_aux_row},
                                 TableLayout{"top", top_header, top_row},
                                 TableLayout{"kubectl top", kubectl_header, nullptr},
                                 TableLayout{"smem", smem_header, nullptr},
                                 TableLayout{"free", free_header, nullptr},
                                 TableLayout{"sar -r", sar_header, nullptr}};

}  // namespace

std::span<const TableLayout> table_layouts() { return kLayouts; }

}  // namespace leakline::memory
