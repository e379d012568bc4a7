#include "heap/internal/unwinder.hpp"

#include <fmt/format.h>

#include <string>

#include "base/error.hpp"
#include "system/executables.hpp"
#include "system/memory_library.hpp"
#include "unwind/embedded.hpp"

namespace leakline::heap {

Descriptor open_unwinder(Operators operators) {
    const std::string_view wanted = environment_variable("LEAKLINE_UNWINDER");
    if (wanted == "libunwind") return {};
    if (!wanted.empty() && wanted != "leakline")
        throw Error(ErrorKind::usage, "LEAKLINE_UNWINDER", fmt::format("unknown unwinder '{}'", wanted), "leakline or libunwind");
    const bool with = operators == Operators::malloc;
    return open_memory_library(with ? unwind::embedded_unwinder_operators() : unwind::embedded_unwinder(), "leakline-unwinder");
}

Descriptor open_follow() { return open_memory_library(unwind::embedded_follow(), "leakline-follow"); }

Descriptor open_stream_guard() { return open_memory_library(unwind::embedded_stream_guard(), "leakline-stream-guard"); }

}  // namespace leakline::heap
