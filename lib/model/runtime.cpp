#include "model/runtime.hpp"

#include <algorithm>
#include <array>

#include "base/strings.hpp"

namespace leakline {

namespace {

struct Row {
    Runtime runtime;
    std::string_view name, tool;
    std::array<std::string_view, 4> programs;   // with or without a version: python3.11
    std::array<std::string_view, 3> libraries;  // prefixes of their file names
};

constexpr std::array kRows{
    Row{Runtime::native, "native code", "", {}, {}},
    Row{Runtime::go, "Go", "pprof: `go tool pprof -sample_index=inuse_space http://HOST/debug/pprof/heap`", {}, {}},
    Row{Runtime::java,
        "Java",
        "`jcmd PID GC.class_histogram`, async-profiler (`-e alloc --live`) or a heap dump",
        {"java", "javaw"},
        {"libjvm.so"}},
    Row{Runtime::node,
        "Node.js",
        "two heap profiles of V8 that it writes under traffic (HeapProfiler.getSamplingProfile of node:inspector) and `leakline lines "
        "BEFORE.heapprofile AFTER.heapprofile`, or --inspect and Chrome's memory panel",
        {"node", "nodejs", "bun", "deno"},
        {"libnode.so"}},
    Row{Runtime::python, "Python", "`memray run` or tracemalloc", {"python", "pypy"}, {"libpython", "libpypy"}},
    Row{Runtime::dotnet, ".NET", "`dotnet-gcdump collect -p PID`", {"dotnet"}, {"libcoreclr.so", "libmonosgen", "libmono-"}},
    Row{Runtime::ruby, "Ruby", "ObjectSpace.trace_object_allocations_start, or rbspy", {"ruby"}, {"libruby"}},
    Row{Runtime::php, "PHP", "memprof", {"php", "php-fpm", "php-cgi"}, {"libphp"}},
    Row{Runtime::perl, "Perl", "Devel::MAT", {"perl"}, {"libperl.so"}},
};

const Row& row_of(Runtime runtime) {
    return *std::find_if(kRows.begin(), kRows.end(), [&](const Row& row) { return row.runtime == runtime; });
}

// A service may also be called `node`: function names that only the runtime has.
struct Marker {
    Runtime runtime;
    std::string_view function;
};
constexpr std::array kMarkers{Marker{Runtime::node, "v8::"},  Marker{Runtime::node, "node::"}, Marker{Runtime::python, "Py"},
                              Marker{Runtime::python, "_Py"}, Marker{Runtime::ruby, "rb_"},    Marker{Runtime::php, "zend_"},
                              Marker{Runtime::perl, "Perl_"}};

// "python3.11" is "python" with a version.
bool is_program(std::string_view file, std::string_view program) {
    return !program.empty() && file.starts_with(program) &&
           file.substr(program.size()).find_first_not_of("0123456789.-") == std::string_view::npos;
}

}  // namespace

std::string_view runtime_name(Runtime runtime) { return row_of(runtime).name; }

std::string runtime_advice(Runtime runtime) {
    if (runtime == Runtime::native) return {};
    const Row& row = row_of(runtime);
    return std::string("lines of ").append(row.name).append(" code cannot be recorded here; to get them, use ").append(row.tool);
}

Runtime runtime_of_module(std::string_view path) {
    const std::string_view file = file_name(path);
    for (const Row& row : kRows) {
        for (std::string_view program : row.programs)
            if (is_program(file, program)) return row.runtime;
        for (std::string_view library : row.libraries)
            if (!library.empty() && file.starts_with(library)) return row.runtime;
    }
    return Runtime::native;
}

bool is_runtime_function(Runtime runtime, std::string_view function) {
    return std::any_of(kMarkers.begin(), kMarkers.end(),
                       [&](const Marker& marker) { return marker.runtime == runtime && function.starts_with(marker.function); });
}

}  // namespace leakline
