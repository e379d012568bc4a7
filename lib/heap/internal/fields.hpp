// The fields of one text record: a letter, then values after single spaces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "heap/internal/byte_classes.hpp"
#include "heap/internal/hex.hpp"

namespace leakline::heap {

// Where a second one stands in the same file, as `cat` makes it.
inline constexpr const char* kAnother = "another recording begins here; it was not read";

// A cursor over one line (given without its end, which must follow it) that lies in a LineBuffer or ReadAhead, whose
// margins hex numbers may read. A failed read leaves the cursor where it was.
class Fields {
  public:
    explicit Fields(std::string_view line) : at_(line.data() + (line.empty() ? 0 : 1)), end_(line.data() + line.size()) {}

    bool hex(std::uint64_t& value) {
        if (at_ == end_ || *at_ != ' ') return false;
        const char* stop = at_ + 1 + digit_run(at_ + 1);
        if (stop > end_ || (stop != end_ && *stop != ' ')) return false;
        if (!parse_hex(at_ + 1, stop, value)) return false;
        at_ = stop;
        return true;
    }
    bool hex32(std::uint32_t& value) {
        const char* before = at_;
        std::uint64_t wide;
        if (!hex(wide)) return false;
        if (wide > 0xffffffff) {
            at_ = before;
            return false;
        }
        value = static_cast<std::uint32_t>(wide);
        return true;
    }
    // "<hexlen> <bytes>", as format 3 writes strings.
    std::optional<std::string_view> sized_string() {
        const char* before = at_;
        std::uint64_t size;
        if (hex(size)) {
            if (size == 0 && at_ == end_) return std::string_view{};
            if (at_ != end_ && *at_ == ' ' && size <= static_cast<std::uint64_t>(end_ - at_ - 1)) {
                const std::string_view text(at_ + 1, size);
                at_ += 1 + size;
                return text;
            }
        }
        at_ = before;
        return std::nullopt;
    }
    // A word up to the next space (format 1 and 2 write paths so).
    std::optional<std::string_view> word() {
        if (at_ == end_ || *at_ != ' ') return std::nullopt;
        const char* stop = std::find(at_ + 1, end_, ' ');
        const std::string_view text(at_ + 1, static_cast<std::size_t>(stop - at_ - 1));
        at_ = stop;
        return text;
    }
    // All that is left, without the space before it.
    std::string_view rest() const {
        return at_ == end_ ? std::string_view{} : std::string_view(at_ + 1, static_cast<std::size_t>(end_ - at_ - 1));
    }
    bool at_end() const { return at_ == end_; }

  private:
    const char* at_;
    const char* end_;
};

// "S leak:<pattern>": heaptrack writes what the program declares by __lsan_default_suppressions(), a line each.
inline void add_suppression(std::string_view line, std::vector<std::string>& patterns) {
    constexpr std::string_view kLeak = "leak:";
    const std::string_view text = Fields(line).rest();
    if (text.starts_with(kLeak) && patterns.size() < 1000) patterns.emplace_back(text.substr(kLeak.size()));
}

}  // namespace leakline::heap
