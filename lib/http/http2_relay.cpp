#include "http/internal/http2_relay.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/error.hpp"
#include "http/internal/client_socket.hpp"
#include "http/internal/http2_peer.hpp"

namespace leakline::http {

namespace {

constexpr int kPollMs = 200;  // SessionState::cut and ProxyShared::stopping are looked at this often
constexpr int kReadsPerTurn = 16;
constexpr std::size_t kReceiveAtOnce = 64 * 1024;

// A request of the client.
struct RelayedStream {
    explicit RelayedStream(ProxyShared& shared) : kept(shared) {}

    std::int32_t client = 0, target = 0;  // its numbers; 0: it was not sent to the target
    bool client_is_open = true, target_is_open = false;
    Http2Body request, response;
    bool request_ended = false, responded = false, response_ended = false;
    bool refused = false;  // by the target, before it looked at it: the client will send it again
    int status = 0;
    std::int64_t began = 0;  // steady
    ProxiedRequest exchange;
    KeptBodies kept;
};

class Http2Relay final : Http2Peer::Listener {
  public:
    Http2Relay(ProxyShared& shared, SessionState& state, int client, std::uint64_t number)
        : shared_(shared),
          state_(state),
          client_socket_(client),
          number_(number),
          client_(Http2Peer::Role::client, *this, shared.options.max_header),
          target_(Http2Peer::Role::server, *this, shared.options.max_header),
          received_(kReceiveAtOnce) {}

    void run() {
        ::fcntl(client_socket_, F_SETFL, ::fcntl(client_socket_, F_GETFL) | O_NONBLOCK);
        connect();
        while (!state_.cut && !is_over()) {
            if (!flush_target()) lose_target("the target ended the connection");
            if (sends_away_ || shared_.stopping) go_away();
            if (!flush_client()) break;
            if (is_over() || !wait()) break;
        }
        for (auto& [id, stream] : streams_) report(*stream);
    }

  private:
    // The loop

    bool is_over() const { return client_failed_ ? client_out_.empty() : client_.is_over() && client_out_.empty(); }

    // False: the client has closed, with nothing left to do.
    bool wait() {
        const auto waits_to_write = [](const std::string& out) { return static_cast<short>(out.empty() ? POLLIN : POLLIN | POLLOUT); };
        pollfd events[] = {{client_socket_, waits_to_write(client_out_), 0},
                           {target_is_open_ ? target_socket_.descriptor() : -1, waits_to_write(target_out_), 0}};
        if (::poll(events, std::size(events), kPollMs) <= 0) return true;
        state_.touch();
        if (events[1].revents != 0 && (events[1].revents & ~POLLOUT) != 0) receive_from_target();
        return (events[0].revents & ~POLLOUT) == 0 || receive_from_client();
    }

    bool receive_from_client() {
        for (int reads = 0; reads < kReadsPerTurn; ++reads) {
            const ssize_t count = ::recv(client_socket_, received_.data(), received_.size(), 0);
            if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
            if (count <= 0) return false;
            if (client_failed_) continue;
            client_failed_ = !client_.take({received_.data(), static_cast<std::size_t>(count)});
            if (static_cast<std::size_t>(count) < received_.size()) return true;
        }
        return true;
    }

    void receive_from_target() {
        for (int reads = 0; reads < kReadsPerTurn && target_is_open_; ++reads) {
            const Transfer got = target_socket_.receive(received_);
            if (got.error == EAGAIN) return;
            if (got.count == 0) {
                const auto refusal = got.error == EPROTO ? target_socket_.certificate_refusal() : std::nullopt;
                return lose_target(refusal ? refusal->text() : "the target closed the connection");
            }
            const std::string_view bytes(received_.data(), got.count);
            if (!target_has_answered_ && bytes.starts_with("HTTP/1")) return lose_target("the target speaks HTTP/1, not HTTP/2");
            target_has_answered_ = true;
            if (!target_.take(bytes)) return lose_target("the target does not speak valid HTTP/2: " + target_.error());
        }
    }

    bool flush_client() {
        for (;;) {
            if (client_out_.empty() && !client_.frames(client_out_)) client_failed_ = true;
            if (client_out_.empty()) return true;
            const ssize_t count = ::send(client_socket_, client_out_.data(), client_out_.size(), MSG_NOSIGNAL);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return errno == EAGAIN;
            client_out_.erase(0, static_cast<std::size_t>(count));
            if (!client_out_.empty()) return true;
        }
    }

    // False: it cannot go on.
    bool flush_target() {
        while (target_is_open_) {
            if (target_out_.empty() && !target_.frames(target_out_)) return false;
            if (target_out_.empty()) return !target_.is_over();
            const Transfer sent = target_socket_.send(target_out_);
            if (sent.error != 0) return sent.error == EAGAIN;
            target_out_.erase(0, sent.count);
            if (!target_out_.empty()) return true;
        }
        return true;
    }

    // The connection to the target

    void connect() {
        int error = EHOSTUNREACH;
        for (const Endpoint& endpoint : shared_.target.endpoints) {
            error = target_socket_.connect(endpoint);
            if (error == EINPROGRESS) error = wait_for_target(POLLOUT) ? target_socket_.finish_connecting() : ECANCELED;
            if (error == 0 || state_.cut) break;
        }
        if (error != 0) return lose_target("the target cannot be reached: " + os_reason(error));
        target_is_open_ = shared_.target.tls_http2 ? do_handshake() : true;
    }

    bool do_handshake() {
        target_socket_.begin_tls(*shared_.target.tls_http2, shared_.target.url, shared_.target.connect.verify_certificate);
        for (;;) {
            switch (target_socket_.do_handshake()) {
                case ClientSocket::Handshake::waiting:
                    if (!wait_for_target(POLLIN)) return false;
                    break;
                case ClientSocket::Handshake::failed: lose_target(target_socket_.handshake_failure().text()); return false;
                case ClientSocket::Handshake::done:
                    if (target_socket_.chosen_protocol() == kAlpnHttp2) return true;
                    lose_target(no_http2_over_tls().message);
                    return false;
            }
        }
    }

    // False: the session ends.
    bool wait_for_target(short event) {
        pollfd target{target_socket_.descriptor(), event, 0};
        while (!state_.cut)
            if (::poll(&target, 1, kPollMs) > 0) return true;
        return false;
    }

    // Further requests get this answer, too, until the client has opened another connection.
    void lose_target(std::string reason) {
        target_is_open_ = false;
        target_lost_ = std::move(reason);
        target_out_.clear();
        target_socket_.close();
        std::vector<RelayedStream*> all;
        for (auto& [id, stream] : streams_) all.push_back(stream.get());
        for (RelayedStream* stream : all) {
            if (!std::exchange(stream->target_is_open, false) || stream->response_ended) continue;
            ++shared_.failed;
            if (!stream->responded)
                answer(*stream, "502", target_lost_);
            else
                client_.reset(stream->client, NGHTTP2_INTERNAL_ERROR);
        }
        by_target_.clear();
        // Idle connections may be closed at any time. One that was never open is answered for, once.
        target_refuses_ = target_refuses_ || (target_has_answered_ && streams_.empty());
        sends_away_ = target_refuses_ || !streams_.empty();
    }

    // Names the last request that was taken: the client sends those after it over another connection. Thus right before frames are
    // sent, when no other has come since.
    void go_away() {
        if (!std::exchange(gone_away_, true)) client_.go_away();
    }

    // Messages

    RelayedStream* find(const Http2Peer& peer, std::int32_t id) {
        if (&peer == &client_) {
            const auto found = streams_.find(id);
            return found == streams_.end() ? nullptr : found->second.get();
        }
        const auto found = by_target_.find(id);
        return found == by_target_.end() ? nullptr : found->second;
    }

    void on_fields(Http2Peer& peer, std::int32_t id, Http2Fields&& fields, bool ends) override {
        RelayedStream* stream = find(peer, id);
        if (&peer == &target_) {
            if (stream != nullptr) take_response(*stream, std::move(fields), ends);
        } else if (stream != nullptr) {
            stream->request.trailers = std::move(fields);
        } else {
            stream = streams_.emplace(id, std::make_unique<RelayedStream>(shared_)).first->second.get();
            stream->client = id;
            state_.in_request = true;
            begin_request(*stream, std::move(fields), ends);
        }
    }

    void begin_request(RelayedStream& stream, Http2Fields&& fields, bool ends) {
        if (gone_away_ || target_refuses_) {
            stream.refused = true;
            return client_.reset(stream.client, NGHTTP2_REFUSED_STREAM);
        }
        ++shared_.requests;
        stream.began = steady_ns();
        ProxiedRequest& exchange = stream.exchange;
        exchange.at = std::chrono::system_clock::now().time_since_epoch();
        exchange.connection = number_;
        Http2Fields head;
        std::string authority = shared_.options.target.authority();
        bool expects = false;
        for (auto& [name, value] : fields) {
            if (name == ":method") exchange.method = value;
            if (name == ":path") exchange.target = value;
            const bool is_host = name == ":authority" || name == "host";
            if (name[0] != ':' || is_host) exchange.headers.emplace_back(is_host ? "Host" : name, value);
            expects = expects || name == "expect";
            if (is_host || name == "expect") continue;
            if (name == ":scheme") value = shared_.options.target.scheme == Url::Scheme::https ? "https" : "http";
            head.emplace_back(std::move(name), std::move(value));
            if (head.back().first == ":path") head.emplace_back(":authority", authority);
        }
        if (exchange.method == "CONNECT") {
            ++shared_.not_http;
            stream.refused = true;  // not recorded
            return answer(stream, "501", "this is a reverse proxy: send requests to it as to the service, not through it");
        }
        if (!target_is_open_) {
            ++shared_.failed;
            sends_away_ = true;
            return answer(stream, "502", target_lost_);
        }
        if (expects && !ends) client_.respond_in_between(stream.client, {{":status", "100"}});
        stream.target = target_.request(head, !ends);
        if (stream.target == 0) return lose_target("the connection to the target has no more stream numbers");
        stream.target_is_open = true;
        by_target_.emplace(stream.target, &stream);
    }

    void take_response(RelayedStream& stream, Http2Fields&& fields, bool ends) {
        if (stream.responded) {
            stream.response.trailers = std::move(fields);
            return;
        }
        for (const auto& [name, value] : fields)
            if (name == ":status") std::from_chars(value.data(), value.data() + value.size(), stream.status);
        if (stream.status / 100 == 1) return;  // an interim response is not passed on
        stream.responded = true;
        if (shared_.options.keep_responses) {
            RecordedResponse& kept = stream.exchange.response.emplace();
            kept.status = stream.status;
            for (const auto& field : fields)
                if (field.first[0] != ':') kept.headers.push_back(field);
        }
        client_.respond(stream.client, fields, !ends);
    }

    void on_body(Http2Peer& peer, std::int32_t id, std::string_view bytes) override {
        RelayedStream* const stream = find(peer, id);
        const bool of_client = &peer == &client_;
        if (stream != nullptr) {
            if (of_client)
                stream->kept.keep_of_request(stream->exchange, bytes);
            else
                stream->kept.keep_of_response(stream->exchange, bytes);
        }
        // No longer wanted on the other side.
        if (stream == nullptr || !(of_client ? stream->target_is_open : stream->client_is_open)) return peer.consume(id, bytes.size());
        (of_client ? stream->request : stream->response).bytes.append(bytes);
        other(peer).resume(of_client ? stream->target : stream->client);
    }

    void on_end(Http2Peer& peer, std::int32_t id) override {
        RelayedStream* const stream = find(peer, id);
        if (stream == nullptr) return;
        const bool of_client = &peer == &client_;
        if (!of_client && !stream->responded) return;  // ended by an interim response: nghttp2 resets the stream
        (of_client ? stream->request_ended : stream->response_ended) = true;
        (of_client ? stream->request : stream->response).ended = true;
        if (!of_client && stream->exchange.response) stream->exchange.response->latency = Nanoseconds(steady_ns() - stream->began);
        other(peer).resume(of_client ? stream->target : stream->client);
    }

    void on_closed(Http2Peer& peer, std::int32_t id, std::uint32_t code) override {
        RelayedStream* const stream = find(peer, id);
        if (stream == nullptr) return;
        if (&peer == &client_) {
            release(target_, stream->target, stream->response);
            stream->client_is_open = false;
            if (std::exchange(stream->target_is_open, false)) {
                by_target_.erase(stream->target);
                target_.reset(stream->target, code == NGHTTP2_NO_ERROR ? std::uint32_t{NGHTTP2_CANCEL} : code);
            }
        } else {
            release(client_, stream->client, stream->request);
            stream->target_is_open = false;
            by_target_.erase(stream->target);
            if (!stream->response_ended) {
                stream->refused = code == NGHTTP2_REFUSED_STREAM;
                stream->refused ? --shared_.requests : ++shared_.failed;
                client_.reset(stream->client, code == NGHTTP2_NO_ERROR ? std::uint32_t{NGHTTP2_INTERNAL_ERROR} : code);
            }
        }
        if (stream->client_is_open || stream->target_is_open) return;
        report(*stream);
        streams_.erase(stream->client);
        state_.in_request = !streams_.empty();
    }

    // What was received from this peer and will not be sent counts as taken.
    static void release(Http2Peer& peer, std::int32_t id, Http2Body& body) {
        if (const std::size_t left = body.bytes.size() - body.sent; left > 0) peer.consume(id, left);
        body.bytes.clear();
        body.sent = 0;
    }

    void on_goaway(Http2Peer& peer) override {
        if (&peer == &target_) sends_away_ = target_refuses_ = true;
    }

    Http2Body* body_of(Http2Peer& peer, std::int32_t id) override {
        RelayedStream* const stream = find(peer, id);
        return stream == nullptr ? nullptr : &peer == &client_ ? &stream->response : &stream->request;
    }

    void on_sent(Http2Peer& peer, std::int32_t id, std::size_t size) override {
        if (const RelayedStream* const stream = find(peer, id))
            other(peer).consume(&peer == &client_ ? stream->target : stream->client, size);
    }

    Http2Peer& other(const Http2Peer& peer) { return &peer == &client_ ? target_ : client_; }

    // In place of the target.
    void answer(RelayedStream& stream, const char* status, const std::string& reason) {
        stream.responded = stream.response.ended = true;
        stream.response.bytes = "leakline capture: " + reason + "\n";
        client_.respond(stream.client, {{":status", status}, {"content-type", "text/plain"}}, true);
    }

    void report(RelayedStream& stream) {
        if (stream.refused) return;
        ProxiedRequest& exchange = stream.exchange;
        exchange.status = stream.response_ended ? stream.status : 0;
        exchange.body_cut = !stream.request_ended;
        if (exchange.status == 0) exchange.response.reset();  // not whole
        shared_.report(std::move(exchange));
        stream.kept.give_back();
    }

    ProxyShared& shared_;
    SessionState& state_;
    const int client_socket_;
    const std::uint64_t number_;
    std::unordered_map<std::int32_t, std::unique_ptr<RelayedStream>> streams_;  // by the client's numbers
    std::unordered_map<std::int32_t, RelayedStream*> by_target_;                // those that the target has
    Http2Peer client_, target_;
    ClientSocket target_socket_;
    bool target_is_open_ = false, target_has_answered_ = false;
    std::string target_lost_ = "the connection to the target is not open";
    std::string client_out_, target_out_;          // frames that are not sent yet
    bool client_failed_ = false;                   // what it sent is not HTTP/2: it still gets the frame that says so
    bool target_refuses_ = false;                  // requests: it has said so, or closed while idle
    bool sends_away_ = false, gone_away_ = false;  // the client is to open another connection, and has been told so
    std::vector<char> received_;
};

}  // namespace

bool begins_http2(int client) {
    char begin[3];  // no method of HTTP/1 begins so
    return ::recv(client, begin, sizeof begin, MSG_PEEK | MSG_WAITALL) == sizeof begin && std::string_view(begin, sizeof begin) == "PRI";
}

void relay_http2(ProxyShared& shared, SessionState& state, int client, std::uint64_t number) {
    Http2Relay(shared, state, client, number).run();
}

}  // namespace leakline::http
