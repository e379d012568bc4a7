// A loaded object with call frame information for one function, built by hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "unwind/internal/call_frame_info.hpp"

namespace leakline::test {

using Bytes = std::vector<std::uint8_t>;

struct ImageParts {
    std::string augmentation = "zR";
    std::uint8_t version = 1, return_address = 16;
    Bytes common{0x0c, 7, 8, 0x90, 1};             // the CFA is sp + 8, the return address in the 8 bytes below
    Bytes program;                                 // of the function
    std::uint32_t start = 0x1000, length = 0x100;  // of the function, from the image's beginning
};

class Image {
  public:
    explicit Image(const ImageParts& parts) {
        bytes_ = {1, 0x1b, 0x03, 0x3b};
        put32(16 + 8);  // to .eh_frame, from here: not used
        put32(1);
        put32(parts.start);
        const std::size_t entry_slot = bytes_.size();
        put32(0);

        const std::size_t common_at = bytes_.size();
        Bytes common{0, 0, 0, 0, parts.version};
        common.insert(common.end(), parts.augmentation.begin(), parts.augmentation.end());
        common.insert(common.end(), {0, 1, 0x78, parts.return_address});  // code by 1, data by -8
        if (parts.augmentation.starts_with('z')) {
            Bytes data;
            for (const char letter : parts.augmentation.substr(1)) {
                if (letter == 'R') data.push_back(0x1b);
                if (letter == 'L') data.push_back(0x1b);
                if (letter == 'P') data.insert(data.end(), {0x9b, 1, 2, 3, 4});
            }
            common.push_back(static_cast<std::uint8_t>(data.size()));
            common.insert(common.end(), data.begin(), data.end());
        }
        common.insert(common.end(), parts.common.begin(), parts.common.end());
        put_entry(common);

        const auto entry_at = static_cast<std::uint32_t>(bytes_.size());
        std::memcpy(&bytes_[entry_slot], &entry_at, 4);
        put32(static_cast<std::uint32_t>(4 + 4 + 4 + 1 + parts.program.size()));
        put32(static_cast<std::uint32_t>(bytes_.size() - common_at));
        put32(parts.start - static_cast<std::uint32_t>(bytes_.size()));
        put32(parts.length);
        bytes_.push_back(0);
        bytes_.insert(bytes_.end(), parts.program.begin(), parts.program.end());
        start_ = parts.start;
    }

    // For the instruction that is `offset` bytes into the function.
    unwind::FrameRule rule(std::uint64_t offset) const { return rule_in(bytes_, offset); }
    // The same of other bytes in this one's place.
    unwind::FrameRule rule_in(const Bytes& bytes, std::uint64_t offset) const {
        const std::uint8_t* const begin = bytes.data();
        return unwind::find_rule({begin, begin + bytes.size(), begin}, reinterpret_cast<std::uintptr_t>(begin) + start_ + offset);
    }
    const Bytes& bytes() const { return bytes_; }

  private:
    void put32(std::uint32_t value) {
        bytes_.resize(bytes_.size() + 4);
        std::memcpy(&bytes_[bytes_.size() - 4], &value, 4);
    }
    void put_entry(const Bytes& entry) {
        put32(static_cast<std::uint32_t>(entry.size()));
        bytes_.insert(bytes_.end(), entry.begin(), entry.end());
    }

    Bytes bytes_;
    std::uint32_t start_ = 0;
};

}  // namespace leakline::test
