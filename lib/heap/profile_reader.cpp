#include "heap/profile_reader.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "heap/internal/heaptrack_file.hpp"
#include "heap/internal/mark_schedule.hpp"
#include "heap/internal/recording_file.hpp"
#include "heap/internal/rust_symbol.hpp"
#include "heap/internal/v8_profile.hpp"
#include "system/byte_source.hpp"
#include "system/peeked_source.hpp"

namespace leakline::heap {

namespace {

constexpr std::size_t kHead = 64 << 10;
constexpr std::string_view kAnyRecording = "leakline heap ";  // of any version
static_assert(kRecordingMagic.starts_with(kAnyRecording));

// By what a file is that was mistaken for a recording.
std::string hint_for(std::string_view head) {
    constexpr std::string_view kXz(
        "\xfd"
        "7zXZ",
        5),
        kBzip2 = "BZh";
    if (head.starts_with(kXz)) return "it is compressed by xz, which is not read: unpack it first (xz -d)";
    if (head.starts_with(kBzip2)) return "it is compressed by bzip2, which is not read: unpack it first (bzip2 -d)";
    if (trim(head).starts_with('{')) return "if it is a report of leakline, `leakline report FILE` shows it";
    return "give a file of `leakline record -o FILE` or one that heaptrack wrote";
}

}  // namespace

bool is_recording(std::string_view head) {
    // heaptrack's files begin with "v VERSION FORMAT".
    const bool version = head.starts_with("v ") && head.size() > 2 && is_digit(head[2]);
    return version || head.starts_with(kAnyRecording);
}

HeapProfile read_profile(const std::string& path, const ReadOptions& options) {
    return read_profile(open_source(path), path == "-" ? "standard input" : path, options);
}

HeapProfile read_profile(std::unique_ptr<ByteSource> bytes, const std::string& name, const ReadOptions& options) {
    PeekedSource source(std::move(bytes));
    const std::string_view head = source.peek(kHead);
    HeapProfile profile;
    const HeaptrackKind kind = heaptrack_kind(head);
    if (head.starts_with(kRecordingMagic)) {
        source.skip(kRecordingMagic.size());
        profile = read_recording(source, name);
    } else if (kind == HeaptrackKind::raw) {
        profile = read_raw(source, name, options);
    } else if (kind == HeaptrackKind::interpreted) {
        profile = read_interpreted(source, name, options);
    } else if (is_v8_profile(head)) {
        V8Profiles profiles;
        const std::string fault = profiles.add(read_all(source, name), {});
        profile = profiles.take();
        if (!fault.empty()) profile.damage.add(name, fault);
    } else if (head.empty() && source.encoding() != "plain" && source.end() != StreamEnd::clean) {
        throw Error(ErrorKind::input, name,
                    fmt::format("its {} data is {} before anything can be read", source.encoding(),
                                source.end() == StreamEnd::damaged ? "damaged" : "truncated"),
                    "a running heaptrack buffers its newest 128 KiB: wait for more data, or until it exits");
    } else if (head.empty()) {
        throw Error(ErrorKind::input, name, "is empty",
                    "its recorder has not written anything yet (heaptrack buffers its newest 128 KiB), or was killed before it did");
    } else if (head.starts_with(kAnyRecording)) {
        throw Error(ErrorKind::input, name, "is a recording of a newer leakline; this build reads format 1",
                    "read it with the leakline version that wrote it");
    } else {
        throw Error(ErrorKind::input, name, "is not a heap recording", hint_for(head));
    }
    for (std::string& text : profile.strings)
        if (text.starts_with("_R") || text.find("::h") != text.npos) text = readable_rust_name(text);
    thin_marks(profile.marks, options.max_marks);
    thin_rss(profile.rss);
    // A sampled recording may be empty: too little was allocated for a sample.
    const bool empty = profile.marks.empty() || (profile.events == 0 && !profile.sampling);
    if (empty && !profile.damage.empty()) {
        const Diagnostics::Entry& first = profile.damage.first().front();
        throw Error(ErrorKind::input, name,
                    fmt::format("contains no allocations that can be read; {} place{} skipped", format_count(profile.damage.count()),
                                profile.damage.count() == 1 ? " was" : "s were"),
                    fmt::format("the first was {}: {}", first.location, first.message));
    }
    if (empty)
        throw Error(ErrorKind::input, name, "contains no allocations",
                    "the process may have ended before it did anything, or never loaded the tracker");
    return profile;
}

HeapProfile read_profiles(const std::vector<std::string>& paths, const ReadOptions& options) {
    if (paths.size() == 1) return read_profile(paths.front(), options);
    V8Profiles profiles;
    Diagnostics damage;
    Nanoseconds at{};
    std::optional<std::filesystem::file_time_type> first;
    for (const std::string& path : paths) {
        const std::string text = read_file(path);
        if (!is_v8_profile(std::string_view(text).substr(0, kHead)))
            throw Error(ErrorKind::input, path, "is not a heap profile of V8 (.heapprofile): only those are read together",
                        "leakline compare BEFORE AFTER compares two recordings");
        // When it was written, if the times are in order.
        std::error_code unknown;
        const auto written = std::filesystem::last_write_time(path, unknown);
        if (!first) first = written;
        const Nanoseconds since = std::chrono::duration_cast<Nanoseconds>(written - *first);
        if (profiles.count() > 0) at = !unknown && since > at ? since : at + std::chrono::seconds(1);
        if (const std::string fault = profiles.add(text, at); !fault.empty()) damage.add(path, fault);
    }
    HeapProfile profile = profiles.take();
    profile.damage = std::move(damage);
    return profile;
}

}  // namespace leakline::heap
