// The programs of known_holders.cpp, run and examined.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "holders/holders.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

inline constexpr int kElements = 4000;

// The path of a library of Debian's packages; empty if it is not installed.
inline std::string library(const std::string& name) {
    for (const char* folder : {"/usr/lib/x86_64-linux-gnu/", "/usr/lib/aarch64-linux-gnu/"})
        if (const std::string path = folder + name; !name.empty() && std::filesystem::exists(path)) return path;
    return {};
}

// A program that has filled its memory, said so, and waits.
class Program {
  public:
    // variant: of known_holders, or the path of a copy. preload: a library that replaces malloc.
    Program(const std::string& variant, const std::string& how, int elements = kElements, const std::string& preload = {})
        : Program({variant, how, std::to_string(elements)}, preload) {}
    // arguments: first the program's file.
    Program(std::vector<std::string> arguments, const std::string& preload) {
        Command command;
        arguments[0] = (std::filesystem::path(KNOWN_HOLDERS_DIR) / arguments[0]).string();
        command.arguments = std::move(arguments);
        if (!preload.empty()) command.environment.emplace_back("LD_PRELOAD", preload);
        command.output_file = folder_.path() + "/out";
        child_ = std::make_unique<Child>(Child::start(command));
        const Nanoseconds deadline = system_clock().monotonic() + std::chrono::seconds(60);
        for (std::size_t ready = output_.npos; ready == output_.npos || !output_.ends_with('\n'); ready = output_.find("ready")) {
            REQUIRE(child_->running());
            REQUIRE(system_clock().monotonic() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            output_ = read_file(command.output_file);
        }
        held_ = std::strtod(output_.c_str() + output_.find("ready") + 5, nullptr);
    }
    int pid() const { return child_->pid(); }
    const std::string& output() const { return output_; }
    double held() const { return held_; }
    HolderReport look() const { return holders::find_holders(child_->pid(), {}); }

  private:
    TemporaryDirectory folder_;
    std::unique_ptr<Child> child_;
    std::string output_;
    double held_ = 0;
};

// The bytes that malloc counts for blocks of that usable size: with headers of 8 bytes (16 of blocks with a mapping of their own).
inline double counted(Bytes bytes, std::uint64_t blocks) { return static_cast<double>(bytes) + 8 * static_cast<double>(blocks); }

}  // namespace leakline::test
