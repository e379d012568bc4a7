#include "system/procfs.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/strings.hpp"

namespace leakline {

namespace {

std::string_view next_word(std::string_view& text) {
    const std::size_t begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return text = {};
    std::size_t end = text.find_first_of(" \t\n", begin);
    if (end == std::string_view::npos) end = text.size();
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

template <typename Number>
std::optional<Number> number(std::string_view word, int base = 10) {
    Number value{};
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
    return value;
}

// Calls field(name, bytes) for every line "Name:   123 kB"; other lines are not ours.
template <typename Field>
void for_each_kib_line(std::string_view text, Field field) {
    constexpr std::uint64_t kMaximum = std::numeric_limits<std::uint64_t>::max() / 1024;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        std::string_view rest = line.substr(colon + 1);
        const auto value = number<std::uint64_t>(next_word(rest));
        if (!value || *value > kMaximum || next_word(rest) != "kB") continue;
        field(line.substr(0, colon), *value * 1024);
    }
}

}  // namespace

Bytes page_size() {
    static const auto size = static_cast<Bytes>(::sysconf(_SC_PAGESIZE));
    return size;
}

std::optional<Statm> parse_statm(std::string_view text) {
    const auto size = number<std::uint64_t>(next_word(text));
    const auto resident = number<std::uint64_t>(next_word(text));
    const auto shared = number<std::uint64_t>(next_word(text));
    if (!size || !resident || !shared) return std::nullopt;
    // No address space has more than 2^57 bytes, 2^45 pages: larger numbers are not from statm.
    if ((*size | *resident | *shared) >> 45 != 0) return std::nullopt;
    return Statm{*size * page_size(), *resident * page_size(), *shared * page_size()};
}

std::optional<SmapsRollup> parse_smaps_rollup(std::string_view text) {
    SmapsRollup rollup;
    for_each_kib_line(text, [&](std::string_view name, Bytes bytes) {
        if (name == "Rss")
            rollup.rss = bytes;
        else if (name == "Pss")
            rollup.pss = bytes;
        else if (name == "Pss_Shmem")
            rollup.pss_shmem = bytes;
        else if (name == "Private_Clean")
            rollup.private_clean = bytes;
        else if (name == "Private_Dirty")
            rollup.private_dirty = bytes;
        else if (name == "Anonymous")
            rollup.anonymous = bytes;
        else if (name == "Swap")
            rollup.swap = bytes;
    });
    if (!rollup.rss) return std::nullopt;
    return rollup;
}

std::optional<ProcessStat> parse_stat(std::string_view text) {
    const std::size_t open = text.find('('), close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
    ProcessStat stat;
    std::string_view before = text.substr(0, open);
    const auto pid = number<int>(next_word(before));
    if (!pid) return std::nullopt;
    stat.pid = *pid;
    stat.comm = std::string(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
    // Fields from 3 on (proc(5)): state, ppid, ..., 14 utime, stime, cutime, cstime, ..., 20 num_threads, 21 itrealvalue,
    // 22 starttime. cutime and cstime are signed there.
    const std::string_view state = next_word(text);
    const auto parent = number<int>(next_word(text));
    if (state.size() != 1 || !parent) return std::nullopt;
    stat.state = state[0];
    stat.parent = *parent;
    for (int field = 5; field < 20; ++field) {
        const std::string_view word = next_word(text);
        if (field < 14 || field > 17) continue;
        const std::uint64_t ticks = std::min(number<std::uint64_t>(word).value_or(0), std::uint64_t{1} << 48);  // a sum cannot overflow
        (field < 16 ? stat.cpu_ticks : stat.waited_cpu_ticks) += ticks;
    }
    const auto threads = number<std::uint64_t>(next_word(text));
    next_word(text);
    const auto start = number<std::uint64_t>(next_word(text));
    if (!threads || !start) return std::nullopt;
    stat.threads = *threads;
    stat.start_ticks = *start;
    next_word(text);  // 23 vsize
    stat.resident = number<std::uint64_t>(next_word(text)).value_or(0) * page_size();
    for (int field = 25; field < 28; ++field) next_word(text);
    stat.stack_start = number<std::uint64_t>(next_word(text)).value_or(0);
    return stat;
}

std::optional<ProcessStatus> parse_status(std::string_view text) {
    ProcessStatus status;
    bool any = false;
    for_each_kib_line(text, [&](std::string_view name, Bytes bytes) {
        any = true;
        if (name == "RssAnon")
            status.rss_anonymous = bytes;
        else if (name == "RssFile")
            status.rss_file = bytes;
        else if (name == "RssShmem")
            status.rss_shmem = bytes;
        else if (name == "VmSwap")
            status.swap = bytes;
    });
    if (!any) return std::nullopt;
    return status;
}

std::optional<std::string_view> status_value(std::string_view text, std::string_view name) {
    for (const std::string_view line : split(text, '\n'))
        if (line.starts_with(name) && line.substr(name.size()).starts_with(':')) return trim(line.substr(name.size() + 1));
    return std::nullopt;
}

// "232 0x4 0x7ffd... (six arguments) stack ip", or "running".
std::optional<WaitingCall> parse_waiting_call(std::string_view text) {
    const auto words = split(trim(text), ' ');
    if (words.size() != 9) return std::nullopt;
    std::array<std::uint64_t, 8> values{};
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::string_view word = words[i + 1];
        if (word.starts_with("0x")) word.remove_prefix(2);
        const auto value = number<std::uint64_t>(word, 16);
        if (!value) return std::nullopt;
        values[i] = *value;
    }
    const auto made = number<long>(words[0]);
    if (!made || *made < 0) return std::nullopt;
    WaitingCall waiting;
    waiting.number = *made;
    std::copy_n(values.begin(), waiting.arguments.size(), waiting.arguments.begin());
    waiting.stack = values[6];
    waiting.instruction = values[7];
    return waiting;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    text = trim(text);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

}  // namespace leakline
