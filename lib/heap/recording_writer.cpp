#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "base/quantities.hpp"
#include "base/redact.hpp"
#include "heap/elf_file.hpp"
#include "heap/internal/recording_file.hpp"
#include "heap/internal/varint.hpp"
#include "system/descriptor.hpp"

namespace leakline::heap {

namespace {

std::uint64_t milliseconds(Nanoseconds time) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// The standard error of a variance, in whole bytes.
std::uint64_t standard_error(double variance) { return static_cast<std::uint64_t>(std::llround(std::sqrt(std::min(variance, 1e36)))); }

std::int64_t delta(std::uint64_t now, std::uint64_t before) { return static_cast<std::int64_t>(now - before); }

}  // namespace

void RecordingWriter::record(char tag, const std::string& payload) {
    pending_ += tag;
    put_string(pending_, payload);
}

void RecordingWriter::header(Nanoseconds started, const RecordedTables& recording) {
    header_written_ = true;
    pending_ += kRecordingMagic;
    std::string payload;
    put_varint(payload, static_cast<std::uint64_t>(started.count()));
    put_varint(payload, recording.symbols.heaptrack_version);
    put_varint(payload, 0);  // page size: RSS is in bytes already
    put_string(payload, recording.symbols.executable);
    put_string(payload, redact_secrets(recording.command));
    record('H', payload);
    if (const std::string build_id = read_elf(recording.symbols.executable).build_id; !build_id.empty()) record('B', build_id);
    if (recording.attached) record('A', {});
}

void RecordingWriter::sampling(const RecordedTables& recording) {
    if (!recording.sampling) return;
    std::string payload;
    put_varint(payload, recording.sampling->first_interval);
    put_varint(payload, recording.sampling->interval);
    put_varint(payload, recording.sampling->samples);
    record('N', payload);
}

void RecordingWriter::tables(const RecordedTables& recording) {
    const SymbolFeed& feed = recording.symbols;
    while (ips_ < feed.addresses.size()) {
        for (; modules_ < feed.modules.size() && feed.modules[modules_].first_ip <= ips_; ++modules_) {
            std::string payload;
            put_string(payload, feed.modules[modules_].lines);
            record('M', payload);
        }
        const std::size_t stop = modules_ < feed.modules.size() ? feed.modules[modules_].first_ip : feed.addresses.size();
        std::string payload;
        put_varint(payload, stop - ips_);
        for (; ips_ < stop; ++ips_) put_signed(payload, delta(feed.addresses[ips_], ips_ == 0 ? 0 : feed.addresses[ips_ - 1]));
        record('I', payload);
    }
    if (names_ < feed.named.size()) {
        std::string payload;
        put_varint(payload, feed.named.size() - names_);
        for (; names_ < feed.named.size(); ++names_) {
            const SymbolFeed::Named& named = feed.named[names_];
            put_varint(payload, named.ip.value);
            put_string(payload, named.function);
            put_string(payload, named.file);
            put_varint(payload, named.line);
        }
        record('Y', payload);
    }
    const std::vector<TraceNode>& traces = recording.traces;
    if (traces_ < traces.size()) {
        std::string payload;
        put_varint(payload, traces.size() - traces_);
        for (; traces_ < traces.size(); ++traces_) {
            put_varint(payload, traces[traces_].ip.value);
            put_varint(payload, traces[traces_].parent.value);
        }
        record('T', payload);
    }
    const std::vector<RssPoint>& rss = recording.rss;
    if (rss_ < rss.size()) {
        std::string payload;
        put_varint(payload, rss.size() - rss_);
        for (; rss_ < rss.size(); ++rss_) {
            const RssPoint before = rss_ == 0 ? RssPoint{} : rss[rss_ - 1];
            put_signed(payload, delta(milliseconds(rss[rss_].at), milliseconds(before.at)));
            put_signed(payload, delta(rss[rss_].rss, before.rss));
        }
        record('R', payload);
    }
}

void RecordingWriter::mark(const HeapMark& mark, const RecordedTables& recording) {
    tables(recording);
    sampling(recording);
    std::string payload;
    if (mark.allocator_in_use && mark.allocator_retained) {
        put_varint(payload, *mark.allocator_in_use);
        put_varint(payload, *mark.allocator_retained);
        record('G', payload);
        payload.clear();
    }
    if (mark.overhead_bytes) {
        put_signed(payload, *mark.overhead_bytes);
        record('O', payload);
        payload.clear();
    }
    put_varint(payload, static_cast<std::uint64_t>(mark.kind));
    put_varint(payload, milliseconds(mark.at));
    put_string(payload, mark.label);
    put_varint(payload, mark.requests ? *mark.requests + 1 : 0);
    put_varint(payload, mark.rss ? *mark.rss + 1 : 0);
    put_varint(payload, recording.events);
    put_varint(payload, mark.changes.size());
    written_.resize(recording.traces.size());
    std::uint32_t before = 0;
    for (const HeapMark::Change& change : mark.changes) {
        TraceCost& written = written_[change.trace.value - 1];
        put_varint(payload, change.trace.value - before);
        put_varint(payload, change.cost.allocations - written.allocations);
        put_varint(payload, change.cost.allocated_bytes - written.allocated_bytes);
        put_signed(payload, change.cost.live_bytes - written.live_bytes);
        put_signed(payload, change.cost.live_blocks - written.live_blocks);
        before = change.trace.value;
        written = change.cost;
    }
    record('K', payload);
    if (recording.sampling) {
        payload.clear();
        put_varint(payload, mark.changes.size());
        for (const HeapMark::Change& change : mark.changes) {
            put_varint(payload, standard_error(change.cost.live_variance));
            put_varint(payload, standard_error(change.cost.turnover_variance));
        }
        record('V', payload);
    }
    open(mark.open);
    flush();
}

void RecordingWriter::open(std::span<const HeapMark::Open> all) {
    while (!all.empty()) {
        const auto end = std::find_if(all.begin(), all.end(), [&](const HeapMark::Open& open) { return open.resource != all[0].resource; });
        const auto part = all.first(static_cast<std::size_t>(end - all.begin()));
        std::string payload;
        put_varint(payload, static_cast<std::uint64_t>(all[0].resource));
        put_varint(payload, part.size());
        std::uint32_t before = 0;
        for (const HeapMark::Open& open : part) {
            put_varint(payload, open.trace.value - before);
            put_varint(payload, open.count);
            before = open.trace.value;
        }
        record('Q', payload);
        all = all.subspan(part.size());
    }
}

void RecordingWriter::finish(const End& end, const RecordedTables& recording, const RecordedPeak& highest, const Diagnostics& damage,
                             const Symbols& symbols) {
    tables(recording);
    sampling(recording);
    std::string payload;
    put_varint(payload, highest.bytes);
    put_varint(payload, milliseconds(highest.at));
    const std::vector<TraceCost>& peak = highest.costs;
    std::uint64_t count = 0;
    for (const TraceCost& cost : peak) count += cost.live_bytes != 0 || cost.live_blocks != 0;
    put_varint(payload, count);
    std::size_t before = 0;
    for (std::size_t i = 0; i < peak.size(); ++i) {
        if (peak[i].live_bytes == 0 && peak[i].live_blocks == 0) continue;
        put_varint(payload, i + 1 - before);
        put_signed(payload, peak[i].live_bytes);
        put_signed(payload, peak[i].live_blocks);
        before = i + 1;
    }
    record('P', payload);

    payload.clear();
    put_varint(payload, symbols.strings.size());
    for (const std::string& text : symbols.strings) put_string(payload, text);
    record('S', payload);
    payload.clear();
    put_varint(payload, symbols.ips.size());
    for (const InstructionPointer& ip : symbols.ips) {
        put_varint(payload, ip.module.value);
        put_varint(payload, ip.frame_count);
        for (std::uint32_t i = 0; i < ip.frame_count; ++i) {
            const Frame& frame = symbols.frames[ip.first_frame + i];
            put_varint(payload, frame.function.value);
            put_varint(payload, frame.file.value);
            put_varint(payload, frame.line);
        }
    }
    record('F', payload);
    std::uint64_t index = 0, last = 0, generated = 0;
    std::string indexes;
    for (const InstructionPointer& ip : symbols.ips)
        for (std::uint32_t i = 0; i < ip.frame_count; ++i, ++index) {
            if (!symbols.frames[ip.first_frame + i].generated) continue;
            put_varint(indexes, index - last);
            last = index;
            ++generated;
        }
    payload.clear();
    put_varint(payload, generated);
    if (generated > 0) record('C', payload + indexes);

    if (!recording.symbols.processes.empty()) {
        payload.clear();
        put_varint(payload, recording.symbols.processes.size());
        for (const IpId process : recording.symbols.processes) put_varint(payload, process.value);
        record('U', payload);
    }

    if (!end.holders.empty()) {
        payload.clear();
        put_string(payload, end.holders);
        record('J', payload);
    }
    for (const std::string& warning : end.warnings) {
        payload.clear();
        put_string(payload, warning);
        record('W', payload);
    }
    if (!damage.empty()) {
        payload.clear();
        put_varint(payload, damage.count());
        put_varint(payload, damage.first().size());
        for (const Diagnostics::Entry& entry : damage.first()) {
            put_string(payload, entry.location);
            put_string(payload, entry.message);
        }
        record('D', payload);
    }
    payload.clear();
    put_varint(payload, milliseconds(end.duration));
    put_varint(payload, recording.events);
    put_varint(payload, static_cast<std::uint64_t>(end.completeness));
    record('E', payload);
    flush();
}

void RecordingWriter::flush() {
    std::string frame(ZSTD_compressBound(pending_.size()), '\0');
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 3);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    const std::size_t size = ZSTD_compress2(context, frame.data(), frame.size(), pending_.data(), pending_.size());
    ZSTD_freeCCtx(context);
    pending_.clear();
    if (ZSTD_isError(size)) {
        error_ = ENOMEM;
        return;
    }
    if (error_ == 0 && write_all(descriptor_, {frame.data(), size}) != size) error_ = errno;
}

}  // namespace leakline::heap
