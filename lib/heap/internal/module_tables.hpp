// Maps the addresses of several processes to one address space. Code of a file that processes have loaded at different addresses gets
// those of the first process; code of another file at an address in use is moved to a free one. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heap/internal/raw_recording.hpp"

namespace leakline::heap {

class ModuleTables {
  public:
    struct Code {
        std::string path;  // path of the file
        std::uint64_t begin = 0, end = 0, base = 0;
    };

    explicit ModuleTables(SymbolFeed& feed) : feed_(feed) {}

    // Translates an address within `code`. Addresses added to the feed afterwards belong to the newest table.
    std::uint64_t translate(const Code& code, std::uint64_t address);
    // Call before adding an address to the feed.
    void put_table();

  private:
    static constexpr std::uint64_t kGap = std::uint64_t{1} << 21;

    SymbolFeed& feed_;
    std::uint64_t free_ = std::uint64_t{1} << 44;  // no system loads code there
    std::vector<Code> current_;
    bool changed_ = false;
};

}  // namespace leakline::heap
