// Cuts a stream of bytes into runs of whole lines, in place: each read is appended to the unfinished line of the
// previous read.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace leakline::heap {

class LineBuffer {
  public:
    static constexpr std::size_t kChunk = std::size_t{1} << 20;
    static constexpr std::size_t kMargin = 64;  // readable bytes before and behind every run, for wide loads

    LineBuffer() : bytes_(kMargin + 2 * kChunk + kMargin) {}

    // Where the next bytes go, at least kChunk of them. Ends the life of the run returned last.
    std::span<char> space() {
        std::memmove(bytes_.data() + kMargin, bytes_.data() + kMargin + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        if (end_ >= kChunk) {  // a line longer than a chunk is not a line: discard it
            overlong_ = true;
            end_ = 0;
        }
        return {bytes_.data() + kMargin + end_, kChunk};
    }

    // After `count` bytes were put there: the whole lines so far, ends included; empty if there is none yet.
    std::string_view filled(std::size_t count) {
        const char* data = bytes_.data() + kMargin;
        const auto* last = static_cast<const char*>(::memrchr(data + end_, '\n', count));
        end_ += count;
        if (last == nullptr) return {};
        begin_ = static_cast<std::size_t>(last - data) + 1;
        return {data, begin_};
    }

    // The bytes after the last line end: not empty at the end of the stream means a torn line.
    std::string_view rest() const { return {bytes_.data() + kMargin + begin_, end_ - begin_}; }
    // True once after bytes were discarded; the next run starts inside that line.
    bool take_overlong() { return std::exchange(overlong_, false); }

  private:
    std::vector<char> bytes_;
    std::size_t begin_ = 0, end_ = 0;  // of the bytes not yet handed out, from the margin on
    bool overlong_ = false;
};

}  // namespace leakline::heap
