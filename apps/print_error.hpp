// Messages on standard error that never fail: a message that cannot be written (a closed descriptor, a full disk) is no
// reason to die, least of all inside the handler of another error. fmt::print throws there.
//
// Thread-safety: any thread; a call writes its text at once.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace leakline {

template <class... Arguments>
void print_error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    const std::string text = fmt::format(format, std::forward<Arguments>(arguments)...);
    std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace leakline
