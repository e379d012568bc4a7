// Allocators that are linked into programs: what a recording has of them, and when they are left alone.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>

#include "attached_process.hpp"
#include "heap/elf_file.hpp"
#include "heap/preflight.hpp"
#include "heap/recorder.hpp"
#include "streams.hpp"
#include "system/byte_source.hpp"
#include "system/executables.hpp"
#include "system/loaded_object.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using test::AskedProgram;

namespace {

const std::string kBin = std::string(LEAKLINE_BIN_DIR) + "/";

HeapProfile record(std::vector<std::string> arguments, Bytes interval, const std::string& output = "/dev/null") {
    heap::RecordOptions options;
    options.with = heap::RecordWith::agent;
    options.sample_interval = interval;
    options.command.arguments = std::move(arguments);
    options.command.output_file = output;
    heap::Recorder recorder = heap::Recorder::start(options);
    recorder.child().wait();
    return recorder.finish();
}

TraceCost through(const HeapProfile& profile, std::string_view function) {
    return test::cost_through(profile, profile.marks.size() - 1, function);
}

// The program's instructions as the process has them.
std::string code_of(int pid, const std::string& program) {
    std::string code;
    for (const Mapping& mapping : parse_mappings(read_small_file(fmt::format("/proc/{}/maps", pid)).value_or(""))) {
        if (!mapping.executable || mapping.path != program) continue;
        const std::size_t begin = code.size();
        code.resize(begin + mapping.size());
        REQUIRE(read_memory(pid, mapping.begin, &code[begin], mapping.size()));
    }
    REQUIRE_FALSE(code.empty());
    return code;
}

std::string all_warnings(const HeapProfile& profile) {
    std::string text;
    for (const std::string& warning : profile.warnings) text += warning + "\n";
    return text;
}

struct Known {
    const char* function;
    int bytes, allocations;
};
constexpr Known kKnown[] = {{"leak_malloc()", 100, 1}, {"leak_calloc", 200, 1},  {"leak_realloc()", 300, 2},    {"leak_aligned", 320, 1},
                            {"leak_posix", 96, 1},     {"leak_mallocx", 112, 2}, {"leak_reallocarray", 104, 1}, {"leak_new()", 56, 1},
                            {"leak_new_array", 72, 1}, {"leak_nothrow", 40, 1},  {"leak_wide", 128, 1}};

void check_exact(const HeapProfile& profile, int times) {
    INFO(all_warnings(profile));
    for (const Known& known : kKnown) {
        CAPTURE(known.function);
        const TraceCost cost = through(profile, known.function);
        CHECK(cost.live_blocks == times);
        CHECK(cost.live_bytes == times * known.bytes);
        CHECK(cost.allocations == times * known.allocations);
    }
    CHECK(through(profile, "free_all").live_blocks == 0);
    CHECK(all_warnings(profile).find("not recorded") == std::string::npos);
}

std::vector<std::string> linked_programs() {
    std::vector<std::string> programs;
    for (const char* name : {"heap_linked_jemalloc", "heap_linked_rjem"})
        if (std::filesystem::exists(kBin + name)) programs.push_back(kBin + name);
    if (programs.empty()) MESSAGE("skipped: no libjemalloc.a is installed");
    return programs;
}

}  // namespace

TEST_CASE("every block of an allocator that is linked into the program is recorded once, by each of its functions") {
    for (const std::string& program : linked_programs()) {
        CAPTURE(program);
        check_exact(record({program, "700"}, 1), 700);
        CHECK(heap::check_program({program}).agent_has_lines == (program.find("rjem") == std::string::npos));
    }
}

TEST_CASE("sampled blocks of a linked allocator estimate what it allocated") {
    for (const std::string& program : linked_programs()) {
        CAPTURE(program);
        const HeapProfile profile = record({program, "15000"}, 4096);
        const TraceCost sum = through(profile, "leak_");
        double known = 0;
        for (const Known& row : kKnown) known += 15'000.0 * row.bytes;
        CHECK(sum.live_variance > 0);
        CHECK(std::abs(static_cast<double>(sum.live_bytes) - known) < 5 * std::sqrt(sum.live_variance));
    }
}

TEST_CASE("an agent is attached to a program with a linked allocator while its threads allocate, and leaves its code as it was") {
    if (const auto programs = linked_programs(); !programs.empty()) {
        const std::string& program = programs.back();
        AskedProgram asked({program, "busy"});
        REQUIRE(asked.answer() == "ready");
        const std::string before = code_of(asked.pid(), program);
        int kept = 0;
        for (int round = 0; round < 2; ++round) {
            CAPTURE(round);
            heap::RecordOptions options;
            options.attach_to = asked.pid();
            options.sample_interval = 1;
            heap::Recorder recorder = heap::Recorder::start(options);
            CHECK(code_of(asked.pid(), program) != before);
            kept += 200 * static_cast<int>(std::size(kKnown));
            CHECK(asked.ask("200") == fmt::format("done {} 10", kept));
            const HeapProfile profile = recorder.finish();
            INFO(all_warnings(profile));
            for (const Known& known : kKnown) {
                CAPTURE(known.function);
                const TraceCost cost = through(profile, known.function);
                CHECK(cost.live_blocks == 200);
                CHECK(cost.live_bytes == 200 * known.bytes);
            }
            CHECK(test::comes_true([&] { return test::is_as_before(asked.pid()); }));
            CHECK(code_of(asked.pid(), program) == before);
        }
        kept += static_cast<int>(std::size(kKnown));
        CHECK(asked.ask("1") == fmt::format("done {} 10", kept));
    }
}

TEST_CASE("a linked allocator is recorded or left alone by how its functions begin, and its program does the same") {
    struct Case {
        int variant;
        const char* why;  // it is left alone; empty: recorded
    };
    constexpr Case kCases[] = {{1, ""},
                               {2, ""},
                               {3, ""},
                               {4, "the first instructions of je_malloc cannot be moved"},
                               {5, ""},
                               {6, "the first instructions of je_free cannot be moved"},
                               {7, "other_malloc begins inside the first instructions of another function"},
                               {8, "je_malloc is chosen while the program starts (IFUNC)"},
                               {9, ""},
                               {10, "je_malloc.cold jumps into the first instructions of another function"}};
    const TemporaryDirectory folder;
    for (const Case& one : kCases) {
        const std::string program = fmt::format("{}heap_linked_abuse_{}", kBin, one.variant);
        CAPTURE(program);
        CHECK(std::string(heap::read_own_allocator(program).why) == one.why);
        for (const bool leaves : {false, true}) {
            if ((leaves && one.variant > 1) || (*one.why != '\0' && one.variant != 10)) continue;
            std::vector<std::string> arguments = {program};
            if (leaves) arguments.emplace_back("leaves");
            const std::string output = fmt::format("{}/{}-{}", folder.path(), one.variant, leaves);
            Command bare;
            bare.arguments = arguments;
            bare.output_file = output;
            CHECK(Child::start(bare).wait().code == 0);
            const HeapProfile profile = record(arguments, 1, output + "-recorded");
            CHECK(read_file(output).find("blocks") != std::string::npos);
            CHECK(read_file(output + "-recorded") == read_file(output));
            const std::string warnings = all_warnings(profile);
            INFO(warnings);
            const TraceCost leak = through(profile, "leak()");
            if (*one.why != '\0') {
                CHECK(leak.allocations == 0);
                CHECK(warnings.find("the allocator that is linked into it (je_malloc) is not recorded: " + std::string(one.why)) !=
                      std::string::npos);
            } else if (leaves) {
                CHECK(leak.live_blocks > 2900);  // after some calls it is seen that malloc was left
            } else {
                CHECK(leak.live_blocks == 3000);
                CHECK(leak.live_bytes == 1000 * (100 + 200 + 300));
                CHECK(leak.allocations == 5000);
            }
        }
    }
}

TEST_CASE("a stripped program with an allocator of its own is not recorded, and the reason says so") {
    const auto strip = find_executable("strip");
    const auto programs = linked_programs();
    if (programs.empty() || !strip) return;
    const TemporaryDirectory folder;
    const std::string program = folder.path() + "/stripped";
    Command command;
    command.arguments = {*strip, "-o", program, programs[0]};
    REQUIRE(Child::start(command).wait().code == 0);
    const heap::Preflight preflight = heap::check_program({program});
    CHECK_FALSE(preflight.agent_has_lines);
    CHECK(
        preflight.no_lines ==
        "lines cannot be recorded: stripped: the allocator that is linked into it (malloc) is not recorded: the program is stripped: it has no "
        "names of its functions; keep its symbol table (do not strip it), or link the allocator as a shared library");
}
