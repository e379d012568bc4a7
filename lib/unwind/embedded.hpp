// The library that is preloaded into recorded programs, as it was built with this program.
#pragma once

#include <string_view>

namespace leakline::unwind {

// The bytes of a shared object (static storage). Empty where there is none for this kind of machine.
std::string_view embedded_library();

}  // namespace leakline::unwind
