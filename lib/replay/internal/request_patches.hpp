// The parts of a serialized request that are replaced when it is sent, because a response gives their values.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json_scan.hpp"
#include "replay/internal/value_rules.hpp"

namespace leakline::replay {

struct Patch {
    enum class Kind : std::uint8_t {
        text,         // the replacement as it is: in a header
        percent,      // its values percent-encoded: in path, query and form
        json_string,  // within the quotes of a JSON string
        json_value,   // another JSON value: a number stays one, other text becomes a string
        cookies,      // the line of the Cookie header, or where it goes
        length,       // the digits of Content-Length
    };
    std::uint32_t offset = 0, size = 0;  // from the request's first byte
    std::uint16_t rule = 0;              // the number of the substitution; of cookies and length: 0
    Kind kind = Kind::text;
};

class PatchFinder {
  public:
    explicit PatchFinder(const ValueOptions& options) : options_(options), found_(options.substitutions.size(), 0) {}

    // Appends the patches of a request as append_wire() writes it, in the order of their places; they do not overlap.
    void find(std::string_view request, std::vector<Patch>& out);

    // How many requests had the part that each substitution replaces.
    const std::vector<std::uint64_t>& found() const { return found_; }

  private:
    void find_in_target(std::string_view request, std::string_view target, std::size_t rule);
    void find_in_head(std::string_view request, std::string_view head, std::size_t rule);
    void find_in_body(std::string_view request, std::string_view body, std::size_t rule);
    void add_cookies(std::string_view request, std::string_view head);
    void add_length(std::string_view request, std::string_view head);
    void add(std::string_view request, std::string_view part, std::size_t rule, Patch::Kind kind);

    const ValueOptions& options_;
    std::vector<std::uint64_t> found_;
    std::vector<Patch> patches_;  // of the request
    Scratch scratch_;
};

}  // namespace leakline::replay
