// Which file a sample goes to.
#include "leakline/sample_outputs.hpp"
#include "base/quantities.hpp"
#include "system/byte_source.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace leakline::cli;
using namespace std::chrono_literals;

namespace {

MemorySample sample_of(Bytes bytes) {
    MemorySample sample;
    sample.at = 1700000000s;
    sample.values[static_cast<std::size_t>(Metric::cgroup)] = bytes;
    return sample;
}

}  // namespace

TEST_CASE("several cgroups have a file each, named by the cgroup, of a container by its short id") {
    const TemporaryDirectory folder;
    SampleOutputs outputs({folder.path() + "/s.csv"}, {});
    memory::SampleLayout layout;
    layout.metrics = {Metric::cgroup};
    outputs.begin(layout, SampleOutputs::Processes::several);
    const std::string id(64, 'a');
    outputs.add({"/sys/fs/cgroup/docker/" + id, 0, 0}, sample_of(1));
    outputs.add({"/sys/fs/cgroup/a/web api", 0, 0}, sample_of(2));
    outputs.add({"/sys/fs/cgroup/b/web api", 0, 0}, sample_of(3));
    outputs.add({"api", 77, 5}, sample_of(4));
    outputs.add({"/sys/fs/cgroup/c/db/", 0, 0}, sample_of(5));
    outputs.end_tick();
    outputs.finish();
    const std::string stem = folder.path() + "/s.";
    CHECK(outputs.written() == std::vector<std::string>{stem + "aaaaaaaaaaaa.csv", stem + "web_api.csv", stem + "web_api-2.csv",
                                                        stem + "77.csv", stem + "db.csv"});
    const std::string head = "unix_ms,cgroup_bytes\n1700000000000,";
    CHECK(read_file(stem + "aaaaaaaaaaaa.csv") == head + "1\n");
    CHECK(read_file(stem + "web_api.csv") == head + "2\n");
    CHECK(read_file(stem + "web_api-2.csv") == head + "3\n");
    CHECK(read_file(stem + "77.csv") == head + "4\n");
}
