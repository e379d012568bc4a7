// Python programs under the agent: the bytes of their lines, against those of tracemalloc, in each CPython that is installed.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "base/strings.hpp"
#include "heap/recorder.hpp"
#include "pythons.hpp"
#include "streams.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

const std::string kProgram = std::string(LEAKLINE_SOURCE_DIR) + "/tests/programs/kept_objects.py";

struct Line {
    double bytes = 0, variance = 0;
};
using Lines = std::map<std::uint32_t, Line>;

Lines traced(const std::string& python, const TemporaryDirectory& folder) {
    Command command;
    command.arguments = {python, kProgram, "trace"};
    command.output_file = folder.path() + "/traced";
    REQUIRE(Child::start(command).wait().code == 0);
    Lines lines;
    const std::string text = read_file(command.output_file);
    for (const std::string_view row : split(text, '\n')) {
        unsigned line = 0;
        double bytes = 0;
        if (std::sscanf(std::string(row).c_str(), "%u %lf", &line, &bytes) == 2) lines[line].bytes = bytes;
    }
    return lines;
}

HeapProfile recorded(const std::string& python, const TemporaryDirectory& folder) {
    const std::string kept = folder.path() + "/kept";
    heap::RecordOptions options;
    options.sample_interval = 4096;
    options.command.arguments = {python, kProgram, kept};
    heap::Recorder recorder = heap::Recorder::start(options);
    CHECK(recorder.tracker() == heap::RecordWith::agent);
    while (!std::filesystem::exists(kept)) REQUIRE_FALSE(recorder.child().wait_for(std::chrono::milliseconds(10)).has_value());
    recorder.mark(HeapMark::Kind::round_end, "kept");
    std::filesystem::remove(kept);
    CHECK(recorder.child().wait().code == 0);
    return recorder.finish();
}

// Of the innermost function in the program's file.
Lines lines_of(const HeapProfile& profile) {
    std::size_t mark = 0;
    while (mark < profile.marks.size() && profile.marks[mark].label != "kept") ++mark;
    REQUIRE(mark < profile.marks.size());
    Lines lines;
    for (const auto& [index, cost] : test::costs_at(profile, mark))
        for (TraceId at{index + 1}; at; at = profile.traces[at.value - 1].parent) {
            const InstructionPointer& ip = profile.ips[profile.traces[at.value - 1].ip.value - 1];
            if (ip.frame_count == 0 || profile.string(profile.frames[ip.first_frame].file) != kProgram) continue;
            Line& line = lines[profile.frames[ip.first_frame].line];
            line.bytes += static_cast<double>(cost.live_bytes);
            line.variance += cost.live_variance;
            break;
        }
    return lines;
}

}  // namespace

TEST_CASE("the largest lines of a Python program have the bytes that tracemalloc counts, within the error of sampling") {
    for (const std::string& python : test::pythons()) {
        const TemporaryDirectory folder;
        CAPTURE(python);
        const Lines truth = traced(python, folder), estimate = lines_of(recorded(python, folder));
        std::vector<std::pair<double, std::uint32_t>> largest;
        for (const auto& [line, known] : truth) largest.emplace_back(known.bytes, line);
        std::sort(largest.rbegin(), largest.rend());
        largest.resize(std::min<std::size_t>(largest.size(), 8));
        REQUIRE(largest.size() == 8);
        for (const auto& each : largest) {
            const auto& [bytes, line] = each;
            CAPTURE(each.second);
            const auto found = estimate.find(line);
            REQUIRE(found != estimate.end());
            // tracemalloc's own tables are not there, and lists grow in steps: some percent of what it counts.
            CHECK(std::abs(found->second.bytes - bytes) <= 4 * std::sqrt(found->second.variance) + 0.05 * bytes);
        }
    }
}
