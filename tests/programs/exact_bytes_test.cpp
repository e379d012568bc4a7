// Records the leaking programs as a user would, and holds every line of theirs to the bytes that its comment
// states.
#include <doctest/doctest.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "analysis/lines/lines.hpp"
#include "base/strings.hpp"
#include "heap/recorder.hpp"
#include "system/child_process.hpp"

using namespace leakline;
using namespace std::chrono_literals;

namespace {

struct Expected {
    std::int64_t bytes = 0, blocks = 0;
    auto operator<=>(const Expected&) const = default;
};

std::int64_t number(std::string_view text) {
    std::int64_t value = -1;
    text = trim(text);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    REQUIRE(error == std::errc());
    REQUIRE(end == text.data() + text.size());
    return value;
}

struct Source {
    std::map<std::uint32_t, Expected> leaks;  // "leaks 1000 x 24 + 3 x 8" in the comments
    std::set<std::uint32_t> not_held;
};

Source read_source() {
    Source source;
    std::ifstream file(LEAKS_SOURCE);
    std::string text;
    for (std::uint32_t line = 1; std::getline(file, text); ++line) {
        if (text.find(";  // not held:") != text.npos) source.not_held.insert(line);
        const std::string marker = "// leaks ";
        const std::size_t at = text.find(marker);
        if (at == text.npos) continue;
        for (std::string_view term : split(std::string_view(text).substr(at + marker.size()), '+')) {
            const auto factors = split(term, 'x');
            REQUIRE(factors.size() == 2);
            source.leaks[line].blocks += number(factors[0]);
            source.leaks[line].bytes += number(factors[0]) * number(factors[1]);
        }
    }
    return source;
}

std::vector<std::string> programs() {
    std::vector<std::string> paths;
    for (const std::string_view path : split(LEAKS_PROGRAMS, ':')) paths.emplace_back(path);
    return paths;
}

HeapProfile record(const std::string& program, const std::string& preload = {}) {
    heap::RecordOptions options;
    options.with = heap::RecordWith::heaptrack;
    options.command.arguments = {program};
    if (!preload.empty()) options.command.environment.emplace_back("LD_PRELOAD", preload);
    heap::Recorder recorder = heap::Recorder::start(options);
    const ExitStatus status = recorder.child().wait();
    CHECK(status.shell_code() == 0);
    return recorder.finish();
}

// Records the program and holds each line of it to what its comment says.
void check_lines(const std::string& program, const Source& source, const std::string& preload = {}) {
    CAPTURE(program);
    CAPTURE(preload);
    const HeapProfile profile = record(program, preload);
    CHECK(profile.completeness == Completeness::complete);
    analysis::LineOptions options;
    options.window_begin = 0s;
    options.window_end = profile.marks.back().at;
    const LineReport report = analysis::grow_lines(profile, options);
    CHECK(report.accounting.attributed_bytes + report.accounting.unattributed_bytes ==
          report.accounting.live_delta_bytes);

    std::map<std::uint32_t, Expected> found;
    for (const LineGrowth& line : report.lines)
        if (line.at.file.ends_with("leaks.cpp") && line.live_last_bytes != 0 &&
            source.not_held.count(line.at.line) == 0)
            found[line.at.line] = {line.growth_bytes, line.live_last_blocks};
    for (const auto& [number, amount] : source.leaks) {
        const std::uint32_t line = number;  // clang 14 captures no structured binding
        CAPTURE(line);
        CHECK(found[line].bytes == amount.bytes);
        CHECK(found[line].blocks == amount.blocks);
    }
    for (const auto& [number, amount] : found) {
        const std::uint32_t line = number;
        CAPTURE(line);
        CHECK(source.leaks.count(line) == 1);
    }
}

}  // namespace

TEST_CASE("every line of the leaking programs is charged with its bytes exactly, whatever compiled them") {
    const Source source = read_source();
    REQUIRE(source.leaks.size() >= 14);
    REQUIRE(programs().size() >= 8);
    for (const std::string& program : programs()) check_lines(program, source);
}

TEST_CASE("lines are as exact under an allocator that has operator new of its own") {
    const Source source = read_source();
    int found = 0;
    for (const char* name : {"libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"}) {
        const std::string allocator = std::string("/usr/lib/x86_64-linux-gnu/") + name;
        if (!std::filesystem::exists(allocator)) continue;
        ++found;
        check_lines(LEAKS_DIR "/gcc-O2", source, allocator);
    }
    if (found == 0) MESSAGE("skipped: no shared allocator is installed");
}
