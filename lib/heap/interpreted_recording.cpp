#include "heap/interpreted_recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "heap/fields.hpp"
#include "heap/interpreted_records.hpp"
#include "heap/ledger.hpp"
#include "heap/newlines.hpp"

namespace leakline::heap {

namespace {
constexpr std::uint64_t kOldestFormat = 1, kNewestFormat = 3, kFormatOneOldName = 0x010200;
constexpr std::uint64_t kLongestRun = std::uint64_t{1} << 31;  // of events without a fold: counts of 32 bits suffice
}  // namespace

InterpretedRecording::InterpretedRecording(Options options, HeapProfile& profile)
    : options_(std::move(options)),
      profile_(profile),
      marks_(profile.marks),
      schedule_(options_.mark_interval, options_.max_marks) {
    profile_.ips.push_back({});
    profile_.traces.push_back({IpId{1}, TraceId{}});
}

void InterpretedRecording::take(std::string_view lines) {
    const char* line = lines.data();
    const char* const end = line + lines.size();
    for (const char* block = line; block < end; block += 64) {
        std::uint64_t mask = newlines_of(block);
        if (end - block < 64) mask &= (std::uint64_t{1} << (end - block)) - 1;
        for (; mask != 0; mask &= mask - 1) {
            const char* stop = block + std::countr_zero(mask);
            ++lines_;
            if (*line == '+' || *line == '-') event(line, stop);
            else other_line({line, static_cast<std::size_t>(stop - line)});
            line = stop + 1;
        }
    }
    if (events_ - events_at_fold_ > kLongestRun) fold_infos();
}

// Branches here depend on what is rare; allocation or free, which is anybody's guess, is arithmetic.
inline void InterpretedRecording::event(const char* line, const char* end) {
    std::uint64_t index;
    if (line[1] != ' ' || !parse_hex(line + 2, end, index) || index >= infos_.size()) [[unlikely]]
        return damaged({line, static_cast<std::size_t>(end - line)});
    const std::uint32_t plus = static_cast<std::uint32_t>(*line >> 1) & 1;  // '+' is 0x2b, '-' is 0x2d
    Info& info = infos_[index];
    if ((info.live | plus) == 0) [[unlikely]]
        return damaged({line, static_cast<std::size_t>(end - line)});
    const std::uint64_t minus = std::uint64_t{plus} - 1;  // all ones for a free
    ++events_;
    last_tick_ = false;
    changed_[index] = 1;
    if (info.peak_number != peak_number_) {
        info.peak_number = peak_number_;
        info.peak_live = info.live;
    }
    info.live += 2 * plus - 1;
    info.allocations += plus;
    total_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(total_) + ((info.size ^ minus) - minus));
    if (total_ > peak_) {
        peak_ = total_;
        profile_.peak_at = now_;
        if (++peak_number_ == 0) [[unlikely]]
            renumber_peaks();
    }
}

void InterpretedRecording::damaged(std::string_view line) {
    last_tick_ = false;
    profile_.damage.add(fmt::format("{}:{}", options_.name, lines_),
                        fmt::format("'{}' is no record, or refers to one that is not there; skipped",
                                    printable(line.substr(0, 60))));
}

void InterpretedRecording::left_out() {
    profile_.damage.add(fmt::format("{}: near line {}", options_.name, lines_),
                        "a line of more than 1 MiB; skipped to its end");
}

void InterpretedRecording::other_line(std::string_view line) {
    if (line.empty()) return;
    if (line[0] == '#') {
        trailer_ = trailer_ || line.starts_with("# strings: ");
        return;
    }
    last_tick_ = line[0] == 'c' || line[0] == 'R';
    if (!record(line)) damaged(line);
}

bool InterpretedRecording::record(std::string_view line) {
    Fields fields(line);
    std::uint64_t number, version;
    switch (line[0]) {
        case 's': {
            const auto text = format_ >= 3 ? fields.sized_string() : fields.rest();
            profile_.strings.emplace_back(text.value_or(std::string_view{}));  // the place is taken even so
            return text.has_value();
        }
        case 'i': {
            InstructionPointer ip;
            const bool good = parse_ip_record(line, profile_.strings.size(), ip, profile_.frames);
            profile_.ips.push_back(ip);
            return good;
        }
        case 't': return trace_record(line);
        case 'a': return info_record(line);
        case 'c':
            if (!fields.hex(number) || number > std::uint64_t{1} << 42) return false;
            take_due_marks();  // of the tick before, whose RSS did not come
            now_ = std::max<Nanoseconds>(now_, std::chrono::milliseconds(number));
            return true;
        case 'R':
            if (!fields.hex(number) || number > std::uint64_t{1} << 42) return false;
            resident(number * page_size_);
            return true;
        case 'v':
            if (!fields.hex(version)) return false;
            if (!fields.hex(number)) number = version == kFormatOneOldName ? 1 : 0;
            if (number < kOldestFormat || number > kNewestFormat) {
                throw Error(ErrorKind::input, options_.name,
                            fmt::format("heaptrack format {}; this build reads {} to {}", number, kOldestFormat,
                                        kNewestFormat),
                            "record with a heaptrack that writes format 3, or with `leakline record`");
            }
            format_ = number;
            profile_.source = fmt::format("heaptrack {}.{}.{} (format {})", version >> 16 & 0xff, version >> 8 & 0xff,
                                          version & 0xff, number);
            return true;
        case 'X': profile_.command = fields.rest(); return true;
        case 'I':
            if (!fields.hex(number) || number == 0 || number > Bytes{1} << 30) return false;
            page_size_ = number;
            return true;
        case 'A': profile_.attached = true; return true;
        case 'S': return true;
        default: return false;
    }
}

bool InterpretedRecording::trace_record(std::string_view line) {
    Fields fields(line);
    std::uint32_t ip, parent;
    const bool good = fields.hex32(ip) && ip < profile_.ips.size() && fields.hex32(parent) &&
                      parent < profile_.traces.size();
    profile_.traces.push_back(good ? TraceNode{IpId{ip + 1}, TraceId{parent == 0 ? 0 : parent + 1}}
                                   : profile_.traces[0]);
    return good;
}

bool InterpretedRecording::info_record(std::string_view line) {
    Fields fields(line);
    std::uint64_t size;
    std::uint32_t trace;
    const bool good = fields.hex(size) && size < kLargestBlock && fields.hex32(trace) && trace < profile_.traces.size();
    if (!good) size = trace = 0;
    if (site_of_trace_.size() <= trace) site_of_trace_.resize(profile_.traces.size(), 0);
    std::uint32_t& site = site_of_trace_[trace];
    if (site == 0) {
        sites_.push_back({{}, trace + 1, false});
        site = static_cast<std::uint32_t>(sites_.size());
    }
    Info info;
    info.size = size;
    info.site = site - 1;
    info.peak_number = peak_number_;
    infos_.push_back(info);
    if (changed_.size() < infos_.size() + 8) changed_.resize(std::max<std::size_t>(1024, infos_.size() * 2), 0);
    return good;
}

void InterpretedRecording::resident(Bytes bytes) {
    resident_ = bytes;
    if (rss_ticks_.take(now_)) profile_.rss.push_back({now_, bytes});
    if (!started_mark_) {
        started_mark_ = true;
        HeapMark mark;
        mark.kind = HeapMark::Kind::start;
        mark.rss = bytes;
        marks_.add(std::move(mark));
    }
    take_due_marks();
}

void InterpretedRecording::take_due_marks() {
    if (now_ == Nanoseconds::zero() || !schedule_.due(now_)) return;
    schedule_.take(now_);
    mark(HeapMark::Kind::interval);
}

void InterpretedRecording::mark(HeapMark::Kind kind) {
    if (!std::exchange(started_mark_, true)) {
        HeapMark start;
        start.kind = HeapMark::Kind::start;
        marks_.add(std::move(start));
    }
    fold_infos();
    HeapMark mark;
    mark.kind = kind;
    mark.at = now_;
    mark.rss = resident_;
    mark.changes.reserve(changed_sites_.size());
    for (const std::uint32_t index : changed_sites_) {
        sites_[index].changed = false;
        mark.changes.push_back({TraceId{sites_[index].trace}, sites_[index].cost});
    }
    changed_sites_.clear();
    std::sort(mark.changes.begin(), mark.changes.end(),
              [](const HeapMark::Change& a, const HeapMark::Change& b) { return a.trace < b.trace; });
    if (marks_.add(std::move(mark))) schedule_.slow_down();
}

// Adds what the infos have counted since the last time to their traces.
void InterpretedRecording::fold_infos() {
    events_at_fold_ = events_;
    for (std::size_t word = 0; word < infos_.size(); word += 8) {
        std::uint64_t flags;
        std::memcpy(&flags, changed_.data() + word, 8);
        if (flags == 0) continue;
        for (std::size_t i = word; i < std::min(word + 8, infos_.size()); ++i) {
            if (changed_[i] == 0) continue;
            Info& info = infos_[i];
            Site& site = sites_[info.site];
            const std::int64_t blocks = static_cast<std::int64_t>(info.live) - info.live_at_mark;
            site.cost.allocations += info.allocations;
            site.cost.allocated_bytes += info.allocations * info.size;
            site.cost.live_blocks += blocks;
            site.cost.live_bytes = static_cast<std::int64_t>(static_cast<std::uint64_t>(site.cost.live_bytes) +
                                                             static_cast<std::uint64_t>(blocks) * info.size);
            info.allocations = 0;
            info.live_at_mark = info.live;
            if (!std::exchange(site.changed, true)) changed_sites_.push_back(info.site);
        }
        std::memset(changed_.data() + word, 0, 8);
    }
}

// After 2^32 peaks the numbers start again: every info then says what it held at the newest.
void InterpretedRecording::renumber_peaks() {
    for (Info& info : infos_) {
        info.peak_live = info.live;
        info.peak_number = 0;
    }
}

void InterpretedRecording::fill_peak() {
    profile_.peak_bytes = static_cast<Bytes>(peak_);
    profile_.peak.assign(profile_.traces.size(), {});
    for (const Info& info : infos_) {
        const std::uint32_t live = info.peak_number == peak_number_ ? info.peak_live : info.live;
        TraceCost& cost = profile_.peak[sites_[info.site].trace - 1];
        cost.live_blocks += live;
        cost.live_bytes =
            static_cast<std::int64_t>(static_cast<std::uint64_t>(cost.live_bytes) + std::uint64_t{live} * info.size);
    }
}

void InterpretedRecording::finish(std::string_view rest) {
    if (!rest.empty()) {
        torn_ = true;
        ++lines_;
        profile_.damage.add(fmt::format("{}:{}", options_.name, lines_), "the last line is torn; skipped");
    }
    mark(HeapMark::Kind::finish);
    fill_peak();
    profile_.events = events_;
    profile_.duration = now_;
}

}  // namespace leakline::heap
