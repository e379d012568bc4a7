// Names for results per path, such as "POST /api/track", with identifiers replaced. Their number is bounded.
//
// Thread-safety: intern() on one thread; names() after that thread has finished.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace leakline::replay {

// Segments that hold identifiers which do not look so: names, slugs, "u123". They are found where a log has too many paths.
//
// Thread-safety: constant after construction.
class VariableSegments {
  public:
    VariableSegments() = default;
    // requests: how many there are of each path, as PathTable::normalized gives it. The entries of folders become one, a depth at a
    // time, as long as there are more than PathTable::kLimit paths, and the entries have digits in them or most of them occur a few times only.
    explicit VariableSegments(const std::map<std::string, std::uint64_t>& requests);

    // Whether the segment behind this beginning of a normalized path ("/users/") is one.
    bool after(std::string_view beginning) const { return folders_.find(beginning) != folders_.end(); }

  private:
    std::set<std::string, std::less<>> folders_;
};

class PathTable {
  public:
    static constexpr std::size_t kLimit = 64;

    explicit PathTable(std::shared_ptr<const VariableSegments> variable = nullptr) : variable_(std::move(variable)) {}

    // The number of method and the target's path. Past kLimit names all new ones share the number of "other".
    std::uint16_t intern(std::string_view method, std::string_view target);
    const std::vector<std::string>& names() const { return names_; }

    // The path with segments that are numbers, UUIDs or long hexadecimal strings as "*", and the variable ones (null: none):
    // "/users/123?x" -> "/users/*".
    static std::string normalized(std::string_view target, const VariableSegments* variable = nullptr);

  private:
    std::shared_ptr<const VariableSegments> variable_;
    std::vector<std::string> names_;
    std::unordered_map<std::string, std::uint16_t> numbers_;
    std::string last_method_, last_target_, key_;
    std::uint16_t last_ = 0;
};

}  // namespace leakline::replay
