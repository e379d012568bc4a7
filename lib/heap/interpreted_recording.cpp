#include "heap/interpreted_recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "heap/byte_classes.hpp"
#include "heap/fields.hpp"
#include "heap/interpreted_records.hpp"
#include "heap/ledger.hpp"

namespace leakline::heap {

namespace {
constexpr std::uint64_t kOldestFormat = 1, kNewestFormat = 3, kFormatOneOldName = 0x010200;
constexpr std::uint64_t kLongestRun = std::uint64_t{1} << 31;  // of events without a fold: counts of 32 bits suffice
// Room for these is asked for at once: pages that are not used take no memory, and a table that has to move takes twice
// its memory while it does.
constexpr std::size_t kUsualInfos = std::size_t{1} << 21;
constexpr std::size_t kMostInfos = std::size_t{1} << 31;  // a batch entry has 31 bits for the index: 64 GiB of infos
}  // namespace

InterpretedRecording::InterpretedRecording(Options options, HeapProfile& profile)
    : options_(std::move(options)),
      profile_(profile),
      marks_(profile.marks),
      schedule_(options_.mark_interval, options_.max_marks) {
    infos_.reserve(kUsualInfos);
    profile_.ips.push_back({});
    profile_.traces.push_back({IpId{1}, TraceId{}});
}

// Nearly every line is "+ <hex>" or "- <hex>", so the digits are checked for a whole block at once: in a block of such
// lines, what is neither digit nor line end stands exactly in the first two places of a line.
//
//     block      4\n+ 1f\n- 20\n+ 3        newlines  .1....1....1...
//                                        expected  ..11...11...11.    = starts | starts << 1
void InterpretedRecording::take(std::string_view lines) {
    const char* line = lines.data();
    const char* const end = line + lines.size();
    Hot hot = hot_;
    Batch batch;
    std::size_t batched = 0;         // counted in registers, like
    std::uint64_t number = lines_;  // the lines
    const auto apply_batch = [&] {
        lines_ = number;
        apply(hot, batch, std::exchange(batched, 0));
    };
    std::uint64_t start_carried = 1, second_carried = 0;  // first and second place of a line, from the block before
    bool clean_before = true;                             // the block before was of such lines only
    for (const char* block = line; block < end; block += 64) {
        const ByteClasses classes = classify(block);
        std::uint64_t mask = classes.newlines;
        if (end - block < 64) mask &= (std::uint64_t{1} << (end - block)) - 1;
        const std::uint64_t starts = mask << 1 | start_carried;
        const std::uint64_t expected = starts | starts << 1 | second_carried;
        const bool clean = ~(classes.digits | classes.newlines) == expected;
        start_carried = mask >> 63;
        second_carried = starts >> 63;
        bool digits_known = clean && clean_before;  // of the line that came in from the block before
        for (; mask != 0; mask &= mask - 1) {
            const char* stop = block + std::countr_zero(mask);
            if (parse_event(hot, line, stop, digits_known, batch[batched])) [[likely]] {
                ++number;
                if (++batched == batch.size()) apply_batch();
            } else {
                apply_batch();
                lines_ = ++number;
                hot_ = hot;
                other_line({line, static_cast<std::size_t>(stop - line)});
                hot = hot_;
            }
            line = stop + 1;
            digits_known = clean;
        }
        clean_before = digits_known;
    }
    apply_batch();
    // What came last decides how complete the file is.
    if (!lines.empty()) {
        const std::size_t before = lines.substr(0, lines.size() - 1).rfind('\n');
        const char type = lines[before == std::string_view::npos ? 0 : before + 1];
        if (type == '+' || type == '-') last_tick_ = false;
    }
    hot_ = hot;
    if (hot_.events - events_at_fold_ > kLongestRun) fold_infos();
    if (hot_.peak_number > kLongestRun) renumber_peaks();
}

// False for what is no event, or one that cannot be. digits_known: all behind the first two characters are digits.
inline bool InterpretedRecording::parse_event(const Hot& hot, const char* line, const char* end, bool digits_known,
                                              std::uint32_t& entry) {
    const auto digits = static_cast<std::size_t>(end - line) - 2;
    if ((*line != '+' && *line != '-') || line[1] != ' ') [[unlikely]]
        return false;
    std::uint64_t index;
    if (digits_known && digits - 1 < 4) [[likely]] {
        index = convert_short_hex(end, static_cast<unsigned>(digits));
    } else if (!parse_hex(line + 2, end, index)) {
        return false;
    }
    if (index >= hot.count) [[unlikely]]
        return false;
    __builtin_prefetch(hot.infos + index, 1);
    const auto plus = static_cast<std::uint32_t>(*line >> 1) & 1;  // '+' is 0x2b, '-' is 0x2d
    entry = static_cast<std::uint32_t>(index) << 1 | plus;
    return true;
}

// What is rare is a branch; what is anybody's guess (allocation or free, a new peak or not) is arithmetic, since a branch
// would be mispredicted half of the time. lines_ is the line of the last entry.
inline void InterpretedRecording::apply(Hot& hot, const Batch& batch, std::size_t size) {
    hot.events += size;
    for (std::size_t i = 0; i < size; ++i) {
        const std::uint64_t index = batch[i] >> 1, plus = batch[i] & 1;
        Info& info = hot.infos[index];
        const auto live = static_cast<std::uint32_t>(info.counts);
        if ((live | plus) == 0) [[unlikely]] {
            --hot.events;
            profile_.damage.add(fmt::format("{}:{}", options_.name, lines_ - (size - 1 - i)),
                                fmt::format("'- {:x}' frees what is not live; skipped", index));
            continue;
        }
        hot.changed[index] = 1;
        // The first change after a peak: what it held until now is what it held at the peak.
        const std::uint64_t at_peak = hot.peak_number << 32 | live;
        info.peak = info.peak >> 32 == hot.peak_number ? info.peak : at_peak;
        info.counts += plus * (Info::kAllocation + 2) - 1;  // kAllocation + 1, or -1: no borrow, since it is live
        const std::uint64_t minus = plus - 1;               // all ones for a free
        hot.total += (info.size ^ minus) - minus;
        const bool higher = static_cast<std::int64_t>(hot.total) > static_cast<std::int64_t>(hot.peak);
        hot.peak = higher ? hot.total : hot.peak;
        hot.peak_number += higher;
    }
}

// A peak belongs to the tick before it.
void InterpretedRecording::date_peak() {
    if (hot_.peak_number == dated_peak_) return;
    dated_peak_ = hot_.peak_number;
    profile_.peak_at = now_;
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
    if (line[0] == '+' || line[0] == '-' || !record(line)) damaged(line);
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
            date_peak();
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
    if (infos_.size() == kMostInfos) return false;
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
    info.peak = hot_.peak_number << 32;
    infos_.push_back(info);
    hot_.infos = infos_.data();
    hot_.count = infos_.size();
    if (changed_.size() < infos_.size() + 8) changed_.resize(std::max<std::size_t>(1024, infos_.size() * 2), 0);
    hot_.changed = changed_.data();
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
    const auto add = [&](Site& site) {
        site.changed = false;
        mark.changes.push_back({TraceId{site.trace}, site.cost});
    };
    if (changed_sites_.size() > site_of_trace_.size() / 16) {  // many: a walk over all traces is cheaper than sorting
        for (const std::uint32_t site : site_of_trace_)
            if (site != 0 && sites_[site - 1].changed) add(sites_[site - 1]);
    } else {
        std::sort(changed_sites_.begin(), changed_sites_.end(),
                  [this](std::uint32_t a, std::uint32_t b) { return sites_[a].trace < sites_[b].trace; });
        for (const std::uint32_t index : changed_sites_) add(sites_[index]);
    }
    changed_sites_.clear();
    if (marks_.add(std::move(mark))) schedule_.slow_down();
}

// Adds what the infos have counted since the last time to their traces.
void InterpretedRecording::fold_infos() {
    events_at_fold_ = hot_.events;
    for (std::size_t word = 0; word < infos_.size(); word += 8) {
        std::uint64_t flags;
        std::memcpy(&flags, changed_.data() + word, 8);
        if (flags == 0) continue;
        for (std::size_t i = word; i < std::min(word + 8, infos_.size()); ++i) {
            if (changed_[i] == 0) continue;
            Info& info = infos_[i];
            Site& site = sites_[info.site];
            const std::uint64_t allocations = info.counts >> 32;
            const std::int64_t blocks = static_cast<std::int64_t>(info.live()) - info.live_at_mark;
            site.cost.allocations += allocations;
            site.cost.allocated_bytes += allocations * info.size;
            site.cost.live_blocks += blocks;
            site.cost.live_bytes = static_cast<std::int64_t>(static_cast<std::uint64_t>(site.cost.live_bytes) +
                                                             static_cast<std::uint64_t>(blocks) * info.size);
            info.counts = info.live_at_mark = info.live();
            if (!std::exchange(site.changed, true)) changed_sites_.push_back(info.site);
        }
        std::memset(changed_.data() + word, 0, 8);
    }
}

// Before the numbers of peaks could run out of their 32 bits, they start again: every info is told what it held at the
// newest peak.
void InterpretedRecording::renumber_peaks() {
    for (Info& info : infos_) {
        info.peak = info.live_at_peak(hot_.peak_number);
    }
    date_peak();
    hot_.peak_number = dated_peak_ = 0;
}

void InterpretedRecording::fill_peak() {
    profile_.peak_bytes = hot_.peak;
    profile_.peak.assign(profile_.traces.size(), {});
    for (const Info& info : infos_) {
        const std::uint32_t live = info.live_at_peak(hot_.peak_number);
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
    date_peak();
    profile_.events = hot_.events;
    profile_.duration = now_;
}

}  // namespace leakline::heap
