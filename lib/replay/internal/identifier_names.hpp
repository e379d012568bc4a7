// What the name of a field says about its values. Pure functions, safe from any thread.
#pragma once

#include <string_view>

namespace leakline::replay {

// A person, a session, a device, a place: values that come back in the long run, however short the log is.
bool names_owner(std::string_view name);
// A password, a signature, a token: another value would be refused.
bool names_secret(std::string_view name);
// An id, a number, a time: "request_id", "orderNo", "created_at".
bool names_identifier(std::string_view name);

}  // namespace leakline::replay
