#include "memory/internal/series_encoding.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "system/peeked_source.hpp"

namespace leakline::memory {

namespace {

enum class ByteOrder { little, big };

class Utf16Source final : public ByteSource {
  public:
    Utf16Source(std::unique_ptr<ByteSource> source, ByteOrder order) : source_(std::move(source)), order_(order) {}

    std::size_t read(std::span<char> buffer) override {
        while (at_ == text_.size() && !ended_) fill();
        const std::size_t got = std::min(buffer.size(), text_.size() - at_);
        std::copy_n(text_.data() + at_, got, buffer.data());
        at_ += got;
        return got;
    }
    StreamEnd end() const override { return source_->end(); }
    std::string_view encoding() const override { return source_->encoding(); }
    std::uint64_t consumed() const override { return source_->consumed(); }
    std::optional<std::uint64_t> total() const override { return source_->total(); }

  private:
    void fill() {
        text_.clear();
        at_ = 0;
        const std::size_t got = source_->read(std::span(bytes_).subspan(kept_));
        const std::size_t size = kept_ + got;
        ended_ = got == 0;
        std::size_t i = 0;
        for (; i + 1 < size; i += 2) {
            const auto first = static_cast<unsigned char>(bytes_[i]), second = static_cast<unsigned char>(bytes_[i + 1]);
            put(static_cast<std::uint32_t>(order_ == ByteOrder::little ? second << 8 | first : first << 8 | second));
        }
        kept_ = size - i;
        if (kept_ > 0) bytes_[0] = bytes_[i];
    }

    void put(std::uint32_t unit) {
        constexpr std::uint32_t kMark = 0xFEFF;
        if (unit == kMark) return;  // also in the middle, if files were appended
        if (unit >= 0xDC00 && unit < 0xE000 && high_) {
            append(0x10000 + ((*high_ - 0xD800) << 10) + (unit - 0xDC00));
            high_.reset();
            return;
        }
        if (high_) append('?');
        high_.reset();
        if (unit >= 0xD800 && unit < 0xDC00)
            high_ = unit;
        else
            append(unit >= 0xDC00 && unit < 0xE000 ? '?' : unit);
    }

    void append(std::uint32_t point) { append_utf8(text_, point); }

    std::unique_ptr<ByteSource> source_;
    ByteOrder order_;
    std::vector<char> bytes_ = std::vector<char>(std::size_t{64} << 10);
    std::size_t kept_ = 0;  // of bytes_: half of a unit
    std::string text_;
    std::size_t at_ = 0;
    bool ended_ = false;
    std::optional<std::uint32_t> high_;
};

// Without a mark: text of mostly ASCII has every second byte zero.
std::optional<ByteOrder> order_by_zeros(std::string_view head) {
    std::size_t even = 0, odd = 0;
    for (std::size_t i = 0; i < head.size(); ++i) (i % 2 == 0 ? even : odd) += head[i] == '\0' ? 1 : 0;
    const std::size_t most = head.size() / 2 * 8 / 10;
    if (head.size() < 8 || std::max(even, odd) < most || std::min(even, odd) > 0) return std::nullopt;
    return odd > even ? ByteOrder::little : ByteOrder::big;
}

}  // namespace

std::unique_ptr<ByteSource> as_utf8(std::unique_ptr<ByteSource> source) {
    constexpr std::size_t kHead = 256;
    auto peeked = std::make_unique<PeekedSource>(std::move(source));
    const std::string_view head = peeked->peek(kHead);
    if (head.starts_with("\xEF\xBB\xBF")) {
        peeked->skip(3);
        return peeked;
    }
    std::optional<ByteOrder> order = order_by_zeros(head);
    if (head.starts_with("\xFF\xFE")) order = ByteOrder::little;
    if (head.starts_with("\xFE\xFF")) order = ByteOrder::big;
    if (!order) return peeked;
    return std::make_unique<Utf16Source>(std::move(peeked), *order);
}

}  // namespace leakline::memory
