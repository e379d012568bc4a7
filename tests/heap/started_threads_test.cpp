// Threads in recordings of the agent, by the functions that started them.
#include <doctest/doctest.h>

#include <algorithm>

#include "heap/recorder.hpp"
#include "open_resources.hpp"
#include "system/byte_source.hpp"
#include "system/clock.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using Counts = std::map<std::string, std::uint64_t>;

TEST_CASE("threads that run, and those that ended without being joined or detached, are counted at the function that started them") {
    const TemporaryDirectory folder;
    heap::RecordOptions options;
    options.with = heap::RecordWith::agent;
    options.sample_interval = 65536;
    options.mark_interval = std::chrono::hours(1);
    options.command.arguments = {std::string(LEAKLINE_BIN_DIR) + "/heap_started_threads"};
    options.command.output_file = folder.path() + "/output";
    heap::Recorder recorder = heap::Recorder::start(options);
    while (recorder.child().running() && read_file(options.command.output_file) != "ok\n")
        system_clock().sleep_until(system_clock().monotonic() + std::chrono::milliseconds(20));
    REQUIRE(recorder.child().running());
    recorder.mark(HeapMark::Kind::interval, "now");
    recorder.child().terminate(std::chrono::seconds(1));
    const HeapProfile profile = recorder.finish();
    const auto now = std::find_if(profile.marks.begin(), profile.marks.end(), [](const HeapMark& mark) { return mark.label == "now"; });
    REQUIRE(now != profile.marks.end());
    const auto mark = static_cast<std::size_t>(now - profile.marks.begin());
    const auto open = [&](Resource resource) { return test::open_at(profile, mark, resource, "/started_threads.cpp"); };
    CHECK(open(Resource::threads) == Counts{{"leave_running", 3}});
    CHECK(open(Resource::mappings) == Counts{{"leave_unjoined", 3}});
}
