// The records of a recording (recording_file.hpp), one after the other.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "system/byte_source.hpp"

namespace leakline::heap {

// Pulls records out of a stream; memory is O(the longest record), and a wrong length allocates nothing.
class RecordStream {
  public:
    explicit RecordStream(ByteSource& source) : source_(source) {}

    // False at the end, clean or not (see torn()).
    bool next(char& tag, std::string& payload) {
        const int first = byte();
        if (first < 0) return false;
        torn_ = true;  // until the record is whole
        tag = static_cast<char>(first);
        std::uint64_t length = 0;
        for (int shift = 0;; shift += 7) {
            const int next = byte();
            if (next < 0 || shift > 42) return false;
            length |= static_cast<std::uint64_t>(next & 0x7f) << shift;
            if (next < 0x80) break;
        }
        payload.clear();
        while (payload.size() < length) {
            if (at_ == filled_ && !fill()) return false;
            const std::size_t part = std::min<std::uint64_t>(length - payload.size(), filled_ - at_);
            payload.append(buffer_.data() + at_, part);
            at_ += part;
        }
        torn_ = false;
        return true;
    }
    bool torn() const { return torn_; }
    bool at_end() { return at_ == filled_ && !fill(); }

  private:
    bool fill() {
        at_ = 0;
        filled_ = source_.read(buffer_);
        return filled_ != 0;
    }
    int byte() {
        if (at_ == filled_ && !fill()) return -1;
        return static_cast<unsigned char>(buffer_[at_++]);
    }

    ByteSource& source_;
    std::array<char, 1 << 16> buffer_;
    std::size_t at_ = 0, filled_ = 0;
    bool torn_ = false;
};

}  // namespace leakline::heap
