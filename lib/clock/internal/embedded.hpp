// The library that is loaded into the processes of a service, built with this program.
#pragma once

#include <string_view>

namespace leakline::clock {

// The bytes of a shared object (static storage). Empty if there is none for this kind of machine.
std::string_view embedded_clock();

}  // namespace leakline::clock
