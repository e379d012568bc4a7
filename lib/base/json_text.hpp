// Text written as a JSON string. Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace leakline {

// Appends text as the inside of a JSON string: quotes, backslashes and control characters are escaped, all other bytes
// stay. The result is JSON where text is UTF-8.
void append_json_escaped(std::string& out, std::string_view text);
// The same with the quotes around it.
void append_json_string(std::string& out, std::string_view text);

}  // namespace leakline
