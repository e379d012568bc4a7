#include "system/line_reader.hpp"

#include <algorithm>
#include <cstring>
#include <span>

namespace leakline {

LineReader::LineReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)) { buffer_.resize(std::size_t{1} << 16); }

LineReader::~LineReader() = default;

// Makes room and reads more behind what is there; false at the end.
bool LineReader::fill() {
    if (at_end_) return false;
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    const std::size_t got = source_->read(std::span(buffer_.data() + end_, buffer_.size() - end_));
    if (got == 0) at_end_ = true;
    end_ += got;
    return got > 0;
}

std::optional<std::string_view> LineReader::next() {
    std::size_t scanned = 0;
    for (;;) {
        const char* from = buffer_.data() + begin_ + scanned;
        const auto* newline = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_ - scanned));
        std::size_t length = end_ - begin_;
        std::size_t skip = 0;
        if (newline != nullptr) {
            length = static_cast<std::size_t>(newline - buffer_.data()) - begin_;
            skip = 1;
        } else if (length > kMaxLine) {
            // Too long to be a line of anything we read: what is there is returned, the rest of it is dropped.
            std::string head(buffer_, begin_, kMaxLine);
            begin_ = end_ = 0;
            bool found = false;
            while (!found && fill()) {
                const auto* end = static_cast<const char*>(std::memchr(buffer_.data(), '\n', end_));
                found = end != nullptr;
                begin_ = found ? static_cast<std::size_t>(end - buffer_.data()) + 1 : end_;
            }
            std::string rest(buffer_, begin_, end_ - begin_);
            buffer_ = head + rest;
            buffer_.resize(std::max<std::size_t>(buffer_.size(), std::size_t{1} << 16));
            begin_ = head.size();
            end_ = head.size() + rest.size();
            ++number_;
            return std::string_view(buffer_.data(), head.size());
        } else {
            scanned = length;
            if (fill()) continue;
            if (length == 0) return std::nullopt;
            torn_ = true;
        }
        std::string_view line(buffer_.data() + begin_, length);
        begin_ += length + skip;
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        line = line.substr(0, kMaxLine);
        ++number_;
        return line;
    }
}

}  // namespace leakline
