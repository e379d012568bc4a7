// Classifies fields by their names. Pure functions, safe from any thread.
#pragma once

#include <string_view>

namespace leakline::replay {

// A person, a session, a device, a place: values that repeat in the long run, even if not in this log.
bool names_owner(std::string_view name);
// A password, a signature, a token: other values would be refused.
bool names_secret(std::string_view name);
// An id, a number, a time: "request_id", "orderNo", "created_at".
bool names_identifier(std::string_view name);

}  // namespace leakline::replay
