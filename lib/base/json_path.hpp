// Finds one value of a JSON text: ".order.items[0].id". Pure functions over values, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_scan.hpp"

namespace leakline {

struct JsonPath {
    struct Step {
        std::string name;  // of a member; empty: of an array's element
        std::size_t index = 0;
    };
    std::vector<Step> steps;  // none: the whole text
};

// ".a.b[0].c"; a name is everything up to the next '.' or '['. Nothing if text has another form.
std::optional<JsonPath> parse_json_path(std::string_view text);

// The value as it stands in the text (a string with its quotes): points into text. Nothing if the text has none there or is
// not JSON up to it. scratch is overwritten.
std::optional<std::string_view> find_json_value(std::string_view text, const JsonPath& path, Scratch& scratch);

// A string unescaped, a number or a literal as it stands. Nothing for null, objects and arrays.
std::optional<std::string> json_scalar_text(std::string_view raw, Scratch& scratch);

}  // namespace leakline
