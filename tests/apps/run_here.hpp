// Runs a command of leakline in this process and keeps what it printed: no program is started, and the sanitizers see it.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "leakline/run.hpp"
#include "support/binary.hpp"

namespace leakline::test {

// A standard descriptor that goes into memory for as long as this lives.
class Captured {
  public:
    explicit Captured(int descriptor)
        : descriptor_(descriptor), before_(::dup(descriptor)), memory_(::memfd_create("captured", MFD_CLOEXEC)) {
        ::dup2(memory_, descriptor_);
    }
    ~Captured() {
        if (before_ >= 0) ::dup2(before_, descriptor_);
        ::close(before_);
        ::close(memory_);
    }
    Captured(const Captured&) = delete;
    Captured& operator=(const Captured&) = delete;
    std::string text() const { return read_file("/proc/self/fd/" + std::to_string(memory_)); }

  private:
    int descriptor_, before_, memory_;
};

inline void flush_standard_streams() {
    std::cout.flush();
    std::fflush(nullptr);
}

// words: behind "leakline". Not for commands that end with a signal.
inline Outcome run_here(const std::vector<std::string>& words, const cli::Interruption& interruption = {}) {
    flush_standard_streams();
    Outcome outcome;
    const Captured out(STDOUT_FILENO), err(STDERR_FILENO);
    outcome.code = cli::run(words, interruption);
    flush_standard_streams();
    outcome.out = out.text();
    outcome.err = err.text();
    return outcome;
}

}  // namespace leakline::test
