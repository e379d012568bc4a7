// Names for results per path, such as "POST /api/track", with identifiers replaced. Their number is bounded.
//
// Thread-safety: intern() on one thread; names() after that thread has finished.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leakline::replay {

class PathTable {
  public:
    static constexpr std::size_t kLimit = 64;

    // The number of method and the target's path. Past kLimit names all new ones share the number of "other".
    std::uint16_t intern(std::string_view method, std::string_view target);
    const std::vector<std::string>& names() const { return names_; }

    // The path with segments that are numbers, UUIDs or long hexadecimal strings as "*": "/users/123?x" -> "/users/*".
    static std::string normalized(std::string_view target);

  private:
    std::vector<std::string> names_;
    std::unordered_map<std::string, std::uint16_t> numbers_;
    std::string last_method_, last_target_, key_;
    std::uint16_t last_ = 0;
};

}  // namespace leakline::replay
