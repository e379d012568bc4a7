// --keep-raw: the raw stream as it came, zstd-compressed, in the form of `heaptrack --raw`.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace leakline::heap {

class RawTee {
  public:
    // The descriptor stays the caller's; -1: nothing is kept, and every call is a no-op.
    explicit RawTee(int descriptor);
    ~RawTee();
    void write(std::string_view bytes);
    void finish();
    int error() const { return error_; }  // errno of the write that failed, or 0; nothing is written after it

  private:
    struct Compressor;
    void pump(std::string_view bytes, bool last);

    int descriptor_, error_ = 0;
    std::unique_ptr<Compressor> compressor_;
};

}  // namespace leakline::heap
