// A directory that looks like /proc and /sys/fs/cgroup to what reads them.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "system/procfs.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

class FakeSystem {
  public:
    SystemRoots roots() const { return {directory_.path() + "/proc", directory_.path() + "/cgroup"}; }

    // path as the kernel has it: "/proc/7/statm", "/cgroup/memory.max".
    void write(const std::string& path, const std::string& text) const {
        const std::filesystem::path file = directory_.path() + path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::trunc) << text;
    }
    void remove(const std::string& path) const { std::filesystem::remove_all(directory_.path() + path); }
    std::string path(const std::string& path) const { return directory_.path() + path; }

    // statm in pages.
    void process(int pid, const std::string& comm, int resident, std::uint64_t start_ticks, int parent = 1, char state = 'S') const {
        const std::string folder = "/proc/" + std::to_string(pid);
        write(folder + "/statm", "1000 " + std::to_string(resident) + " 10 1 0 100 0\n");
        write(folder + "/stat", std::to_string(pid) + " (" + comm + ") " + state + " " + std::to_string(parent) +
                                    " 1 1 0 -1 4194560 100 0 0 0 1 1 0 0 20 0 3 0 " + std::to_string(start_ticks) +
                                    " 4096000 1000 18446744073709551615\n");
        const std::string task = folder + "/task/" + std::to_string(pid);
        write(task + "/children", "");
    }

  private:
    TemporaryDirectory directory_;
};

}  // namespace leakline::test
