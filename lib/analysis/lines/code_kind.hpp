// What kind of code each frame of a recording is, as far as it decides whether growth is charged to it. Pure.
//
//   malloc <- xmalloc <- std::string <- Order::Order(Order&&) <- Store::keep store.cpp:21 <- Python's interpreter
//             wrapper    library        generated                user                        library
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "analysis/lines/lines.hpp"
#include "model/heap.hpp"
#include "model/runtime.hpp"

namespace leakline::analysis {

enum class CodeKind : std::uint8_t {
    user,
    // User code that is not the cause of a leak: special members that the compiler made (or could have made: they
    // only copy the members), and functions that allocate for others.
    passed_over,
    library,  // of the system, a language's standard library or runtime, or a package that was fetched
};

// Whether code of this file and function, loaded from this module, is the user's: not a system header, not a library of the
// system, not a path that only a language's standard library is built from.
bool is_user_code(std::string_view file, std::string_view module, std::string_view function = {});

// "xmalloc(unsigned long)", "g_strdup", "Arena::allocate", "operator new(unsigned long)": a function that is named after what
// it hands out.
bool is_allocator_name(std::string_view function);

// A copy or move constructor or assignment by its signature: "Order::Order(Order&&)", "a::B<int>::operator=(a::B<int> const&)".
bool is_copying_member(std::string_view function);

// Of each frame (index as HeapProfile::frames).
//
// passed_over, besides names of allocators, and what the debug info says that the compiler made (Frame::generated):
//  - copying members whose every frame is on one line and which never call an allocator themselves, only what copies their
//    parts. The compiler's own are so (their line is that of the class), and for one that a user wrote so the caller is as good.
//  - a function through which most allocation sites of the program go (xmalloc by another name): at least kMinCallers
//    distinct callers, at least half of all, most of whose blocks are freed again. What only keeps (Cache::insert) is none.
std::vector<CodeKind> kinds_of_code(const HeapProfile& profile);

// The modules of the recording (StringId's value) that are a language's runtime: libjvm.so, Python's program; where lines of Python are
// known, also its installed extensions.
std::map<std::uint32_t, Runtime> runtime_modules(const HeapProfile& profile);
// The runtime of the recorded program by its executable and its libraries; native where its functions do not bear it out.
Runtime runtime_of(const HeapProfile& profile);
// Whether its stacks have functions of Python, as those that leakline's agent records do.
bool has_python_lines(const HeapProfile& profile);
// What Python calls the function of a module's own statements.
inline constexpr std::string_view kPythonModule = "<module>";

}  // namespace leakline::analysis
