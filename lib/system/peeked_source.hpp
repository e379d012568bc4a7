// A source whose first bytes can be looked at before they are read: formats are detected by content, and a pipe can be
// read only once.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "system/byte_source.hpp"

namespace leakline {

class PeekedSource final : public ByteSource {
  public:
    explicit PeekedSource(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

    // At least `size` bytes of the start where there are so many; before the first read or skip. Valid until the next
    // peek.
    std::string_view peek(std::size_t size);
    // Skips bytes that were peeked at and not read.
    void skip(std::size_t size) { at_ += size; }

    std::size_t read(std::span<char> buffer) override;
    StreamEnd end() const override { return source_->end(); }
    std::string_view encoding() const override { return source_->encoding(); }
    std::uint64_t consumed() const override { return source_->consumed(); }
    std::optional<std::uint64_t> total() const override { return source_->total(); }

  private:
    std::unique_ptr<ByteSource> source_;
    std::string head_;
    std::size_t at_ = 0;  // of head_
};

}  // namespace leakline
