// --keep-raw: writes the raw stream unchanged, zstd-compressed, as `heaptrack --raw` does.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/quantities.hpp"

namespace leakline::heap {

class RawTee {
  public:
    // The caller keeps ownership of the descriptor; -1: nothing is written, and every call is a no-op.
    explicit RawTee(int descriptor);
    ~RawTee();
    void write(std::string_view bytes);
    // Hands what the compressor still holds to the file, so that a reader of the growing file, or of one whose recorder was
    // killed, finds it there. At most once every kFlushGap: each flush costs a little of the compression.
    void flush(Nanoseconds now);
    bool holds_something() const { return held_; }
    void finish();
    int error() const { return error_; }  // errno of a failed write, or 0; nothing is written after it

  private:
    struct Compressor;
    void pump(std::string_view bytes, int directive);  // ZSTD_EndDirective

    static constexpr Nanoseconds kFlushGap = std::chrono::seconds(1);
    int descriptor_, error_ = 0;
    bool held_ = false;
    Nanoseconds flushed_{};
    std::unique_ptr<Compressor> compressor_;
};

}  // namespace leakline::heap
