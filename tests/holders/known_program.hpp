// The programs of known_holders.cpp, run and examined.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "holders/holders.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

inline constexpr int kElements = 4000;

// A variant of known_holders that has filled its memory and waits.
class Program {
  public:
    // variant: or the path of a copy. preload: a library that replaces malloc.
    Program(const std::string& variant, const std::string& how, int elements = kElements, const std::string& preload = {}) {
        Command command;
        command.arguments = {(std::filesystem::path(KNOWN_HOLDERS_DIR) / variant).string(), how, std::to_string(elements)};
        if (!preload.empty()) command.environment.emplace_back("LD_PRELOAD", preload);
        command.output_file = folder_.path() + "/out";
        child_ = std::make_unique<Child>(Child::start(command));
        const Nanoseconds deadline = system_clock().monotonic() + std::chrono::seconds(60);
        for (std::string out; out.find("ready ") == out.npos || !out.ends_with('\n');) {
            REQUIRE(child_->running());
            REQUIRE(system_clock().monotonic() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            out = read_file(command.output_file);
            held_ = out.find("ready ") == out.npos ? 0 : std::strtod(out.c_str() + out.find("ready ") + 6, nullptr);
        }
    }
    int pid() const { return child_->pid(); }
    double held() const { return held_; }
    HolderReport look() const { return holders::find_holders(child_->pid(), {}); }

  private:
    TemporaryDirectory folder_;
    std::unique_ptr<Child> child_;
    double held_ = 0;
};

// The bytes that malloc counts for blocks of that usable size: with headers of 8 bytes (16 of blocks with a mapping of their own).
inline double counted(Bytes bytes, std::uint64_t blocks) { return static_cast<double>(bytes) + 8 * static_cast<double>(blocks); }

}  // namespace leakline::test
