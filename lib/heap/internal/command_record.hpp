// The X record: the arguments of the recorded program, with spaces between them. heaptrack writes them as they are and
// without their length, so that an argument with line ends in it (`python3 -c '...'`) goes on over lines that look like
// anything. The record behind it is I.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leakline::heap {

class CommandRecord {
  public:
    // An X record, without its letter.
    void start(std::string_view text) {
        text_ = text;
        open_ = true;
    }
    // Each line that follows, in order, without its end and within the margins that Fields reads. True: it is no record
    // but more of the command. Not so where a record can be what it says, in case that I is missing.
    bool takes(std::string_view line, std::uint64_t format);

    const std::string& text() const { return text_; }

  private:
    std::string text_;
    bool open_ = false;
};

}  // namespace leakline::heap
