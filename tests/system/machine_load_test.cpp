#include "system/machine_load.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace leakline;

namespace {

// proc with one process of ours, pid 7, of so many ticks.
void write_proc(const std::string& root, const std::string& cpu, int own) {
    std::filesystem::create_directories(root + "/proc/7");
    OutputFile stat(root + "/proc/stat"), process(root + "/proc/7/stat");
    stat.write("cpu  " + cpu + "\ncpu0 1 2 3\n");
    stat.commit();
    process.write("7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 " + std::to_string(own) + " 0 0 0 20 0 1 0 100 0 0\n");
    process.commit();
}

}  // namespace

TEST_CASE("the machine's load is what others use, and what the hypervisor takes") {
    const TemporaryDirectory root;
    write_proc(root.path(), "100 0 100 800 0 0 0 0 0 0", 50);
    const MachineLoad load({7}, root.path());
    CHECK_FALSE(load.since_start());  // no time has passed
    // 1000 ticks: 300 idle, 100 stolen, 600 busy, of which 200 are ours.
    write_proc(root.path(), "500 0 300 1100 0 0 0 100 0 0", 250);
    const auto shares = load.since_start();
    REQUIRE(shares);
    CHECK(shares->steal == doctest::Approx(0.1));
    CHECK(shares->others == doctest::Approx(0.4));
}

TEST_CASE("a machine that does not tell its load has none") {
    const TemporaryDirectory root;
    CHECK_FALSE(MachineLoad({7}, root.path()).since_start());
    write_proc(root.path(), "1 2 3", 0);
    CHECK_FALSE(MachineLoad({7}, root.path()).since_start());
}
