#include "replay/internal/tcp_stream.hpp"

#include <algorithm>

namespace leakline::replay {

TcpStream::TcpStream(Reader& reader, std::optional<std::uint32_t> sequence) : reader_(reader) {
    if (sequence) begin_at(*sequence);
}

void TcpStream::begin_at(std::uint32_t sequence) {
    has_base_ = true;
    next_ = (std::uint64_t{1} << 32) + sequence;  // an offset never goes below zero
}

// Sequence numbers wrap around: the offset nearest to what is expected.
std::uint64_t TcpStream::offset_of(std::uint32_t sequence) const {
    return next_ +
           static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(next_))));
}

void TcpStream::add(const TcpSegment& segment, Nanoseconds at) {
    ended_ = ended_ || segment.fin || segment.rst;
    if (segment.syn && !has_base_) begin_at(segment.sequence + 1);
    if (closed_ || segment.size == 0) return;
    if (!has_base_) begin_at(segment.sequence);
    std::uint64_t begin = offset_of(segment.sequence);
    const std::uint64_t end = begin + segment.size;
    if (end <= next_) return;  // sent again
    std::string_view bytes = segment.payload;
    if (begin < next_) {
        bytes.remove_prefix(std::min<std::size_t>(bytes.size(), next_ - begin));
        begin = next_;
    }
    if (begin == next_) {
        append(bytes, end - begin, at);
        take_later();
        return;
    }
    Piece& piece = later_[begin];
    if (bytes.size() > piece.bytes.size() || piece.size == 0) {
        later_bytes_ += bytes.size() - piece.bytes.size();
        piece = {std::string(bytes), end - begin, at};
    }
    waited_ += acknowledged_ > next_ ? 1 : 0;
    if (later_bytes_ > kMaxLater || waited_ > kPatience) skip_gap();
}

void TcpStream::acknowledge(std::uint32_t sequence) {
    if (!has_base_ || closed_) return;
    acknowledged_ = std::max(acknowledged_, offset_of(sequence));
    if (later_.empty() || acknowledged_ <= next_) return;
    if (++waited_ > kPatience) skip_gap();
}

void TcpStream::append(std::string_view bytes, std::uint64_t size, Nanoseconds at) {
    next_ += size;
    if (!closed_) reader_.take(bytes, size, at);
}

void TcpStream::take_later() {
    waited_ = 0;
    while (!later_.empty() && later_.begin()->first <= next_) {
        const auto first = later_.begin();
        const Piece piece = std::move(first->second);
        const std::uint64_t begin = first->first;
        later_.erase(first);
        later_bytes_ -= piece.bytes.size();
        if (begin + piece.size <= next_) continue;
        const std::uint64_t known = next_ - begin;
        const std::string_view bytes = std::string_view(piece.bytes).substr(std::min<std::size_t>(piece.bytes.size(), known));
        append(bytes, piece.size - known, piece.at);
    }
}

// The bytes up to the next segment that is there are not in the capture.
void TcpStream::skip_gap() {
    reader_.skip();
    if (closed_) return;
    next_ = later_.begin()->first;
    take_later();
}

void TcpStream::finish() {
    while (!later_.empty() && !closed_) skip_gap();
}

void TcpStream::close() {
    closed_ = true;
    later_.clear();
    later_bytes_ = 0;
}

}  // namespace leakline::replay
