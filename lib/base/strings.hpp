// Strings cut up, and made safe to print. Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakline {

// Pieces between separators, empty ones kept: "a,,b" -> {"a", "", "b"}. Views live as long as text.
std::vector<std::string_view> split(std::string_view text, char separator);
// Takes the first line off text and returns it, without its end ("\n" or "\r\n"). A last line needs no end.
std::string_view take_line(std::string_view& text);
std::string_view trim(std::string_view text);
// Whether text has, from `at` on, characters like those of form, where 'd' is a digit, 'a' a letter, '_' a blank or digit, and any
// other itself.
bool has_form(std::string_view text, std::string_view form, std::size_t at = 0);
// What follows the last '/' of a path; a path that ends in one is returned whole. A view into path.
std::string_view file_name(std::string_view path);
// The characters of text that a terminal, a log or a CI annotation can show: control characters become "\xNN".
std::string printable(std::string_view text);
// Appends text unless the list has it already: a warning that several runs give is shown once.
void add_once(std::vector<std::string>& list, std::string text);

}  // namespace leakline
