// Names of C++ types as debug information spells them, shortened to what a person would write.
//
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakline::debuginfo {

// "std::__cxx11::list<app::Event, std::allocator<app::Event> >" -> "std::list<app::Event>": without default template arguments
// and inline namespaces; std::string for basic_string<char>.
std::string short_type_name(std::string_view name);

// The parts between "::" outside of template arguments and parentheses, without inline namespaces of standard libraries:
// "std::__cxx11::list<a::B>" -> {"std", "list<a::B>"}. Views live as long as name.
std::vector<std::string_view> scopes_of(std::string_view name);

// The first template argument: "std::pair<a::B<int>, c>" -> "a::B<int>"; empty if there is none. The view lives as long as name.
std::string_view first_argument_of(std::string_view name);

// A name that the linker knows, in the words of the source; as it is if it is not mangled.
std::string demangle(const char* symbol);

}  // namespace leakline::debuginfo
