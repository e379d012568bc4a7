// The language runtime of a program, which decides whether lines of native code describe its memory.
// Pure, safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace leakline {

enum class Runtime { native, go, java, node, python, dotnet, ruby, php, perl };

std::string_view runtime_name(Runtime runtime);  // "Python"; "native code"
// "lines of Python code cannot be recorded: use memray or tracemalloc ..."; empty for native code.
std::string runtime_advice(Runtime runtime);

// Of a program's or library's path: "/usr/lib/jvm/.../libjvm.so" is Java's, "/usr/bin/node" Node's. Most libraries and
// programs are native.
Runtime runtime_of_module(std::string_view path);
// Whether a function's name occurs only in this runtime: "_PyEval_EvalFrameDefault". False for all others, and for
// runtimes that are libraries (libjvm.so), which need no such check.
bool is_runtime_function(Runtime runtime, std::string_view function);

}  // namespace leakline
