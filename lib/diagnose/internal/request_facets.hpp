// Features that distinguish requests of one kind: query parameters, headers, and the top-level fields of a JSON body.
//
// Pure functions, safe from any thread.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/request.hpp"

namespace leakline::diagnose {

// Name and value of each, sorted by name, the first where one occurs several times: "?lang" for a query parameter (value
// "(set)" where it has no "="), "x-tenant:" for a header, ".type" for a body's field that is no array or object.
std::vector<std::pair<std::string, std::string>> facets_of(const Request& request);

// Names of the fields of a JSON object, in its order; empty where body is something else.
std::vector<std::string> body_fields(std::string_view body);
// The object without these fields; the text of the other values is unchanged. Anything but an object is unchanged.
std::string body_without(std::string_view body, const std::set<std::string>& fields);

}  // namespace leakline::diagnose
