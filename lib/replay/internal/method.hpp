// Names of methods. Pure functions, safe from any thread.
#pragma once

#include <string_view>

namespace leakline::replay {

// "post", as some logs write it, becomes "POST". Other names than the standard methods (RFC 9110, RFC 5789, RFC 4918) stay
// as they are: names of methods are case-sensitive.
std::string_view standard_method(std::string_view method);

// Whether it is one of these standard methods, in capitals.
bool is_known_method(std::string_view method);

// POST, PUT and PATCH, in any case: a request without a body is the exception.
bool takes_body(std::string_view method);

}  // namespace leakline::replay
