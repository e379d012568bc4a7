#include "http/internal/http2_peer.hpp"

#include <algorithm>
#include <exception>
#include <new>

#include "base/strings.hpp"
#include "http/internal/http2_request.hpp"

namespace leakline::http {

namespace {

constexpr std::int32_t kStreamWindow = 256 * 1024, kConnectionWindow = 4 << 20;
constexpr std::uint32_t kStreams = 256;  // of a client at a time
constexpr std::size_t kFramesAtOnce = 64 * 1024;

std::vector<nghttp2_nv> as_nghttp2(const Http2Fields& fields) {
    const auto bytes = [](const std::string& text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
    std::vector<nghttp2_nv> out;
    out.reserve(fields.size());
    for (const auto& [name, value] : fields) out.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    return out;
}

}  // namespace

// Nothing may be thrown through nghttp2, which is C.
struct Http2Peer::Callbacks {
    template <class Work>
    static int guarded(Work work) noexcept try {
        return work();
    } catch (const std::exception&) {  // out of memory: ends the session
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static Http2Peer& self(void* data) { return *static_cast<Http2Peer*>(data); }

    static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        Http2Peer& peer = self(data);
        peer.stream_ = frame->hd.stream_id;
        peer.fields_.clear();
        peer.fields_size_ = 0;
        return 0;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* data) {
        Http2Peer& peer = self(data);
        if (frame->hd.stream_id != peer.stream_) return 0;
        peer.fields_size_ += name_size + value_size + 2;
        if (peer.fields_size_ > peer.max_header_) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets the stream
        return guarded([&] {
            peer.fields_.emplace_back(text_of(name, name_size), text_of(value, value_size));
            return 0;
        });
    }

    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes, std::size_t size, void* data) {
        return guarded([&] {
            self(data).listener_.on_body(self(data), stream, text_of(bytes, size));
            return 0;
        });
    }

    static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
        Http2Peer& peer = self(data);
        return guarded([&] {
            const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
            switch (frame->hd.type) {
                case NGHTTP2_HEADERS:
                    peer.listener_.on_fields(peer, frame->hd.stream_id, std::move(peer.fields_), ends);
                    peer.fields_.clear();
                    [[fallthrough]];
                case NGHTTP2_DATA:
                    if (ends) peer.listener_.on_end(peer, frame->hd.stream_id);
                    break;
                case NGHTTP2_GOAWAY: peer.listener_.on_goaway(peer); break;
                default: break;
            }
            return 0;
        });
    }

    static int on_stream_close(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* data) {
        return guarded([&] {
            self(data).listener_.on_closed(self(data), stream, code);
            return 0;
        });
    }

    // A request that can no longer be sent, because the peer has sent GOAWAY.
    static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* data) {
        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
        return guarded([&] {
            self(data).listener_.on_closed(self(data), frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
            return 0;
        });
    }

    static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int code, void* data) {
        return guarded([&] {
            self(data).error_ = nghttp2_strerror(code);
            return 0;
        });
    }

    static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* into, std::size_t size, std::uint32_t* flags,
                             nghttp2_data_source*, void* data) {
        Http2Peer& peer = self(data);
        Http2Body* const body = peer.listener_.body_of(peer, stream);
        if (body == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const std::size_t count = body->bytes.copy(reinterpret_cast<char*>(into), size, body->sent);
        body->sent += count;
        const bool all = body->sent == body->bytes.size();
        if (count == 0 && !body->ended) return NGHTTP2_ERR_DEFERRED;
        const int failure = guarded([&] {
            if (all || body->sent > kFramesAtOnce) body->bytes.erase(0, std::exchange(body->sent, 0));
            if (count > 0) peer.listener_.on_sent(peer, stream, count);
            if (!all || !body->ended) return 0;
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            if (body->trailers.empty()) return 0;
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            const std::vector<nghttp2_nv> trailers = as_nghttp2(body->trailers);
            return nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size());
        });
        return failure != 0 ? ssize_t{NGHTTP2_ERR_CALLBACK_FAILURE} : static_cast<ssize_t>(count);
    }

    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;

    static const Callbacks& shared() {
        static const Callbacks all = [] {
            Callbacks made;
            if (nghttp2_session_callbacks_new(&made.callbacks) != 0 || nghttp2_option_new(&made.option) != 0) throw std::bad_alloc();
            nghttp2_option_set_no_auto_window_update(made.option, 1);
            nghttp2_option_set_no_closed_streams(made.option, 1);
            nghttp2_session_callbacks_set_on_begin_headers_callback(made.callbacks, on_begin_headers);
            nghttp2_session_callbacks_set_on_header_callback(made.callbacks, on_header);
            nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made.callbacks, on_data);
            nghttp2_session_callbacks_set_on_frame_recv_callback(made.callbacks, on_frame);
            nghttp2_session_callbacks_set_on_frame_not_send_callback(made.callbacks, on_not_sent);
            nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made.callbacks, on_invalid_frame);
            nghttp2_session_callbacks_set_on_stream_close_callback(made.callbacks, on_stream_close);
            return made;
        }();
        return all;
    }
};

Http2Peer::Http2Peer(Role role, Listener& listener, std::size_t max_header) : role_(role), listener_(listener), max_header_(max_header) {
    const Callbacks& shared = Callbacks::shared();
    const auto make = role == Role::client ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
    if (make(&session_, shared.callbacks, this, shared.option) != 0) throw std::bad_alloc();
    const nghttp2_settings_entry settings[] = {role == Role::client
                                                   ? nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreams}
                                                   : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
                                               {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(max_header)}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2Peer::~Http2Peer() { nghttp2_session_del(session_); }

bool Http2Peer::take(std::string_view bytes) {
    const ssize_t used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (used < 0 && error_.empty()) error_ = nghttp2_strerror(static_cast<int>(used));
    return used >= 0;
}

bool Http2Peer::frames(std::string& out) {
    while (out.size() < kFramesAtOnce) {
        const std::uint8_t* bytes = nullptr;
        const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
        if (size < 0) {
            if (error_.empty()) error_ = nghttp2_strerror(static_cast<int>(size));
            return false;
        }
        if (size == 0) break;
        out.append(text_of(bytes, static_cast<std::size_t>(size)));
    }
    return true;
}

bool Http2Peer::is_over() const { return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0; }

std::int32_t Http2Peer::request(const Http2Fields& fields, bool has_body) {
    const std::vector<nghttp2_nv> head = as_nghttp2(fields);
    nghttp2_data_provider body{};
    body.read_callback = Callbacks::read_body;
    return std::max(0, nghttp2_submit_request(session_, nullptr, head.data(), head.size(), has_body ? &body : nullptr, nullptr));
}

void Http2Peer::respond(std::int32_t stream, const Http2Fields& fields, bool has_body) {
    const std::vector<nghttp2_nv> head = as_nghttp2(fields);
    nghttp2_data_provider body{};
    body.read_callback = Callbacks::read_body;
    nghttp2_submit_response(session_, stream, head.data(), head.size(), has_body ? &body : nullptr);
}

void Http2Peer::respond_in_between(std::int32_t stream, const Http2Fields& fields) {
    const std::vector<nghttp2_nv> head = as_nghttp2(fields);
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream, nullptr, head.data(), head.size(), nullptr);
}

void Http2Peer::go_away() {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR, nullptr, 0);
}

void Http2Peer::resume(std::int32_t stream) { nghttp2_session_resume_data(session_, stream); }
void Http2Peer::consume(std::int32_t stream, std::size_t size) { nghttp2_session_consume(session_, stream, size); }
void Http2Peer::reset(std::int32_t stream, std::uint32_t code) { nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code); }

}  // namespace leakline::http
