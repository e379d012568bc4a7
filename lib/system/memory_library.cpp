#include "system/memory_library.hpp"

#include <sys/mman.h>

namespace leakline {

Descriptor open_memory_library(std::string_view bytes, const char* name) {
    if (bytes.empty()) return {};
    Descriptor file(::memfd_create(name, MFD_CLOEXEC));
    if (file.get() < 0 || write_all(file.get(), bytes) != bytes.size()) return {};
    // Some systems forbid it (vm.memfd_noexec, SELinux). The loader would say so within the output of the program.
    void* const mapped = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
    if (mapped == MAP_FAILED) return {};
    ::munmap(mapped, bytes.size());
    return file;
}

}  // namespace leakline
