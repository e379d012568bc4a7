#include "replay/internal/http2_reader.hpp"

#include <nghttp2/nghttp2.h>

#include <new>
#include <utility>

#include "replay/internal/octets.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kFrameHead = 9;
// Of the table of fields: as large as a server may have allowed. The client says which size it uses.
constexpr std::size_t kMaxTable = std::size_t{1} << 20;

nghttp2_hd_inflater* make_inflater() {
    nghttp2_hd_inflater* inflater = nullptr;
    if (nghttp2_hd_inflate_new(&inflater) != 0) throw std::bad_alloc();
    nghttp2_hd_inflate_change_table_size(inflater, kMaxTable);
    return inflater;
}

// Takes the padding away. False if it is larger than the payload.
bool remove_padding(std::uint8_t flags, std::string_view& payload) {
    if ((flags & NGHTTP2_FLAG_PADDED) == 0) return true;
    if (payload.empty()) return false;
    const std::size_t padding = octet(payload, 0);
    payload.remove_prefix(1);
    if (padding > payload.size()) return false;
    payload.remove_suffix(padding);
    return true;
}

}  // namespace

Http2Reader::Http2Reader(std::string connection) : connection_(std::move(connection)), inflater_(make_inflater(), nghttp2_hd_inflate_del) {}
Http2Reader::~Http2Reader() = default;

bool Http2Reader::take(std::string_view bytes, Nanoseconds at, std::deque<Request>& out) {
    pending_.append(bytes);
    std::string_view rest = pending_;
    while (rest.size() >= kFrameHead) {
        const std::size_t size = std::size_t{octet(rest, 0)} << 16 | big16(rest, 1);
        if (rest.size() < kFrameHead + size) break;
        const Frame frame{octet(rest, 3), octet(rest, 4), big32(rest, 5) & 0x7fffffff, rest.substr(kFrameHead, size)};
        if (!take_frame(frame, at, out)) return false;
        rest.remove_prefix(kFrameHead + size);
    }
    pending_.erase(0, pending_.size() - rest.size());
    return true;
}

bool Http2Reader::take_frame(Frame frame, Nanoseconds at, std::deque<Request>& out) {
    if (block_stream_ != 0 && (frame.type != NGHTTP2_CONTINUATION || frame.stream != block_stream_)) return false;
    switch (frame.type) {
        case NGHTTP2_HEADERS:
            if (frame.stream == 0 || !remove_padding(frame.flags, frame.payload)) return false;
            if ((frame.flags & NGHTTP2_FLAG_PRIORITY) != 0) {
                if (frame.payload.size() < 5) return false;
                frame.payload.remove_prefix(5);
            }
            block_stream_ = frame.stream;
            block_ends_stream_ = (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0;
            return take_block(frame.payload, (frame.flags & NGHTTP2_FLAG_END_HEADERS) != 0, at, out);
        case NGHTTP2_CONTINUATION:
            if (block_stream_ == 0) return false;
            return take_block(frame.payload, (frame.flags & NGHTTP2_FLAG_END_HEADERS) != 0, at, out);
        case NGHTTP2_DATA: {
            if (!remove_padding(frame.flags, frame.payload)) return false;
            const auto stream = streams_.find(frame.stream);
            if (stream == streams_.end()) return true;  // it was reset
            body_bytes_ += frame.payload.size();
            if (body_bytes_ > kMaxBodies) return false;
            stream->second.body.append(frame.payload);
            if ((frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) end(frame.stream, out);
            return true;
        }
        case NGHTTP2_RST_STREAM:
            if (const auto stream = streams_.find(frame.stream); stream != streams_.end()) {
                body_bytes_ -= stream->second.body.size();
                streams_.erase(stream);
            }
            return true;
        default: return true;
    }
}

bool Http2Reader::take_block(std::string_view block, bool ends_headers, Nanoseconds at, std::deque<Request>& out) {
    block_.append(block);
    if (block_.size() > kMaxHead) return false;
    if (!ends_headers) return true;
    const std::uint32_t id = std::exchange(block_stream_, 0);
    const auto known = streams_.find(id);
    Request trailers;  // fields after the body: they are not replayed
    Request* request = &trailers;
    if (known == streams_.end()) {
        if (streams_.size() >= kMaxStreams) return false;
        request = &streams_[id];
        request->at = at;
        request->connection = connection_;
    }
    if (!decode(*request)) return false;
    if (block_ends_stream_) end(id, out);
    return true;
}

bool Http2Reader::decode(Request& request) {
    std::size_t size = 0;
    auto* bytes = reinterpret_cast<std::uint8_t*>(block_.data());
    std::size_t left = block_.size();
    for (;;) {
        nghttp2_nv field{};
        int flags = 0;
        const ssize_t used = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, bytes, left, 1);
        if (used < 0) return false;
        bytes += used;
        left -= static_cast<std::size_t>(used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            const std::string_view name(reinterpret_cast<const char*>(field.name), field.namelen),
                value(reinterpret_cast<const char*>(field.value), field.valuelen);
            size += name.size() + value.size();
            if (size > kMaxHead) return false;
            if (name == ":method")
                request.method = value;
            else if (name == ":path")
                request.target = value;
            else if (name == ":authority")
                request.headers.emplace_back("Host", value);
            else if (!name.starts_with(':'))
                request.headers.emplace_back(name, value);
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
        if (left == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_.get());
    block_.clear();
    return true;
}

void Http2Reader::end(std::uint32_t stream, std::deque<Request>& out) {
    const auto found = streams_.find(stream);
    if (found == streams_.end()) return;
    body_bytes_ -= found->second.body.size();
    out.push_back(std::move(found->second));
    streams_.erase(found);
}

}  // namespace leakline::replay
