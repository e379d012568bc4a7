#include "heap/internal/raw_recording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "heap/internal/byte_classes.hpp"
#include "heap/internal/fields.hpp"

namespace leakline::heap {

namespace {
constexpr std::uint64_t kNewestFormat = 3;
}

RawRecording::RawRecording(Options options, std::function<void(HeapMark)> on_mark)
    : options_(std::move(options)), on_mark_(std::move(on_mark)), schedule_(options_.mark_interval, options_.max_marks) {
    ip_of(0);
    traces_.push_back({IpId{1}, TraceId{}});
    live_bytes_.add_trace();
}

void RawRecording::take(std::string_view lines) {
    const char* at = lines.data();
    const char* const end = at + lines.size();
    while (at != end && !another_) {
        if (const std::size_t taken = events_in_.take(at, end, last_trace(), batch_.data() + batched_, kBatch - batched_)) {
            lines_ += taken;
            last_tick_ = false;
            for (std::size_t i = 0; i < taken; ++i) blocks_.prefetch(batch_[batched_ + i].address);
            batched_ += taken;
            if (batched_ == kBatch) apply_events();
            continue;
        }
        const auto* stop = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
        other_line({at, static_cast<std::size_t>(stop - at)});
        at = stop + 1;
    }
    apply_events();
}

void RawRecording::left_out() {
    ++lines_;
    damage_.add(fmt::format("{}:{}", options_.name, lines_), "no line end within 1 MiB; skipped to the next one");
}

void RawRecording::finish(std::string_view rest) {
    apply_events();
    if (!rest.empty() && started() && !another_) {
        torn_ = true;
        damage_.add(fmt::format("{}:{}", options_.name, lines_ + 1), "the last line is truncated; skipped");
    }
    for (MarkSchedule::Requested& requested : schedule_.take_remaining()) mark(std::move(requested));
    mark({HeapMark::Kind::finish, {}, {}, now_, {}, {}});
}

// A line that is no event; or one, but damaged.
void RawRecording::other_line(std::string_view text) {
    ++lines_;
    if (command_.takes(text, symbols_.format) || text.empty() || text[0] == '#') return;
    const char type = text[0];
    const bool good = other_record(type, text);
    if (another_) return;
    last_tick_ = type == 'c' || type == 'R';
    if (!good) {
        damage_.add(fmt::format("{}:{}", options_.name, lines_),
                    fmt::format("not a record of heaptrack's: '{}'; skipped", printable(text.substr(0, 60))));
    }
}

void RawRecording::apply_events() {
    for (std::size_t i = 0; i < batched_; ++i) {
        const RawEvent& event = batch_[i];
        LiveBlocks::Block block;
        if (event.trace == 0) {
            if (blocks_.remove(event.address, block)) {
                ++events_;
                live_bytes_.release(block.trace, block.size);
            }
            continue;  // else: from before the tracker was there
        }
        ++events_;
        // An address that is still live: a realloc in another thread has moved on, and its free comes too late.
        if (blocks_.insert(event.address, {event.size, event.trace}, block)) live_bytes_.release(block.trace, block.size);
        live_bytes_.allocate(event.trace, event.size, now_);
    }
    batched_ = 0;
}

bool RawRecording::other_record(char type, std::string_view text) {
    apply_events();
    Fields fields(text);
    std::uint64_t number, version;
    switch (type) {
        case 't': return trace_record(text);
        case 'm': return module_record(text);
        case 'c':
            if (!fields.hex(number) || number > std::uint64_t{1} << 42) return false;
            tick(std::chrono::milliseconds(number));
            return true;
        case 'R':
            if (!fields.hex(number) || number > std::uint64_t{1} << 42) return false;
            resident(number * page_size_);
            return true;
        case 'v':
            if (!fields.hex(version)) return false;
            if (events_ > 0) {  // its traces are counted anew: what follows would refer to other ones
                another_ = true;
                damage_.add(fmt::format("{}:{}", options_.name, lines_), kAnother);
                return true;
            }
            symbols_.heaptrack_version = version;
            if (!fields.hex(number)) return false;
            if (number > kNewestFormat) {
                throw Error(ErrorKind::input, options_.name,
                            fmt::format("heaptrack format {}; this build reads 1 to {}", number, kNewestFormat),
                            "record with `leakline record`, or with a heaptrack that writes format 3");
            }
            symbols_.format = number;
            return true;
        case 'x': {
            const auto path = symbols_.format >= 3 ? fields.sized_string() : fields.rest();
            if (!path) return false;
            symbols_.executable = *path;
            return true;
        }
        case 'X': command_.start(fields.rest()); return true;
        case 'I':
            if (!fields.hex(number) || number == 0 || number > Bytes{1} << 30) return false;
            page_size_ = number;
            return true;
        case 'A':
            if (text.size() > 1) return false;
            attached_ = true;
            return true;
        case 'S': add_suppression(text, suppressions_); return true;
        default: return false;
    }
}

bool RawRecording::trace_record(std::string_view text) {
    Fields fields(text);
    std::uint64_t address;
    std::uint32_t parent;
    const bool good = fields.hex(address) && fields.hex32(parent) && parent < last_trace();
    // Later records count traces: the place is taken even by one that cannot be read.
    traces_.push_back(good ? TraceNode{ip_of(address), TraceId{parent == 0 ? 0 : parent + 1}} : traces_[0]);
    live_bytes_.add_trace();
    return good;
}

IpId RawRecording::ip_of(std::uint64_t address) {
    const auto [place, inserted] = ip_ids_.try_emplace(address, static_cast<std::uint32_t>(ip_ids_.size() + 1));
    if (inserted) {
        // A table is kept only where an address was first seen under it: a service that opens and closes a plugin for
        // every request sends its modules as often, and names nothing new.
        if (modules_changed_) {
            modules_changed_ = false;
            symbols_.modules.push_back({static_cast<std::uint32_t>(symbols_.addresses.size()), module_lines_});
        }
        symbols_.addresses.push_back(address);
    }
    return IpId{place->second};
}

bool RawRecording::module_record(std::string_view text) {
    Fields fields(text);
    const auto name = symbols_.format >= 3 ? fields.sized_string() : fields.word();
    if (!name) return false;
    if (*name == "-") {
        module_lines_.clear();
    } else {
        std::uint64_t base;
        if (!fields.hex(base)) return false;
        if (module_lines_.size() > std::size_t{64} << 20) return false;
        module_lines_ += fmt::format("m {:x} {} {:x}{}{}\n", name->size(), *name, base, fields.at_end() ? "" : " ", fields.rest());
    }
    modules_changed_ = true;
    return true;
}

void RawRecording::tick(Nanoseconds at) {
    // The tick before was due and its RSS never came.
    if (schedule_.due(now_) && now_ > Nanoseconds::zero())
        for (MarkSchedule::Requested& requested : schedule_.take(now_)) mark(std::move(requested));
    if (at <= now_) return;
    if (now_ > Nanoseconds::zero()) tick_gap_ = std::max(at - now_, tick_gap_ - tick_gap_ / 64);
    now_ = at;
}

void RawRecording::resident(Bytes bytes) {
    resident_ = bytes;
    if (rss_ticks_.take(now_)) rss_.push_back({now_, bytes});
    if (!started_mark_) {
        // Time zero: nothing allocated yet, and the resident memory that the process came with.
        started_mark_ = true;
        HeapMark mark;
        mark.kind = HeapMark::Kind::start;
        mark.rss = bytes;
        on_mark_(std::move(mark));
    }
    if (schedule_.due(now_))
        for (MarkSchedule::Requested& requested : schedule_.take(now_)) mark(std::move(requested));
}

void RawRecording::mark(MarkSchedule::Requested requested) {
    if (!std::exchange(started_mark_, true)) {
        HeapMark start;
        start.kind = HeapMark::Kind::start;
        on_mark_(std::move(start));
    }
    HeapMark mark = new_mark(std::move(requested), now_, resident_);
    mark.overhead_bytes = live_bytes_.overhead_bytes();
    mark.changes = live_bytes_.take_changes();
    on_mark_(std::move(mark));
}

}  // namespace leakline::heap
