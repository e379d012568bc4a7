// The memory of the program that a process runs now. After an exec, or the end of the process, nothing more is read: never another program's.
//
// Thread-safety: any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "system/descriptor.hpp"

namespace leakline {

class ProgramMemory {
  public:
    ProgramMemory() = default;  // of none
    // Throws Error{system} if it may not be read (refuse_tracing).
    explicit ProgramMemory(int pid);

    // Exactly so many bytes; false where a part is not mapped.
    bool read(std::uint64_t address, void* to, std::size_t size) const { return read_at(file_.get(), to, size, address) == size; }
    bool is_mapped(std::uint64_t address) const {
        char byte = 0;
        return read(address, &byte, 1);
    }

  private:
    Descriptor file_;
};

}  // namespace leakline
