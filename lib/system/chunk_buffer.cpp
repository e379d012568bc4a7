#include "system/chunk_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace leakline {

ChunkBuffer::ChunkBuffer(std::unique_ptr<ByteSource> source) : source_(std::move(source)), buffer_(kChunk) {}

bool ChunkBuffer::fill() {
    if (at_end_) return false;
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    const std::size_t count = source_->read({buffer_.data() + end_, buffer_.size() - end_});
    if (count == 0) at_end_ = true;
    end_ += count;
    return count > 0;
}

double ChunkBuffer::part() const {
    const std::uint64_t read = consumed_ + (end_ - begin_);
    if (!source_->total() || *source_->total() == 0 || read == 0) return 0;
    return static_cast<double>(source_->consumed()) / static_cast<double>(*source_->total()) * static_cast<double>(consumed_) /
           static_cast<double>(read);
}

std::string_view ChunkBuffer::peek(std::size_t limit, Peek how) {
    while (end_ - begin_ < limit) {
        if (how == Peek::a_line && window().find('\n') != std::string_view::npos) break;
        if (!fill()) break;
    }
    return window().substr(0, limit);
}

std::optional<std::string_view> ChunkBuffer::next(std::string_view separator, std::size_t anchor) {
    too_long_ = torn_ = false;
    std::size_t searched = 0;  // after begin_: no separator starts before it
    for (;;) {
        const char* const data = buffer_.data() + begin_;
        const std::size_t size = end_ - begin_;
        while (searched + separator.size() <= size) {
            const auto* hit =
                static_cast<const char*>(std::memchr(data + searched + anchor, separator[anchor], size - searched - separator.size() + 1));
            if (hit == nullptr) {
                searched = size - separator.size() + 1;
                break;
            }
            const std::size_t start = static_cast<std::size_t>(hit - data) - anchor;
            if (std::memcmp(data + start, separator.data(), separator.size()) == 0) {
                offset_ = consumed_;
                consumed_ += start + separator.size();
                begin_ += start + separator.size();
                ++pieces_;
                return std::string_view(data, start);
            }
            searched = start + 1;
        }
        if (size > kMaxPiece) return skip_long_piece(separator);
        if (!fill()) break;
    }
    if (begin_ == end_) return std::nullopt;
    const std::string_view last(buffer_.data() + begin_, end_ - begin_);
    offset_ = consumed_;
    consumed_ += last.size();
    begin_ = end_;
    torn_ = true;
    ++pieces_;
    return last;
}

std::string_view ChunkBuffer::skip_long_piece(std::string_view separator) {
    head_of_long_.assign(buffer_.data() + begin_, kLongLineHead);
    offset_ = consumed_;
    too_long_ = true;
    ++pieces_;
    for (;;) {
        const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
        const std::size_t found = rest.find(separator);
        // A separator may begin in the last bytes: keep them.
        const std::size_t keep = std::min(rest.size(), separator.size() - 1);
        const std::size_t taken = found == rest.npos ? rest.size() - keep : found + separator.size();
        begin_ += taken;
        consumed_ += taken;
        if (found != rest.npos) break;
        if (!fill()) {
            begin_ = end_;
            break;
        }
    }
    buffer_.resize(std::max(kChunk, end_));
    buffer_.shrink_to_fit();
    return head_of_long_;
}

std::optional<std::string_view> ChunkBuffer::next_line() {
    std::optional<std::string_view> line = next("\n");
    if (line && line->ends_with('\r')) line->remove_suffix(1);
    return line;
}

}  // namespace leakline
