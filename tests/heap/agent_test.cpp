// The agent in real programs: what a recording of it holds, against what the programs did.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "agent/embedded.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/internal/segment_file.hpp"
#include "heap/preflight.hpp"
#include "heap/profile_reader.hpp"
#include "heap/recorder.hpp"
#include "pythons.hpp"
#include "streams.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using std::chrono::seconds;

namespace {

const std::string kSubject = std::string(LEAKLINE_BIN_DIR) + "/heap_subject", kAbuse = std::string(LEAKLINE_BIN_DIR) + "/heap_abuse",
                  kMapped = std::string(LEAKLINE_BIN_DIR) + "/heap_mapped_memory";

heap::RecordOptions options_for(std::vector<std::string> arguments, Bytes interval, const std::string& output = {}) {
    heap::RecordOptions options;
    options.with = heap::RecordWith::agent;
    options.sample_interval = interval;
    options.command.arguments = std::move(arguments);
    options.command.standard_output = Command::Stream::null;
    options.output = output;
    return options;
}

HeapProfile record(const heap::RecordOptions& options) {
    heap::Recorder recorder = heap::Recorder::start(options);
    recorder.child().wait();
    return recorder.finish();
}

TraceCost in_function(const HeapProfile& profile, std::size_t mark, std::string_view function) {
    return test::cost_through(profile, mark, function);
}
TraceCost at_end(const HeapProfile& profile, std::string_view function) { return in_function(profile, profile.marks.size() - 1, function); }

// The agent alone, without a recorder.
class Loaded {
  public:
    explicit Loaded(std::uint64_t interval) : interval_(interval) {
        std::ofstream(folder_.path() + "/agent.so", std::ios::binary) << agent::embedded_agent();
        std::filesystem::create_directory(folder_.path() + "/segments");
        ::chmod(folder_.path().c_str(), 0755);
        ::chmod(segments().c_str(), 01777);
    }
    std::string segments() const { return folder_.path() + "/segments"; }
    Command command(std::vector<std::string> arguments) const {
        Command command;
        command.arguments = std::move(arguments);
        command.output_file = folder_.path() + "/output";
        command.environment = {{"LD_PRELOAD", folder_.path() + "/agent.so"},
                               {"LEAKLINE_AGENT", fmt::format("{}:{}", interval_, segments())}};
        return command;
    }
    std::string output() const { return read_file(folder_.path() + "/output"); }

  private:
    TemporaryDirectory folder_;
    std::uint64_t interval_;
};

// What the programs left can be read; how many processes did.
std::size_t check_segments(const Loaded& loaded) {
    std::size_t segments = 0;
    for (const auto& entry : std::filesystem::directory_iterator(loaded.segments())) {
        heap::SegmentReader segment(Descriptor(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC)), entry.path());
        CHECK(segment.read());
        CHECK_FALSE(segment.stopped());
        ++segments;
    }
    return segments;
}

}  // namespace

TEST_CASE("every block: a recording has all bytes of a leak, at its function and line, as heaptrack's has") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/run.leak";
    const HeapProfile profile = record(options_for({kSubject, "leak", "5000", "24"}, 1, path));
    CHECK(profile.completeness == Completeness::complete);
    CHECK_FALSE(profile.sampling.has_value());
    CHECK(profile.command.starts_with(kSubject));
    const TraceCost leak = at_end(profile, "leak_block");
    CHECK(leak.live_blocks == 5000);
    CHECK(leak.live_bytes == 5000 * 24);
    CHECK(leak.allocations == 5000);
    CHECK(leak.allocated_bytes == 5000 * 24);
    CHECK(leak.live_variance == 0);
    const auto at_subject = [&](const Frame& frame) { return profile.string(frame.file).ends_with("subject.cpp") && frame.line > 0; };
    CHECK(std::any_of(profile.frames.begin(), profile.frames.end(), at_subject));
    const HeapProfile again = heap::read_profile(path);
    CHECK(test::totals_of(again) == test::totals_of(profile));
    CHECK(again.events == profile.events);
    CHECK(again.peak_bytes >= 5000 * 24);

    heap::RecordOptions reference = options_for({kSubject, "leak", "5000", "24"}, 1);
    reference.with = heap::RecordWith::heaptrack;
    CHECK(test::totals_of(record(reference)).leaked == test::totals_of(profile).leaked);
}

TEST_CASE("real programs leave the same live bytes as under heaptrack, to the byte") {
    const std::vector<std::vector<std::string>> programs = {
        {"/usr/bin/ls", "-lR", "/usr/include/linux"},
        {"/usr/bin/sort", "/etc/services", "/etc/passwd"},
        {"/usr/bin/sqlite3", ":memory:", "create table t(a, b); insert into t values (1, hex(randomblob(9999)));"},
    };
    std::size_t tried = 0;
    for (const auto& program : programs) {
        if (::access(program[0].c_str(), X_OK) != 0) continue;
        CAPTURE(program[0]);
        ++tried;
        heap::RecordOptions options = options_for(program, 1);
        const test::Totals agent = test::totals_of(record(options));
        options.with = heap::RecordWith::heaptrack;
        const test::Totals heaptrack = test::totals_of(record(options));
        CHECK(agent.leaked == heaptrack.leaked);
        CHECK(agent.calls > heaptrack.calls * 95 / 100);  // libstdc++'s first block, and what differs by the environment
        CHECK(agent.calls < heaptrack.calls * 105 / 100 + 10);
    }
    CHECK(tried >= 1);
}

TEST_CASE("sampled: bytes, blocks and calls are estimates within their errors, which the recording keeps") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/run.leak";
    constexpr double kBlocks = 200'000, kSize = 100;
    const HeapProfile profile = record(options_for({kSubject, "leak", "200000", "100"}, 4096, path));
    REQUIRE(profile.sampling.has_value());
    CHECK(profile.sampling->interval == 4096);
    CHECK(profile.sampling->samples > 4000);
    const TraceCost leak = at_end(profile, "leak_block");
    const double error = std::sqrt(leak.live_variance);
    CHECK(error > 0.005 * kBlocks * kSize);
    CHECK(error < 0.03 * kBlocks * kSize);
    // Six standard errors: one run in a billion is further off.
    CHECK(std::abs(static_cast<double>(leak.live_bytes) - kBlocks * kSize) < 6 * error);
    CHECK(std::abs(static_cast<double>(leak.live_blocks) - kBlocks) < 6 * error / kSize);
    CHECK(std::abs(static_cast<double>(leak.allocations) - kBlocks) < 6 * error / kSize);

    const HeapProfile again = heap::read_profile(path);
    CHECK(again.sampling == profile.sampling);
    const TraceCost read = at_end(again, "leak_block");
    CHECK(read.live_bytes == leak.live_bytes);
    CHECK(std::abs(std::sqrt(read.live_variance) - error) < 2);
}

TEST_CASE("memory that a program maps is live memory of the function that mapped it, but for the parts that it unmapped") {
    for (const Bytes interval : {Bytes{1}, Bytes{65536}}) {
        CAPTURE(interval);
        const HeapProfile profile = record(options_for({kMapped}, interval));
        for (const char* function : {"leave_mapped", "leave_trimmed", "leave_punched", "leave_grown"}) {
            CAPTURE(function);
            const double live = static_cast<double>(at_end(profile, function).live_bytes);
            CHECK(live == doctest::Approx(3.0 * (1 << 20)).epsilon(0.001));
        }
        for (const char* function : {"map_and_unmap", "map_no_memory"}) CHECK(at_end(profile, function).live_bytes == 0);
    }
}

TEST_CASE("what an allocator maps is not counted beside its blocks") {
    std::size_t tried = 0;
    for (const char* allocator : {"libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"}) {
        const std::string library = std::string("/usr/lib/x86_64-linux-gnu/") + allocator;
        if (::access(library.c_str(), R_OK) != 0) continue;
        CAPTURE(allocator);
        ++tried;
        heap::RecordOptions options = options_for({kSubject, "leak", "300", "100000"}, 1);
        options.command.environment = {{"LD_PRELOAD", library}};
        const HeapProfile profile = record(options);
        CHECK(at_end(profile, "leak_block").live_bytes == 300 * 100'000);
        CHECK(test::totals_of(profile).leaked < 300 * 100'000 + (1 << 20));
    }
    if (tried == 0) MESSAGE("skipped: no other allocator is installed");
}

TEST_CASE("behind shells, env and scripts, the program that they start is recorded, whatever helpers ran before it") {
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/start.sh";
    std::ofstream(script) << "#!/bin/sh\nls / >/dev/null\n" << kSubject << " leak 5000 24\n";
    ::chmod(script.c_str(), 0755);
    const std::string run = "ls / >/dev/null; " + kSubject + " leak 5000 24; true";
    const auto recorded = [&](const std::vector<std::string>& command, std::optional<std::string> follow = {}) {
        CAPTURE(command[0]);
        heap::RecordOptions options = options_for(command, 1, folder.path() + "/run.leak");
        options.follow = std::move(follow);
        heap::Recorder recorder = heap::Recorder::start(options);
        recorder.child().wait();
        const HeapProfile profile = recorder.finish();
        const TraceCost leak = at_end(profile, "leak_block");
        CHECK(leak.allocations == 5000);
        CHECK(leak.allocated_bytes == 5000 * 24);
        if (!options.follow) return;
        CHECK(profile.command.starts_with(kSubject));
        CHECK(leak.live_bytes == 5000 * 24);
    };
    recorded({"sh", "-c", run}, std::filesystem::canonical(kSubject).string());
    recorded({"env", "A=1", "nice", "-n", "1", kSubject, "leak", "5000", "24"}, std::filesystem::canonical(kSubject).string());
    recorded({script});
}

TEST_CASE("a program that replaces itself is recorded as what it becomes") {
    const HeapProfile profile = record(options_for({kSubject, "exec", kSubject, "sleep"}, 1));
    CHECK(profile.warnings.empty());
    CHECK(at_end(profile, "leak_block").allocations == 0);  // of the first image
    CHECK(profile.duration > std::chrono::milliseconds(500));
}

TEST_CASE("a program that replaces itself when it is told to end keeps what was recorded until then") {
    const TemporaryDirectory folder;
    const std::string progress = folder.path() + "/ready";
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "reload", progress}, 1));
    for (int tries = 0; tries < 6000 && !std::filesystem::exists(progress); ++tries) ::usleep(10'000);
    recorder.mark(HeapMark::Kind::round_end, "round 1");
    recorder.child().signal(SIGTERM);
    CHECK(recorder.child().wait().code == 0);
    const HeapProfile profile = recorder.finish();
    const auto mark = std::find_if(profile.marks.begin(), profile.marks.end(), [](const HeapMark& m) { return m.label == "round 1"; });
    REQUIRE(mark != profile.marks.end());
    CHECK(in_function(profile, static_cast<std::size_t>(mark - profile.marks.begin()), "leak_block").live_bytes == 5000 * 24);
}

TEST_CASE("forked children are recorded: each has what it inherited and what it allocated itself") {
    const TemporaryDirectory folder;
    const std::string progress = folder.path() + "/ready";
    for (const Bytes interval : {Bytes{1}, Bytes{1024}}) {
        CAPTURE(interval);
        std::filesystem::remove(progress);
        heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "tree", "3", "2000", "100", progress}, interval));
        for (int tries = 0; tries < 6000 && !std::filesystem::exists(progress); ++tries) ::usleep(10'000);
        recorder.mark(HeapMark::Kind::interval, "all there");
        recorder.child().signal(SIGTERM);
        recorder.child().wait();
        const HeapProfile profile = recorder.finish();
        const auto mark =
            std::find_if(profile.marks.begin(), profile.marks.end(), [](const HeapMark& m) { return m.label == "all there"; });
        REQUIRE(mark != profile.marks.end());
        const auto index = static_cast<std::size_t>(mark - profile.marks.begin());
        // Before the forks: the parent's, and a copy in each child.
        const TraceCost inherited = in_function(profile, index, "before_forks(int"), own = in_function(profile, index, "in_child(int");
        if (interval == 1) {
            CHECK(inherited.live_bytes == 4 * 2000 * 100);
            CHECK(own.live_bytes == 3 * 2000 * 100);
        } else {
            // What is inherited is the same samples four times.
            CHECK(std::abs(static_cast<double>(inherited.live_bytes) - 4 * 2000 * 100) < 6 * 2 * std::sqrt(inherited.live_variance));
            CHECK(std::abs(static_cast<double>(own.live_bytes) - 3 * 2000 * 100) < 6 * std::sqrt(own.live_variance));
        }
    }
}

TEST_CASE("processes are told apart if asked for, also in the file, and their sum stays the same") {
    const TemporaryDirectory folder;
    const std::string progress = folder.path() + "/ready", path = folder.path() + "/run.leak";
    heap::RecordOptions options = options_for({kSubject, "tree", "3", "2000", "100", progress}, 1, path);
    options.children = heap::Children::each;
    heap::Recorder recorder = heap::Recorder::start(options);
    for (int tries = 0; tries < 6000 && !std::filesystem::exists(progress); ++tries) ::usleep(10'000);
    recorder.mark(HeapMark::Kind::interval, "all there");
    const int parent = recorder.child().pid();
    recorder.child().signal(SIGTERM);
    recorder.child().wait();
    recorder.finish();
    const HeapProfile profile = heap::read_profile(path);
    const auto mark = std::find_if(profile.marks.begin(), profile.marks.end(), [](const HeapMark& m) { return m.label == "all there"; });
    REQUIRE(mark != profile.marks.end());
    const auto index = static_cast<std::size_t>(mark - profile.marks.begin());
    CHECK(in_function(profile, index, "before_forks(int").live_bytes == 4 * 2000 * 100);
    REQUIRE(profile.processes.size() == 4);
    const std::string children = fmt::format("heap_subject, child of {}, pid ", parent);
    for (const IpId ip : profile.processes) {
        const std::string name = profile.string(profile.frames[profile.ips[ip.value - 1].first_frame].function);
        CAPTURE(name);
        const bool is_parent = name == fmt::format("heap_subject, pid {}", parent);
        CHECK((is_parent || name.starts_with(children)));
        // Its own blocks, besides what it inherited.
        std::int64_t inherited = 0, own = 0;
        for (const auto& [trace, cost] : test::costs_at(profile, index)) {
            if (!test::passes_through(profile, TraceId{trace + 1}, name)) continue;
            if (test::passes_through(profile, TraceId{trace + 1}, "before_forks(int")) inherited += cost.live_bytes;
            if (test::passes_through(profile, TraceId{trace + 1}, "in_child(int")) own += cost.live_bytes;
        }
        CHECK(inherited == 2000 * 100);
        CHECK(own == (is_parent ? 0 : 2000 * 100));
    }
}

TEST_CASE("processes that have ended take no descriptors of the recorder, and what they allocated counts") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit few{128, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    const HeapProfile profile = record(options_for({kSubject, "successors", "300"}, 1));
    ::setrlimit(RLIMIT_NOFILE, &before);
    const TraceCost of_children = at_end(profile, "in_child");
    CHECK(of_children.allocations == 300 * 10);
    CHECK(of_children.live_bytes == 0);
    CHECK(profile.warnings == std::vector<std::string>{});
}

TEST_CASE("beneath signal handlers and code without call frame information the stack goes on") {
    const HeapProfile profile = record(options_for({kSubject, "odd"}, 1));
    const TraceCost leak = at_end(profile, "leak_block"), of_main = at_end(profile, "main");
    CHECK(leak.live_bytes == 100 * (100 + 200 + 300));
    // All but those whose caller keeps no frame pointer and has no information.
    TraceCost with_both;
    for (const auto& [index, cost] : test::costs_at(profile, profile.marks.size() - 1))
        if (test::passes_through(profile, TraceId{index + 1}, "leak_block") && test::passes_through(profile, TraceId{index + 1}, "main"))
            with_both.live_bytes += cost.live_bytes;
    CHECK(with_both.live_bytes >= 100 * (100 + 300));
    CHECK(of_main.live_bytes >= with_both.live_bytes);
}

TEST_CASE("plugins that are loaded in turns to the same place are told apart") {
    const std::string bin = LEAKLINE_BIN_DIR;
    const HeapProfile profile = record(
        options_for({kSubject, "plugins", bin + "/unwind_frame_128.so", bin + "/unwind_frame_256.so", bin + "/unwind_frame_512.so"}, 1));
    CHECK(at_end(profile, "in_plugin").live_blocks == 21);
    for (const char* name : {"frame_128", "frame_256", "frame_512"}) {
        CAPTURE(name);
        std::int64_t blocks = 0;
        for (const auto& [index, cost] : test::costs_at(profile, profile.marks.size() - 1)) {
            bool inside = false;
            for (TraceId at{index + 1}; at; at = profile.traces[at.value - 1].parent)
                inside =
                    inside || profile.string(profile.ips[profile.traces[at.value - 1].ip.value - 1].module).find(name) != std::string::npos;
            if (inside && test::passes_through(profile, TraceId{index + 1}, "in_plugin")) blocks += cost.live_blocks;
        }
        CHECK(blocks == 7);
    }
}

TEST_CASE("a program that is killed leaves all that it did until then") {
    const TemporaryDirectory folder;
    const std::string progress = folder.path() + "/count";
    for (const Bytes interval : {Bytes{1}, Bytes{4096}}) {
        CAPTURE(interval);
        std::filesystem::remove(progress);
        heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "toil", progress}, interval));
        std::uint64_t count = 0;
        for (int tries = 0; tries < 6000 && count < 10'000; ++tries) {
            ::usleep(10'000);
            std::ifstream(progress, std::ios::binary).read(reinterpret_cast<char*>(&count), sizeof count);
        }
        ::kill(recorder.child().pid(), SIGKILL);
        recorder.child().wait();
        const HeapProfile profile = recorder.finish();
        std::ifstream(progress, std::ios::binary).read(reinterpret_cast<char*>(&count), sizeof count);
        const auto leaked = static_cast<double>(at_end(profile, "leak_block").live_blocks);
        const double expected = static_cast<double>(count / 16 + 1);
        if (interval == 1) {
            CHECK(std::abs(leaked - expected) <= 1);  // the last one was under way
        } else {
            CHECK(std::abs(leaked - expected) <= 8 * std::sqrt(expected * 4096 / 24) + 1);
        }
        CHECK(profile.completeness == Completeness::complete);
    }
}

TEST_CASE("a program that allocates too little for a sample has a recording without lines, and no error") {
    const HeapProfile profile = record(options_for({"/bin/true"}, Bytes{1} << 30));
    CHECK(profile.sampling.has_value());
    CHECK_FALSE(profile.marks.empty());
}

TEST_CASE("what the agent cannot do is refused before anything is started") {
    const TemporaryDirectory folder;
    heap::RecordOptions raw = options_for({kSubject}, 1, folder.path() + "/run.leak");
    raw.keep_raw = folder.path() + "/run.raw";
    CHECK_THROWS_WITH_AS(heap::Recorder::start(raw), doctest::Contains("only heaptrack's tracker writes a raw stream"), Error);
    heap::RecordOptions each = options_for({kSubject}, 1, folder.path() + "/run.leak");
    each.with = heap::RecordWith::heaptrack;
    each.children = heap::Children::each;
    CHECK_THROWS_WITH_AS(heap::Recorder::start(each), doctest::Contains("heaptrack's tracker records one process only"), Error);
    CHECK_THROWS_WITH_AS(heap::Recorder::start(options_for({kSubject}, 0)), doctest::Contains("must be between 1 byte and 512 GiB"), Error);
    CHECK_THROWS_AS(heap::Recorder::start(options_for({kSubject + "_static"}, 1)), heap::NotRecordable);
}

TEST_CASE("programs that abuse the allocator, their stacks, signals and processes run as without the agent") {
    Command list;
    const TemporaryDirectory folder;
    list.arguments = {kAbuse, "list"};
    list.output_file = folder.path() + "/modes";
    Child::start(list).wait();
    const std::string modes = read_file(list.output_file);
    std::size_t tried = 0;
    for (const std::string_view mode : split(modes, '\n')) {
        if (mode.empty()) continue;
        for (const std::uint64_t interval : {1, 64, 65536}) {
            CAPTURE(mode);
            CAPTURE(interval);
            const Loaded loaded(interval);
            Child child = Child::start(loaded.command({kAbuse, std::string(mode)}));
            const auto status = child.wait_for(seconds(120));
            REQUIRE_MESSAGE(status.has_value(), "it hangs");
            CHECK(status->code == 0);
            CHECK(status->signal == 0);
            CHECK(loaded.output() == "ok\n");
            ++tried;
            const std::size_t segments = check_segments(loaded);
            if (mode != "small_files") CHECK(segments >= 1);
        }
    }
    CHECK(tried >= 60);
}

TEST_CASE("programs that load and unload an interpreter again and again, and fork, end as they do without the agent") {
    std::vector<test::EmbeddedPython> some = test::embedded_pythons();
    some.resize(std::min<std::size_t>(some.size(), 2));  // each takes seconds
    for (const test::EmbeddedPython& embedded : some) {
        CAPTURE(embedded.python);
        const Loaded loaded(1);
        Command command = loaded.command({std::string(LEAKLINE_BIN_DIR) + "/heap_late_python", "abuse", embedded.library});
        command.environment.emplace_back("PYTHONHOME", embedded.home);
        Child child = Child::start(command);
        const auto status = child.wait_for(seconds(240));
        REQUIRE_MESSAGE(status.has_value(), "it hangs");
        INFO(loaded.output());
        CHECK(status->code == 0);
        CHECK(status->signal == 0);
        CHECK(check_segments(loaded) >= 2);
    }
    if (some.empty()) MESSAGE("skipped: no interpreter has a shared library");
}

TEST_CASE("a file system without room costs samples, not the program") {
    const Loaded loaded(1);
    const std::string segments = loaded.segments();
    // Room for the head of the segment and some of its samples.
    if (::mount("none", segments.c_str(), "tmpfs", 0, "size=2560k") != 0) {
        MESSAGE("skipped: no right to mount");
        return;
    }
    Child child = Child::start(loaded.command({kSubject, "leak", "200000", "16"}));
    CHECK(child.wait().code == 7);
    bool lost = false;
    for (const auto& entry : std::filesystem::directory_iterator(segments)) {
        heap::SegmentReader segment(Descriptor(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC)), entry.path());
        CHECK(segment.read());
        lost = lost || segment.losses().samples > 0;
    }
    CHECK(lost);
    ::umount(segments.c_str());
}
