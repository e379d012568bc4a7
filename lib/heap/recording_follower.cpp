#include "heap/internal/recording_follower.hpp"

#include <sys/stat.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "heap/internal/record_stream.hpp"
#include "heap/internal/recording_file.hpp"
#include "heap/internal/symbols.hpp"
#include "system/byte_source.hpp"
#include "system/descriptor.hpp"

namespace leakline::heap {

namespace {

// newer also has what older changed.
void merge_into(HeapMark& newer, const HeapMark& older) {
    std::vector<HeapMark::Change> changes;
    changes.reserve(newer.changes.size() + older.changes.size());
    const auto before = [](const HeapMark::Change& a, const HeapMark::Change& b) { return a.trace.value < b.trace.value; };
    // Of equal ones the first range's.
    std::set_union(newer.changes.begin(), newer.changes.end(), older.changes.begin(), older.changes.end(), std::back_inserter(changes),
                   before);
    newer.changes = std::move(changes);
}

// The part of a feed that begins with an address.
SymbolFeed feed_from(const SymbolFeed& feed, std::size_t address) {
    SymbolFeed part;
    part.heaptrack_version = feed.heaptrack_version;
    part.format = feed.format;
    part.executable = feed.executable;
    part.addresses.assign(feed.addresses.begin() + static_cast<std::ptrdiff_t>(address), feed.addresses.end());
    const auto first = static_cast<std::uint32_t>(address);
    for (const SymbolFeed::ModuleTable& table : feed.modules) {
        if (table.first_ip <= first) part.modules.clear();  // each table replaces the one before
        part.modules.push_back({table.first_ip - std::min(table.first_ip, first), table.lines});
    }
    for (const SymbolFeed::Named& named : feed.named) {
        if (named.ip.value <= first) continue;
        part.named.push_back(named);
        part.named.back().ip.value -= first;
    }
    return part;
}

}  // namespace

// Another program was chosen, which begins the file anew.
void RecordingFollower::begin_anew() {
    offset_ = 0;
    content_ = std::make_unique<Content>();
    named_addresses_ = 0;
}

// The whole frames that were added, decompressed; empty if there are none.
std::string RecordingFollower::read_new() {
    struct stat status {};
    if (::fstat(file_, &status) != 0) return {};
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size < offset_) begin_anew();
    std::string bytes(size - offset_, '\0');
    const std::size_t filled = read_at(file_, bytes.data(), bytes.size(), offset_);
    std::size_t whole = 0;
    while (whole < filled) {
        const std::size_t frame = ZSTD_findFrameCompressedSize(bytes.data() + whole, filled - whole);
        if (ZSTD_isError(frame)) break;
        whole += frame;
    }
    if (whole == 0) {
        constexpr std::uint32_t kMagic = ZSTD_MAGICNUMBER;
        if (filled >= sizeof kMagic && std::memcmp(bytes.data(), &kMagic, sizeof kMagic) != 0) begin_anew();
        return {};
    }
    offset_ += whole;
    return read_all(*memory_source(std::string_view(bytes).substr(0, whole)), "the recording");
}

bool RecordingFollower::apply(const std::string& content) {
    std::string_view records = content;
    if (content_->profile.marks.empty() && records.starts_with(kRecordingMagic)) records.remove_prefix(kRecordingMagic.size());
    const auto source = memory_source(records);
    RecordStream stream(*source);
    char tag = 0;
    std::string payload;
    while (stream.next(tag, payload)) {
        if (!content_->builder.apply(tag, payload)) return false;
    }
    merge_marks();  // not before: a record of errors belongs to the mark before it
    return true;
}

// A mark between two others is merged into the later one if it is old, or close to the earlier one.
void RecordingFollower::merge_marks() {
    std::vector<HeapMark>& marks = content_->profile.marks;
    for (std::size_t i = 1; i + 1 < marks.size();) {
        const bool old = marks[i + 1].at + kKept < marks.back().at;
        if (!old && marks[i].at - marks[i - 1].at >= kSpacing) {
            ++i;
            continue;
        }
        merge_into(marks[i + 1], marks[i]);
        marks.erase(marks.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

void RecordingFollower::name_new() {
    HeapProfile& profile = content_->profile;
    const SymbolFeed& feed = content_->builder.symbols();
    if (named_addresses_ >= feed.addresses.size()) return;
    const Symbols symbols = find_symbols(feed_from(feed, named_addresses_), interpreter_);
    const auto first_string = static_cast<std::uint32_t>(profile.strings.size());
    const auto first_frame = static_cast<std::uint32_t>(profile.frames.size());
    const auto shifted = [&](StringId id) { return id ? StringId{id.value + first_string} : id; };
    profile.strings.insert(profile.strings.end(), symbols.strings.begin(), symbols.strings.end());
    for (Frame frame : symbols.frames) {
        frame.function = shifted(frame.function);
        frame.file = shifted(frame.file);
        profile.frames.push_back(frame);
    }
    for (std::size_t i = 0; i < symbols.ips.size() && named_addresses_ + i < profile.ips.size(); ++i) {
        InstructionPointer& ip = profile.ips[named_addresses_ + i];
        ip = symbols.ips[i];
        ip.module = shifted(ip.module);
        ip.first_frame += first_frame;
    }
    profile.named_here = true;
    if (!symbols.problem.empty() && named_addresses_ == 0) profile.warnings.push_back(symbols.problem);
    named_addresses_ = feed.addresses.size();
}

const HeapProfile& RecordingFollower::read() {
    const std::string content = read_new();
    if (!content.empty() && apply(content)) name_new();
    return content_->profile;
}

}  // namespace leakline::heap
