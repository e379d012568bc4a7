#include "heap/recorder.hpp"
#include "base/error.hpp"
#include "heap/profile_reader.hpp"
#include "streams.hpp"
#include "support/comes_true.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace leakline;
using std::chrono::seconds;

namespace {

const std::string kSubject = std::string(LEAKLINE_BIN_DIR) + "/heap_subject";

heap::RecordOptions options_for(std::vector<std::string> arguments, const std::string& output = {}) {
    heap::RecordOptions options;
    options.with = heap::RecordWith::heaptrack;
    options.command.arguments = std::move(arguments);
    options.command.standard_output = Command::Stream::null;
    options.output = output;
    return options;
}

void wait_for_number(const std::string& path, int number) {
    for (int tries = 0; tries < 6000; ++tries) {
        int seen = -1;
        std::ifstream(path) >> seen;
        if (seen == number) return;
        ::usleep(10000);
    }
    FAIL("the subject did not get to round ", number);
}

Error failure_of(heap::Recorder& recorder) {
    try {
        recorder.finish();
    } catch (const Error& error) {
        return error;
    }
    FAIL("must throw");
    throw 0;
}

}  // namespace

TEST_CASE("a recording has every byte of a leak, at its function and line, and the program's exit code") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/run.leak";
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "leak", "5000", "24"}, path));
    CHECK(recorder.child().wait().code == 7);
    const HeapProfile profile = recorder.finish();
    CHECK(profile.completeness == Completeness::complete);
    CHECK(profile.damage.empty());
    CHECK(profile.started.has_value());
    const TraceCost leak = test::cost_through(profile, profile.marks.size() - 1, "leak_block");
    CHECK(leak.live_blocks == 5000);
    CHECK(leak.live_bytes == 5000 * 24);
    const auto at_subject = [&](const Frame& frame) { return profile.string(frame.file).ends_with("subject.cpp") && frame.line > 0; };
    CHECK(std::any_of(profile.frames.begin(), profile.frames.end(), at_subject));

    const HeapProfile again = heap::read_profile(path);
    CHECK(test::totals_of(again) == test::totals_of(profile));
    CHECK(again.events == profile.events);
    CHECK(again.peak == profile.peak);
}

TEST_CASE("functions that the compiler made are marked, by the debug info, in the recording as well") {
    const TemporaryDirectory folder;
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "members", "500"}, folder.path() + "/run.leak"));
    recorder.child().wait();
    for (const HeapProfile& profile : {recorder.finish(), heap::read_profile(folder.path() + "/run.leak")}) {
        int implicit = 0, written = 0;
        for (const Frame& frame : profile.frames) {
            const std::string& function = profile.string(frame.function);
            if (function.find("Implicit") != function.npos) {
                ++implicit;
                CHECK(frame.generated);
            } else if (function.find("Written") != function.npos) {
                ++written;
                CHECK_FALSE(frame.generated);
            }
        }
        CHECK(implicit > 0);
        CHECK(written > 0);
    }
}

TEST_CASE("behind shells, env and scripts, the program that they start is recorded, whatever helpers ran before it") {
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/start.sh";
    std::ofstream(script) << "#!/bin/sh\nmkdir -p " << folder.path() << "/x\nls / >/dev/null\n" << kSubject << " leak 5000 24\n";
    ::chmod(script.c_str(), 0755);
    const std::string run = "ls / >/dev/null; " + kSubject + " leak 5000 24; true";
    const auto recorded = [&](const std::vector<std::string>& command, std::optional<std::string> follow = {}) {
        CAPTURE(command[0]);
        heap::RecordOptions options = options_for(command, folder.path() + "/run.leak");
        options.follow = std::move(follow);
        heap::Recorder recorder = heap::Recorder::start(options);
        recorder.child().wait();
        CHECK(test::comes_true([&] { return recorder.pid() > 0; }));
        const HeapProfile profile = recorder.finish();
        CHECK(profile.command.starts_with(kSubject));
        const TraceCost leak = test::cost_through(profile, profile.marks.size() - 1, "leak_block");
        CHECK(leak.live_blocks == 5000);
        CHECK(leak.live_bytes == 5000 * 24);
        CHECK(test::totals_of(heap::read_profile(folder.path() + "/run.leak")) == test::totals_of(profile));
    };
    recorded({"sh", "-c", run});
    recorded({"env", "A=1", "nice", "-n", "1", kSubject, "leak", "5000", "24"});
    recorded({script});
    recorded({"sh", "-c", run + "; exec ls /"}, std::filesystem::canonical(kSubject).string());
    heap::Recorder other = heap::Recorder::start([&] {
        heap::RecordOptions options = options_for({"sh", "-c", "true; true"});
        options.follow = std::filesystem::canonical(kSubject).string();
        return options;
    }());
    other.child().wait();
    CHECK(other.pid() == 0);
    CHECK(failure_of(other).message().find("heap_subject, which it started, could not be recorded") != std::string::npos);
}

TEST_CASE("behind a wrapper, the raw stream begins with the program's first bytes, also where they come with a helper's last") {
    for (const std::string& helper : {std::string(), kSubject + " leak 3000 8; "}) {
        CAPTURE(helper);
        const TemporaryDirectory folder;
        // The collecting process reads nothing until all have ended.
        const std::string script = test::kStopCollector + helper + kSubject + " leak 5000 24; kill -CONT $collector";
        heap::RecordOptions options = options_for({"sh", "-c", script}, folder.path() + "/run.leak");
        options.follow = std::filesystem::canonical(kSubject).string();  // so that a helper may take long
        options.keep_raw = folder.path() + "/run.raw.zst";
        heap::Recorder recorder = heap::Recorder::start(options);
        recorder.child().wait();
        const HeapProfile recorded = recorder.finish(), raw = heap::read_profile(options.keep_raw);
        CHECK(test::cost_through(recorded, recorded.marks.size() - 1, "leak_block").live_bytes == 5000 * 24);
        CHECK(raw.damage.empty());
        CHECK(raw.events == recorded.events);
        CHECK(test::totals_of(raw) == test::totals_of(recorded));
    }
}

TEST_CASE("a program that starts after a helper of more than a second is recorded where it is named, else the recording warns") {
    const TemporaryDirectory folder;
    heap::RecordOptions named = options_for({"sh", "-c", kSubject + " sleep 1; " + kSubject + " leak 5000 24; true"});
    named.follow = std::filesystem::canonical(kSubject).string();
    heap::Recorder first = heap::Recorder::start(named);
    first.child().wait();
    const HeapProfile profile = first.finish();
    CHECK(test::cost_through(profile, profile.marks.size() - 1, "leak_block").live_blocks == 5000);

    heap::Recorder second =
        heap::Recorder::start(options_for({"sh", "-c", "sleep 2; " + kSubject + " toil " + folder.path() + "/n; true"}));
    const auto warned = [&] {
        const std::vector<std::string> warnings = second.finish().warnings;
        return std::any_of(warnings.begin(), warnings.end(), [&](const std::string& text) {
            return text.find("sleep was recorded, but " + std::filesystem::canonical(kSubject).string() +
                             ", which was started after it, did more work and was not recorded: record that program directly") != text.npos;
        });
    };
    // One look in a second counts: one that sees the helper, and two that see the program.
    for (int look = 0, at_work = 0; look < 300 && at_work < 30; ++look) {
        second.child().wait_for(std::chrono::milliseconds(100));
        second.look_for_children();
        at_work += std::filesystem::exists(folder.path() + "/n") ? 1 : 0;
    }
    second.child().terminate(seconds(0));
    CHECK(warned());
}

namespace {

// Of 24 bytes, live at the end of each of three rounds. Each round allocates 100 of them, ~3 KB of text: less than the tracker's buffer.
std::vector<std::int64_t> blocks_at_marks() {
    const TemporaryDirectory folder;
    const std::string progress = folder.path() + "/round";
    heap::RecordOptions options = options_for({kSubject, "rounds", progress});
    options.mark_interval = std::chrono::hours(1);
    heap::Recorder recorder = heap::Recorder::start(options);
    wait_for_number(progress, 0);
    for (int round = 1; round <= 3; ++round) {
        recorder.child().signal(SIGUSR1);
        wait_for_number(progress, round);
        recorder.mark(HeapMark::Kind::round_end, "round " + std::to_string(round), round * 10);
    }
    recorder.child().signal(SIGTERM);
    CHECK(recorder.child().wait().code == 0);
    const HeapProfile profile = recorder.finish();
    std::vector<std::int64_t> blocks;
    for (std::size_t i = 0; i < profile.marks.size(); ++i) {
        if (profile.marks[i].kind != HeapMark::Kind::round_end) continue;
        blocks.push_back(test::cost_through(profile, i, "leak_block").live_blocks);
        CHECK(profile.marks[i].label == "round " + std::to_string(blocks.size()));
        CHECK(profile.marks[i].requests == blocks.size() * 10);
        CHECK(profile.marks[i].rss.has_value());
    }
    return blocks;
}

}  // namespace

TEST_CASE("a mark has all that happened before it, though the tracker has not written it yet") {
    // A mark lies at the tracker's next tick, which comes after the blocks of the next round where the machine is too busy for ticks.
    std::vector<std::int64_t> blocks;
    const std::vector<std::int64_t> expected = {100, 200, 300};
    for (int tries = 0; tries < 3 && blocks != expected; ++tries) {
        blocks = blocks_at_marks();
        for (std::size_t i = 0; i < blocks.size() && i < expected.size(); ++i) CHECK(blocks[i] >= expected[i]);
    }
    CHECK(blocks == expected);
}

TEST_CASE("settle waits until a quiet program's tracker has written past the mark") {
    const TemporaryDirectory folder;
    const std::string progress = folder.path() + "/round";
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "rounds", progress}));
    wait_for_number(progress, 0);
    recorder.child().signal(SIGUSR1);
    wait_for_number(progress, 1);
    recorder.mark(HeapMark::Kind::round_end, "round 1");
    CHECK(recorder.settle(seconds(60)));
    recorder.child().signal(SIGKILL);
    recorder.child().wait();
    const HeapProfile profile = recorder.finish();
    const auto round = std::find_if(profile.marks.begin(), profile.marks.end(),
                                    [](const HeapMark& mark) { return mark.kind == HeapMark::Kind::round_end; });
    REQUIRE(round != profile.marks.end());
    CHECK(test::cost_through(profile, static_cast<std::size_t>(round - profile.marks.begin()), "leak_block").live_blocks == 100);
    CHECK(profile.completeness == Completeness::final_tick);
}

TEST_CASE("a program that replaces itself is an error that names the other program") {
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "exec", "/bin/sleep"}));
    recorder.child().wait();
    const Error error = failure_of(recorder);
    CHECK(error.kind() == ErrorKind::system);
    CHECK(error.message().find("sleep (exec), and the tracker records only the first program") != std::string::npos);
}

TEST_CASE("a program that starts itself anew is an error that says so") {
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "exec", kSubject, "sleep"}));
    recorder.child().wait();
    CHECK(failure_of(recorder).message() == "restarted itself (exec), and the tracker stops recording there");
}

TEST_CASE("a program that goes into the background is an error that says so") {
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "daemon"}));
    recorder.child().wait();
    CHECK(failure_of(recorder).message() ==
          "went into the background (it ended at once and left a child), and the tracker does not follow forks");
}

TEST_CASE("that children did the work is a warning of the recording") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/run.leak";
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "workers"}, path));
    while (!recorder.child().wait_for(std::chrono::milliseconds(100))) recorder.look_for_children();
    recorder.finish();
    const HeapProfile profile = heap::read_profile(path);
    REQUIRE(profile.warnings.size() == 1);
    CAPTURE(profile.warnings[0]);
    CHECK(profile.warnings[0].starts_with("2 child processes that did work were not recorded (one: pid "));
    CHECK(profile.warnings[0].find(", " + std::filesystem::canonical(kSubject).string() + "): the tracker does not follow forks;") !=
          std::string::npos);
}

TEST_CASE("a start that fails leaves no file, and an old recording as it was") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/run.leak";
    CHECK_THROWS_AS(heap::Recorder::start(options_for({"/nonexistent/svc"}, path)), Error);
    CHECK(::access(path.c_str(), F_OK) != 0);
    ::setenv("LEAKLINE_HEAPTRACK_DIR", "/nonexistent", 1);
    try {
        heap::Recorder::start(options_for({kSubject, "leak", "1", "1"}, path));
        FAIL("must throw");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::system);
        CHECK(error.hint().find("apt-get install heaptrack") != std::string::npos);
    }
    ::unsetenv("LEAKLINE_HEAPTRACK_DIR");
    CHECK(::access(path.c_str(), F_OK) != 0);
    std::ofstream(path) << "what was there";
    CHECK_THROWS_AS(heap::Recorder::start(options_for({"/nonexistent/svc"}, path)), Error);
    CHECK(read_file(path) == "what was there");
    CHECK_THROWS_AS(heap::Recorder::start(options_for({kSubject}, folder.path() + "/no/such/folder/run.leak")), Error);
    heap::RecordOptions both = options_for({kSubject}, path);
    both.keep_raw = folder.path() + "/./run.leak";
    CHECK_THROWS_AS(heap::Recorder::start(both), Error);
    CHECK(read_file(path) == "what was there");
}

TEST_CASE("nothing of an older, longer recording is left behind a new one, nor behind its raw stream") {
    const TemporaryDirectory folder;
    heap::RecordOptions options = options_for({kSubject, "leak", "3", "8"}, folder.path() + "/run.leak");
    options.keep_raw = folder.path() + "/run.raw.zst";
    for (const std::string& path : {options.output, options.keep_raw}) std::ofstream(path) << std::string(1'000'000, 'x');
    heap::Recorder recorder = heap::Recorder::start(options);
    recorder.child().wait();
    const HeapProfile recorded = recorder.finish();
    for (const std::string& path : {options.output, options.keep_raw}) {
        CAPTURE(path);
        const HeapProfile profile = heap::read_profile(path);
        CHECK(profile.events == recorded.events);
        CHECK(profile.damage.empty());
        CHECK(profile.completeness == Completeness::complete);
    }
}

TEST_CASE("reallocs of four threads leave nothing behind") {
    heap::Recorder recorder = heap::Recorder::start(options_for({kSubject, "race", "20000"}));
    CHECK(recorder.child().wait().code == 0);
    const HeapProfile profile = recorder.finish();
    CHECK(test::cost_through(profile, profile.marks.size() - 1, "race").live_bytes < 4096);  // the threads' own blocks
    CHECK(profile.events > 150000);
}
