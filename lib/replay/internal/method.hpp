// What the names of methods say. Pure functions, safe from any thread.
#pragma once

#include <string_view>

namespace leakline::replay {

// "post", as some logs write it, is "POST"; what is no standard method (RFC 9110, RFC 5789, RFC 4918) in whatever case stays
// as it is: names of methods are case-sensitive.
std::string_view standard_method(std::string_view method);

// POST, PUT and PATCH, in any case: a request without a body is the exception.
bool takes_body(std::string_view method);

}  // namespace leakline::replay
