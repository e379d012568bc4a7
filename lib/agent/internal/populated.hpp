// Allocates the pages of a file mapping before they are used (MADV_POPULATE_WRITE, Linux 5.14), 64 KiB at a time: touching a page that
// the file system has no room for would end the program with SIGBUS. Keeps errno.
#pragma once

#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>

#include "agent/segment.hpp"
#include "unwind/system_call.hpp"

namespace leakline::agent {

inline bool populate(void* pages, std::size_t bytes) {
    constexpr long kPopulateWrite = 23, kInterrupted = -4, kAgain = -11;
    for (int tries = 0; tries < 10; ++tries) {
        const long result = unwind::system_call(SYS_madvise, reinterpret_cast<long>(pages), static_cast<long>(bytes), kPopulateWrite);
        if (result != kInterrupted && result != kAgain) return result == 0;
    }
    return false;
}

// The usable part of a table. One thread at a time.
class Populated {
  public:
    // table: aligned to a page. all: its pages are already allocated.
    constexpr Populated() = default;
    Populated(void* table, std::size_t bytes, bool all) : table_(static_cast<char*>(table)), size_(bytes), usable_(all ? bytes : 0) {}

    // Makes the first `bytes` usable. False if the table is smaller or the file system is full.
    bool reach(std::size_t bytes) {
        if (bytes <= usable_) return true;
        if (bytes > size_ || table_ == nullptr) return false;
        constexpr std::size_t kStep = std::size_t{64} << 10;
        std::size_t wanted = (bytes + kStep - 1) / kStep * kStep;
        if (wanted > size_) wanted = (size_ + kPage - 1) / kPage * kPage;
        if (!populate(table_ + usable_, wanted - usable_)) return false;
        usable_ = wanted;
        return true;
    }

    // Makes `more` bytes usable, and no others afterwards: in a sandbox, the system call could end the program.
    void last_request(std::size_t more) {
        reach(size_ - usable_ < more ? size_ : usable_ + more);
        size_ = usable_;
    }

  private:
    char* table_ = nullptr;
    std::size_t size_ = 0, usable_ = 0;
};

}  // namespace leakline::agent
