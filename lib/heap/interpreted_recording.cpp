#include "heap/internal/interpreted_recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "heap/internal/fields.hpp"
#include "heap/internal/interpreted_records.hpp"
#include "heap/internal/live_bytes.hpp"

namespace leakline::heap {

namespace {
constexpr std::uint64_t kOldestFormat = 1, kNewestFormat = 3, kFormatOneOldName = 0x010200;
constexpr std::uint64_t kLongestRun = std::uint64_t{1} << 30;  // of events without a fold: counts of 32 bits suffice
}  // namespace

InterpretedRecording::InterpretedRecording(Options options, HeapProfile& profile)
    : options_(std::move(options)), profile_(profile), marks_(profile.marks), schedule_(options_.mark_interval, options_.max_marks) {
    profile_.ips.push_back({});
    profile_.traces.push_back({IpId{1}, TraceId{}});
}

// Nearly every line is an event, so lines are taken for events until they turn out to be something else.
void InterpretedRecording::take(std::string_view lines) {
    const char* line = lines.data();
    const char* const end = line + lines.size();
    while (line != end && !another_) take_event_lines(line, end);
    if (another_) return;
    // What came last decides how complete the file is.
    if (!lines.empty()) {
        const std::size_t before = lines.substr(0, lines.size() - 1).rfind('\n');
        const char type = lines[before == std::string_view::npos ? 0 : before + 1];
        if (type == '+' || type == '-') last_tick_ = false;
    }
    if (counts_.events_to_take() > kLongestRun) fold_infos();
}

// A batch of events, or else at least the line that is none.
void InterpretedRecording::take_event_lines(const char*& line, const char* end) {
    const char* const start = line;
    const std::size_t count = event_lines_.gather(line, end, counts_.infos());
    if (count > 0 && event_lines_.convert(counts_.infos(), counts_.free_space())) {
        lines_ += count;
        apply(count);
        return;
    }
    line = start;
    for (std::size_t i = 0; i < std::max<std::size_t>(count, 1) && !another_; ++i) take_line(line, end);
}

void InterpretedRecording::take_line(const char*& line, const char* end) {
    const auto* stop = static_cast<const char*>(std::memchr(line, '\n', static_cast<std::size_t>(end - line)));
    const std::string_view text(line, static_cast<std::size_t>(stop - line));
    line = stop + 1;
    ++lines_;
    if (!event_record(text)) other_line(text);
}

// False for what is no event, or one that cannot be.
bool InterpretedRecording::event_record(std::string_view line) {
    if (line.empty() || (line[0] != '+' && line[0] != '-')) return false;
    Fields fields(line);
    std::uint64_t index;
    if (!fields.hex(index) || !fields.at_end() || index >= counts_.infos()) return false;
    *counts_.free_space() = static_cast<std::uint32_t>(index) << 1 | (line[0] == '+' ? 1 : 0);
    apply(1);
    return true;
}

// lines_ is the line of the last of them.
void InterpretedRecording::apply(std::size_t events) {
    for (const AllocationCounts::Refused& refused : counts_.apply(events))
        profile_.damage.add(fmt::format("{}:{}", options_.name, lines_ - (events - 1 - refused.place)),
                            fmt::format("'- {:x}' frees a block that is not live; skipped", refused.index));
}

// A peak belongs to the tick before it.
void InterpretedRecording::date_peak() {
    if (counts_.take_new_peak()) profile_.peak_at = now_;
}

void InterpretedRecording::damaged(std::string_view line) {
    last_tick_ = false;
    profile_.damage.add(fmt::format("{}:{}", options_.name, lines_),
                        fmt::format("'{}' is not a record, or refers to a missing one; skipped", printable(line.substr(0, 60))));
}

void InterpretedRecording::left_out() {
    ++lines_;
    profile_.damage.add(fmt::format("{}: near line {}", options_.name, lines_), "a line of more than 1 MiB; skipped to its end");
}

void InterpretedRecording::other_line(std::string_view line) {
    if (command_.takes(line, format_) || line.empty()) return;
    if (line[0] == '#') {
        trailer_ = trailer_ || line.starts_with("# strings: ");
        return;
    }
    const bool tick = line[0] == 'c' || line[0] == 'R';
    if (line[0] == '+' || line[0] == '-' || !record(line))
        damaged(line);
    else if (!another_)
        last_tick_ = tick;
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
            system_seen_ = true;
            if (!fields.hex(number) || number > std::uint64_t{1} << 42) return false;
            resident(number * page_size_);
            return true;
        case 'v':
            if (!fields.hex(version)) return false;
            if (counts_.events() > 0) {  // its tables begin anew: what follows would refer to other entries
                another_ = true;
                profile_.damage.add(fmt::format("{}:{}", options_.name, lines_), kAnother);
                return true;
            }
            if (!fields.hex(number)) {
                if (version != kFormatOneOldName)
                    throw Error(ErrorKind::input, options_.name,
                                fmt::format("its version cannot be read: '{}'", printable(line.substr(0, 60))),
                                "give the file as heaptrack wrote it");
                number = 1;
            }
            if (number < kOldestFormat || number > kNewestFormat) {
                throw Error(ErrorKind::input, options_.name,
                            fmt::format("heaptrack format {}; this build reads {} to {}", number, kOldestFormat, kNewestFormat),
                            "record with a heaptrack that writes format 3, or with `leakline record`");
            }
            format_ = number;
            profile_.source =
                fmt::format("heaptrack {}.{}.{} (format {})", version >> 16 & 0xff, version >> 8 & 0xff, version & 0xff, number);
            return true;
        case 'X': command_.start(fields.rest()); return true;
        case 'I':
            system_seen_ = true;
            if (!fields.hex(number) || number == 0 || number > Bytes{1} << 30) return false;
            page_size_ = number;
            return true;
        case 'A':
            if (line.size() > 1) return false;
            profile_.attached = true;
            return true;
        case 'S': add_suppression(line, profile_.suppressions); return true;
        default: return false;
    }
}

bool InterpretedRecording::trace_record(std::string_view line) {
    Fields fields(line);
    std::uint32_t ip, parent;
    const bool good = fields.hex32(ip) && ip < profile_.ips.size() && fields.hex32(parent) && parent < profile_.traces.size();
    profile_.traces.push_back(good ? TraceNode{IpId{ip + 1}, TraceId{parent == 0 ? 0 : parent + 1}} : profile_.traces[0]);
    return good;
}

bool InterpretedRecording::info_record(std::string_view line) {
    if (counts_.infos() == AllocationCounts::kMaxInfos) return false;
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
    counts_.add(size, site - 1);
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
    mark.overhead_bytes = overhead_;
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
    counts_.take_changes([this](std::uint32_t index, Bytes size, std::uint64_t allocations, std::int64_t blocks) {
        Site& site = sites_[index];
        site.cost.allocations += allocations;
        site.cost.allocated_bytes += allocations * size;
        site.cost.live_blocks += blocks;
        overhead_ += blocks * malloc_overhead(size);
        site.cost.live_bytes =
            static_cast<std::int64_t>(static_cast<std::uint64_t>(site.cost.live_bytes) + static_cast<std::uint64_t>(blocks) * size);
        if (!std::exchange(site.changed, true)) changed_sites_.push_back(index);
    });
}

void InterpretedRecording::fill_peak() {
    profile_.peak_bytes = counts_.peak_bytes();
    profile_.peak.assign(profile_.traces.size(), {});
    counts_.at_peak([this](std::uint32_t site, Bytes size, std::uint32_t blocks) {
        TraceCost& cost = profile_.peak[sites_[site].trace - 1];
        cost.live_blocks += blocks;
        cost.live_bytes = static_cast<std::int64_t>(static_cast<std::uint64_t>(cost.live_bytes) + std::uint64_t{blocks} * size);
    });
}

void InterpretedRecording::finish(std::string_view rest) {
    if (!rest.empty() && !another_ && is_export()) {
        // It may end without a line end. Fields reads the margins of what it is given.
        constexpr std::size_t kMargin = 64;
        std::string padded(kMargin, '\0');
        padded.append(rest).append("\n").append(kMargin, '\0');
        const std::string_view line(padded.data() + kMargin, rest.size());
        ++lines_;
        if (!event_record(line)) other_line(line);
    } else if (!rest.empty() && !another_) {
        torn_ = true;
        ++lines_;
        profile_.damage.add(fmt::format("{}:{}", options_.name, lines_), "the last line is truncated; skipped");
    }
    mark(HeapMark::Kind::finish);
    fill_peak();
    date_peak();
    profile_.command = command_.text();
    profile_.events = counts_.events();
    profile_.duration = now_;
}

}  // namespace leakline::heap
