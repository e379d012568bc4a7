#include "system/peeked_source.hpp"

#include <algorithm>

namespace leakline {

std::string_view PeekedSource::peek(std::size_t size) {
    while (head_.size() < size) {
        const std::size_t before = head_.size();
        head_.resize(size);
        const std::size_t got = source_->read(std::span(head_).subspan(before));
        head_.resize(before + got);
        if (got == 0) break;
    }
    return head_;
}

std::size_t PeekedSource::read(std::span<char> buffer) {
    if (at_ == head_.size()) return source_->read(buffer);
    const std::size_t got = std::min(buffer.size(), head_.size() - at_);
    std::copy_n(head_.data() + at_, got, buffer.data());
    at_ += got;
    return got;
}

}  // namespace leakline
