// Names of functions as debug info and demanglers spell them, reduced to what two spellings have in common.
//
// The same function can be "void ns::push<int>(int)" as a symbol, "push" where it was inlined, and
// "ns::run()::{lambda(int)#1}::operator()(int) const" where the code is a lambda's. Pure, safe from any
// thread.
#pragma once

#include <string>
#include <string_view>

namespace leakline::analysis {

// Without return type, template arguments, parameters, qualifiers and clone suffixes:
// "void ns::push<int>(int) [clone .cold]" -> "ns::push", "ns::run()::{lambda(int)#1}::operator()(int) const"
// -> "ns::run::{lambda#1}::operator()".
std::string qualified_name(std::string_view name);

// The named function whose text holds the code: of a lambda the function around it ("ns::run" above). Takes
// and returns a qualified name; a lambda at namespace scope stays what it is.
std::string_view enclosing_function(std::string_view qualified);

// Whether wanted ("push", "ns::push", or the full spelling) means the function that debug info calls name.
bool names_function(std::string_view name, std::string_view wanted);

}  // namespace leakline::analysis
