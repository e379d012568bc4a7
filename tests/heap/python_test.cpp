// Python programs under the agent: the bytes of their lines, against those of tracemalloc, in each CPython that is installed.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
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

const std::string kLatePython = std::string(LEAKLINE_BIN_DIR) + "/heap_late_python";
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

// The command gets the name of the file that the program makes and waits for.
HeapProfile recorded(Command command, const TemporaryDirectory& folder) {
    const std::string kept = folder.path() + "/kept";
    heap::RecordOptions options;
    options.sample_interval = 4096;
    options.command = std::move(command);
    options.command.arguments.push_back(kept);
    heap::Recorder recorder = heap::Recorder::start(options);
    CHECK(recorder.tracker() == heap::RecordWith::agent);
    while (!std::filesystem::exists(kept)) REQUIRE_FALSE(recorder.child().wait_for(std::chrono::milliseconds(10)).has_value());
    recorder.mark(HeapMark::Kind::round_end, "kept");
    std::filesystem::remove(kept);
    CHECK(recorder.child().wait().code == 0);
    return recorder.finish();
}

// Of the innermost function in the program's file.
Lines lines_of(const HeapProfile& profile, const std::string& program = kProgram) {
    std::size_t mark = 0;
    while (mark < profile.marks.size() && profile.marks[mark].label != "kept") ++mark;
    REQUIRE(mark < profile.marks.size());
    Lines lines;
    for (const auto& [index, cost] : test::costs_at(profile, mark))
        for (TraceId at{index + 1}; at; at = profile.traces[at.value - 1].parent) {
            const InstructionPointer& ip = profile.ips[profile.traces[at.value - 1].ip.value - 1];
            if (ip.frame_count == 0 || profile.string(profile.frames[ip.first_frame].file) != program) continue;
            Line& line = lines[profile.frames[ip.first_frame].line];
            line.bytes += static_cast<double>(cost.live_bytes);
            line.variance += cost.live_variance;
            break;
        }
    return lines;
}

void check_largest(const Lines& truth, const Lines& estimate) {
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

// A program that loads the interpreter's library when it has allocated memory itself.
Command embedding(const test::EmbeddedPython& python, const char* mode, const std::string& script) {
    Command command;
    command.arguments = {kLatePython, mode, python.library, script};
    command.environment = {{"PYTHONHOME", python.home}};
    return command;
}

}  // namespace

TEST_CASE("the largest lines of a Python program have the bytes that tracemalloc counts, within the error of sampling") {
    for (const std::string& python : test::pythons()) {
        const TemporaryDirectory folder;
        CAPTURE(python);
        Command command;
        command.arguments = {python, kProgram};
        const HeapProfile profile = recorded(std::move(command), folder);
        check_largest(traced(python, folder), lines_of(profile));
    }
}

TEST_CASE("so have those of an interpreter that chooses its allocators anew when it starts") {
    std::vector<std::string> some = test::pythons();
    some.resize(std::min<std::size_t>(some.size(), 2));  // what is set is the same in all
    for (const std::string& python : some) {
        const TemporaryDirectory folder;
        const Lines truth = traced(python, folder);
        for (const auto& [name, value] : {std::pair("PYTHONMALLOC", "pymalloc"), std::pair("PYTHONDEVMODE", "1")}) {
            CAPTURE(python);
            CAPTURE(name);
            Command command;
            command.arguments = {python, kProgram};
            command.environment = {{name, value}};
            check_largest(truth, lines_of(recorded(std::move(command), folder)));
        }
    }
}

TEST_CASE("what a comprehension makes belongs to the function around it, whose name is known since 3.11") {
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/keep.py";
    std::ofstream(script)
        << "import os, sys, time\n"
           "kept = {}\n"
           "class Index:\n"
           "    def add(self):\n"
           "        kept[self] = [[n, n] for n in range(20000)] + list(x for y in [[str(n)] for n in range(2000)] for x in y)\n"
           "Index().add()\n"
           "open(sys.argv[1], 'w').close()\n"
           "while os.path.exists(sys.argv[1]): time.sleep(.01)\n";
    Command command;
    command.arguments = {"/usr/bin/python3", script};
    const HeapProfile profile = recorded(std::move(command), folder);
    CHECK(lines_of(profile, script)[5].bytes > 1'000'000);
    for (const Frame& frame : profile.frames)
        if (profile.string(frame.file) == script && frame.line == 5) CHECK(profile.string(frame.function) == "Index.add");
}

TEST_CASE("so have those of an interpreter that a program loads long after its start") {
    const std::vector<test::EmbeddedPython> all = test::embedded_pythons();
    for (const test::EmbeddedPython& embedded : all) {
        CAPTURE(embedded.python);
        const TemporaryDirectory folder;
        const HeapProfile profile = recorded(embedding(embedded, "global", kProgram), folder);
        check_largest(traced(embedded.python, folder), lines_of(profile));
    }
    if (all.empty()) MESSAGE("skipped: no interpreter has a shared library");
}

TEST_CASE("an interpreter that is loaded privately has its lines too") {
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/keep.py";
    // No module of a library of its own, which would not find the interpreter.
    std::ofstream(script) << "import os, sys, time\n"
                             "kept = []\n"
                             "for n in range(20000):\n"
                             "    kept.append([n, n])\n"
                             "open(sys.argv[1], 'w').close()\n"
                             "while os.path.exists(sys.argv[1]): time.sleep(.01)\n";
    const std::vector<test::EmbeddedPython> all = test::embedded_pythons();
    if (all.empty()) {
        MESSAGE("skipped: no interpreter has a shared library");
        return;
    }
    // One: the versions differ in their objects only, which the case above compares.
    CAPTURE(all.front().python);
    Lines lines = lines_of(recorded(embedding(all.front(), "local", script), folder), script);
    // A list of two: 40 bytes, 16 for the collector, 16 for its elements, 8 in the outer list: some 400 samples.
    CHECK(lines[4].bytes == doctest::Approx(20'000 * 80).epsilon(.3));
}
