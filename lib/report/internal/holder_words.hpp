// Holders in words, which all formats share. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/holders.hpp"

namespace leakline::report {

// "global app::cache", "local service.state_->records_ in main"; of Python "app.cache".
std::string variable_text(const Holder& holder);
// "std::list<app::Event>, 1,000 elements"; each part only where it is known.
std::string contents_text(const std::string& type, const std::optional<std::uint64_t>& elements);
// Of a holder; in Python "list, 1,000 items, dict items".
std::string contents_text(const Holder& holder);
// "global app::cache (std::list<app::Event>, 1,000 elements, 1 MiB)  src/cache.cpp:12"; "nothing: 60 blocks are not reachable; a free is
// missing".
std::string held_by_text(const HeldBy& held_by);

}  // namespace leakline::report
