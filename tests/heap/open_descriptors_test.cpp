// Descriptors in recordings of the agent: what is open, by the functions that opened it, in programs that open and close in every way.
#include <doctest/doctest.h>

#include <map>

#include "heap/profile_reader.hpp"
#include "heap/recorder.hpp"
#include "open_resources.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

const std::string kProgram = std::string(LEAKLINE_BIN_DIR) + "/heap_open_descriptors";

struct Recorded {
    HeapProfile profile;
    std::optional<ExitStatus> status;
};

Recorded record(const std::string& mode, const std::string& output = {}) {
    heap::RecordOptions options;
    options.with = heap::RecordWith::agent;
    options.sample_interval = 65536;
    options.mark_interval = std::chrono::milliseconds(100);
    options.command.arguments = {kProgram, mode};
    options.command.standard_output = Command::Stream::null;
    options.output = output;
    heap::Recorder recorder = heap::Recorder::start(options);
    recorder.child().wait();
    const auto status = recorder.child().status();
    return {recorder.finish(), status};
}

std::map<std::string, std::uint64_t> open_at(const HeapProfile& profile, std::size_t mark) {
    return test::open_at(profile, mark, Resource::descriptors, "/open_descriptors.cpp");
}
std::map<std::string, std::uint64_t> open_at_end(const HeapProfile& profile) { return open_at(profile, profile.marks.size() - 1); }

}  // namespace

TEST_CASE("descriptors that are left open are counted at the function that opened them, in every way; closed ones are not") {
    const TemporaryDirectory folder;
    const Recorded run = record("all", folder.path() + "/run.leak");
    REQUIRE(run.status);
    CHECK(run.status->shell_code() == 0);
    std::map<std::string, std::uint64_t> expected;
    for (const char* way : {"open",    "openat",   "creat",  "mkstemp", "fopen",      "freopen", "fstream", "tmpfile", "opendir",
                            "popen",   "memfd",    "socket", "dup",     "dup2",       "fcntl",   "eventfd", "timerfd", "epoll",
                            "inotify", "signalfd", "pipe",   "pipe2",   "socketpair", "accept",  "received"})
        expected[std::string("leave_") + way] = 3;
    CHECK(open_at_end(run.profile) == expected);
    const HeapProfile again = heap::read_profile(folder.path() + "/run.leak");
    CHECK(open_at_end(again) == expected);
}

TEST_CASE("what other threads, signal handlers, cancellations, vfork and sandboxes do to descriptors loses none and invents none") {
    const std::map<std::string, std::uint64_t> left = {{"leave_open", 3}};
    for (const char* mode : {"threads", "signals", "cancellations", "vforks", "sandbox"}) {
        CAPTURE(mode);
        const Recorded run = record(mode);
        REQUIRE(run.status);
        CHECK(run.status->shell_code() == 0);
        CHECK(open_at_end(run.profile) == left);
    }
}

TEST_CASE("forked children that close everything change nothing; those of a child that works on are counted while it lives") {
    const Recorded run = record("forks");
    REQUIRE(run.status);
    CHECK(run.status->shell_code() == 0);
    CHECK(open_at_end(run.profile) == std::map<std::string, std::uint64_t>{{"leave_open", 3}});
    std::uint64_t most = 0;
    for (std::size_t mark = 0; mark < run.profile.marks.size(); ++mark) {
        const auto open = open_at(run.profile, mark);
        if (const auto worker = open.find("open_many"); worker != open.end()) most = std::max(most, worker->second);
    }
    // The agent begins in a child at its 17th open.
    CHECK(most >= 20);
    CHECK(most <= 40);
}
