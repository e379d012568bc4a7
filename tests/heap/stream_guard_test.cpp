// Programs that close or take over descriptors which they did not open, recorded.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "heap/recorder.hpp"
#include "streams.hpp"

using namespace leakline;

namespace {

heap::Recorder start(std::vector<std::string> ways) {
    heap::RecordOptions options;
    options.with = heap::RecordWith::heaptrack;
    options.command.arguments = std::move(ways);
    options.command.arguments.insert(options.command.arguments.begin(), std::string(LEAKLINE_BIN_DIR) + "/heap_closer");
    return heap::Recorder::start(std::move(options));
}

}  // namespace

TEST_CASE("a program that closes all descriptors, or takes their numbers, is recorded to its end and keeps its files to itself") {
    const std::vector<std::string> ways = {"closefrom", "close_range", "unshare", "cloexec", "number", "loop", "dup2",
                                           "dup3",      "dup2_number", "threads", "handler", "fork",   "vfork"};
    heap::Recorder recorder = start(ways);
    const ExitStatus status = recorder.child().wait();
    CHECK(status.code == 0);
    CHECK(status.signal == 0);
    const HeapProfile profile = recorder.finish();
    CHECK(profile.completeness == Completeness::complete);
    CHECK(profile.damage.empty());
    CHECK(test::totals_of(profile).calls >= ways.size() * 100'000);
}

TEST_CASE("a program that wants the stream's number while a write to it waits is told so, and nothing is lost") {
    // The collecting process reads nothing for a while: the pipe is full, and threads wait in a write.
    const std::string closer = std::string(LEAKLINE_BIN_DIR) + "/heap_closer";
    const std::string script = test::kStopCollector + "(sleep 0.7; kill -CONT $collector) & " + closer + " threads";
    heap::RecordOptions options;
    options.with = heap::RecordWith::heaptrack;
    options.command.arguments = {"sh", "-c", script};
    options.follow = std::filesystem::canonical(closer).string();
    heap::Recorder recorder = heap::Recorder::start(std::move(options));
    CHECK(recorder.child().wait().code == 0);
    const HeapProfile profile = recorder.finish();
    CHECK(profile.completeness == Completeness::complete);
    CHECK(test::totals_of(profile).calls >= 100'000);
}

TEST_CASE("a stream that a program closes by system calls of its own ends there, and is no recording of the program") {
    std::vector<heap::Recorder> recorders;
    for (const char* how : {"raw", "raw_dup2"}) recorders.push_back(start({how}));
    for (heap::Recorder& recorder : recorders) {
        CHECK(recorder.child().wait().code == 0);
        try {
            recorder.finish();
            FAIL("must throw");
        } catch (const Error& error) {
            CHECK(std::string(error.what()).find("closed the descriptor that heaptrack's tracker writes to, ") != std::string::npos);
        }
    }
}
