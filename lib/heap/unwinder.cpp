#include "heap/internal/unwinder.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "base/error.hpp"
#include "system/executables.hpp"
#include "unwind/embedded.hpp"

namespace leakline::heap {

namespace {

Descriptor open_library(std::string_view library, const char* name) {
    if (library.empty()) return {};
    Descriptor file(::memfd_create(name, MFD_CLOEXEC));
    if (file.get() < 0 || ::write(file.get(), library.data(), library.size()) != static_cast<ssize_t>(library.size())) return {};
    // Some systems forbid it (vm.memfd_noexec, SELinux). The loader would say so within the output of the program.
    void* const mapped = ::mmap(nullptr, library.size(), PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
    if (mapped == MAP_FAILED) return {};
    ::munmap(mapped, library.size());
    return file;
}

}  // namespace

Descriptor open_unwinder(Operators operators) {
    const std::string_view wanted = environment_variable("LEAKLINE_UNWINDER");
    if (wanted == "libunwind") return {};
    if (!wanted.empty() && wanted != "leakline")
        throw Error(ErrorKind::usage, "LEAKLINE_UNWINDER", fmt::format("unknown unwinder '{}'", wanted), "leakline or libunwind");
    const bool with = operators == Operators::malloc;
    return open_library(with ? unwind::embedded_unwinder_operators() : unwind::embedded_unwinder(), "leakline-unwinder");
}

Descriptor open_follow() { return open_library(unwind::embedded_follow(), "leakline-follow"); }

Descriptor open_stream_guard() { return open_library(unwind::embedded_stream_guard(), "leakline-stream-guard"); }

}  // namespace leakline::heap
