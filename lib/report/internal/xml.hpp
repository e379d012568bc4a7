// Text within XML and HTML. Pure, safe from any thread.
#pragma once

#include <string>
#include <string_view>

namespace leakline::report {

// text for element content and for attributes in quotes of either kind. What XML 1.0 cannot hold at all
// (control characters, bytes that are not UTF-8, U+FFFE, U+FFFF) becomes U+FFFD; tabs and line feeds stay.
std::string xml_text(std::string_view text);

}  // namespace leakline::report
