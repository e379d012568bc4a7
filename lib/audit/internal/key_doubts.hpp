// Whether the keys that elements are stored under may have any number of values. Pure, safe from any thread.
//
// It needs evidence that they do: a value that is different each time (a count, the time, a random number, a new object), the
// request itself close by, or a name that says so ("session_id", "client.host"). All else is a doubt: most tables of a program
// are bounded by what it is installed for.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "audit/internal/program.hpp"

namespace leakline::audit {

// "load_config", "loadConfig", "HTTPServer::reload" -> {"load", "config", ...}.
std::vector<std::string> words_of(std::string_view name);
bool has_word(std::string_view name, const std::set<std::string_view>& wanted);

// Whether the name of a key says that it has few values: "response.status".
bool names_few_values(std::string_view key);
// Whether the name of a key or a container says that it is of something that is installed: "camera", "device_id".
bool names_installed(std::string_view name);
// Whether the name of a key says that it has any number of values: "session_id".
bool names_many_values(std::string_view key);

// Why the keys may be few by what they and the container are named.
std::optional<std::string> doubt_of_names(const std::string& key, const std::string& container);
// Whether the name of a container says that it has many keys: "settings_by_session".
bool names_many_keys(std::string_view container);
// Why the keys of an addition may be few; nothing where they are not, or where it has none.
// container: its name, without its class.
std::optional<std::string> doubt_of_key(const Program& program, const Operation& addition, const std::string& container);

}  // namespace leakline::audit
