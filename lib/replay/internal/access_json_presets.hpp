// JSON access logs that are recognized by the names of their members: a table with one row per kind of server or library.
//
// Thread-safety: pure functions.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace leakline::replay {

struct AccessJsonPreset {
    std::string_view name;           // as --map takes it
    std::string_view signature;      // required paths, such as "request.uri request.method"
    std::string_view map;            // as --map takes one
    std::string_view header_prefix;  // members with this prefix are headers; "": none
    bool mixed;                      // such logs also contain other messages of the program
    std::string_view only = "";      // "member=value": only lines with it are requests; "": all are
};

// A line's members, those of objects within by "outer.inner", with their texts ("" for objects and arrays).
using MemberPaths = std::map<std::string, std::string, std::less<>>;
MemberPaths member_paths(std::string_view line);

std::span<const AccessJsonPreset> access_json_presets();
// The first preset whose signature the members match and whose method and URL are plausible; null if there is none.
const AccessJsonPreset* find_access_json_preset(const MemberPaths& members);
const AccessJsonPreset* access_json_preset_named(std::string_view name);

// A map for members that match no preset, guessed from the names that loggers usually choose; "" if there is no method or
// URL, or neither a time nor a status: it might be anything.
std::string guess_access_json_map(const MemberPaths& members);

}  // namespace leakline::replay
