// Whole recordings with our unwinder and with libunwind.
#include <doctest/doctest.h>

#include <csignal>
#include <map>

#include "base/error.hpp"
#include "heap/recorder.hpp"
#include "streams.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

const std::string kSubject = std::string(LEAKLINE_BIN_DIR) + "/heap_subject";

heap::Recorder start(const char* unwinder, std::vector<std::string> arguments) {
    heap::RecordOptions options;
    options.with = heap::RecordWith::heaptrack;
    options.command.arguments = std::move(arguments);
    options.command.standard_output = Command::Stream::null;
    ::setenv("LEAKLINE_UNWINDER", unwinder, 1);
    heap::Recorder recorder = heap::Recorder::start(std::move(options));
    ::unsetenv("LEAKLINE_UNWINDER");
    return recorder;
}

struct Cost {
    std::int64_t live_bytes = 0, live_blocks = 0, allocations = 0;
    bool operator==(const Cost&) const = default;
};

// By "function:line function:line ...", from the inside out.
std::map<std::string, Cost> stacks_of(const HeapProfile& profile) {
    std::map<std::string, Cost> stacks;
    for (const auto& [id, cost] : test::costs_at(profile, profile.marks.size() - 1)) {
        std::string stack;
        for (TraceId at{id + 1}; at; at = profile.traces[at.value - 1].parent) {
            const InstructionPointer& ip = profile.ips[profile.traces[at.value - 1].ip.value - 1];
            for (std::uint32_t i = 0; i < ip.frame_count; ++i) {
                const Frame& frame = profile.frames[ip.first_frame + i];
                stack += profile.string(frame.function) + ":" + std::to_string(frame.line) + " ";
            }
        }
        Cost& sum = stacks[stack];
        sum.live_bytes += cost.live_bytes;
        sum.live_blocks += cost.live_blocks;
        sum.allocations += static_cast<std::int64_t>(cost.allocations);
    }
    return stacks;
}

std::map<std::string, Cost> record(const char* unwinder, std::vector<std::string> arguments) {
    heap::Recorder recorder = start(unwinder, std::move(arguments));
    CHECK(recorder.child().wait().code == 0);
    return stacks_of(recorder.finish());
}

}  // namespace

TEST_CASE("a recorded program has our unwinder in it, or not where libunwind is asked for") {
    const auto is_loaded = [](const char* unwinder) {
        heap::Recorder recorder = start(unwinder, {kSubject, "sleep", "60"});  // ended below
        const std::string path = "/proc/" + std::to_string(recorder.child().pid()) + "/maps";
        bool loaded = false;
        for (std::string maps; maps.find("heaptrack") == std::string::npos && !recorder.child().wait_for(std::chrono::milliseconds(1));) {
            maps = read_file(path);
            loaded = maps.find("leakline-unwinder") != std::string::npos;
        }
        return loaded;
    };
    CHECK(is_loaded("leakline"));
    CHECK(!is_loaded("libunwind"));
}

TEST_CASE("after a crash of the program, the recording says how to rule our unwinder out") {
    for (const char* unwinder : {"leakline", "libunwind"}) {
        heap::Recorder recorder = start(unwinder, {kSubject, "crash"});
        CHECK(recorder.child().wait().signal == SIGSEGV);
        const HeapProfile profile = recorder.finish();
        const bool says_so = !profile.warnings.empty() && profile.warnings.back().starts_with("it was ended by signal 11 ") &&
                             profile.warnings.back().ends_with(" LEAKLINE_UNWINDER=libunwind in the environment");
        CHECK(says_so == (unwinder == std::string("leakline")));
    }
}

TEST_CASE("a kept raw stream names no file that is another one later") {
    const TemporaryDirectory folder;
    heap::RecordOptions options;
    options.command.arguments = {kSubject, "sleep"};
    options.keep_raw = folder.path() + "/run.raw.zst";
    heap::Recorder recorder = heap::Recorder::start(options);
    recorder.child().wait();
    recorder.finish();
    const std::string stream = read_all(*open_source(options.keep_raw), options.keep_raw);
    CHECK(stream.find("m 11 leakline-unwinder ") != std::string::npos);
    CHECK(stream.find(" /proc/") == std::string::npos);
}

TEST_CASE("another unwinder is a usage error that names the two") {
    try {
        start("nongnu", {kSubject, "sleep"});
        FAIL("must throw");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        CHECK(std::string(error.what()).find("unknown unwinder 'nongnu'") != std::string::npos);
    }
    ::unsetenv("LEAKLINE_UNWINDER");
}

TEST_CASE("a recording is the same with our unwinder and with libunwind, also where ours leaves the work to that") {
    // Signal handlers, and code without call frame information: libunwind must not find us in between.
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{kSubject, "pairs", "300"}, {kSubject, "odd"}}) {
        CAPTURE(arguments[1]);
        const auto ours = record("leakline", arguments), libunwinds = record("libunwind", arguments);
        CHECK(ours.size() > 3);
        CHECK(ours == libunwinds);
    }
}

// Three: two would be told apart by what libunwind, which never forgets, first saw there.
TEST_CASE("what a plugin called is recorded with its callers, though it stands where another one stood") {
    std::vector<std::string> arguments{kSubject, "plugins"};
    for (const char* object : {"128", "256", "512"}) arguments.push_back(std::string(LEAKLINE_BIN_DIR) + "/unwind_frame_" + object + ".so");
    std::int64_t found = 0;
    const auto stacks = record("leakline", arguments);
    for (const auto& entry : stacks) {
        const std::string& stack = entry.first;  // no binding: clang 14 captures none
        if (stack.find("in_plugin") == std::string::npos) continue;
        CAPTURE(stack);
        found += entry.second.allocations;
        CHECK(stack.find("plugins:") != std::string::npos);
        CHECK(stack.find("main:") != std::string::npos);
    }
    CHECK(found == 21);
}
