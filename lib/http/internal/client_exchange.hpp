// Internal to client_pool: a place for one request at a time, and the state of the request that it carries. Plain data.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/client_pool.hpp"
#include "http/kept_response.hpp"

namespace leakline::http {

class Connection;

struct Exchange {
    int slot = 0, lane = 0;  // the number in the pool, and that of its connection
    bool listed_idle = false;
    Exchange *previous = nullptr, *next = nullptr;  // in the pool's list of requests in progress

    // Of the request in progress.
    bool busy = false;
    bool head = false, idempotent = true, close_after = false, keeps = false;
    bool reused = false;            // the connection was open before
    Connection* carrier = nullptr;  // null once it is over
    ClientPool::Done done;
    std::unique_ptr<KeptResponse> kept;  // made when first asked for
    std::string copy;                    // its bytes, while they may have to be sent (again)

    // HTTP/2
    std::int32_t stream = 0;  // 0: none
    bool written = false;     // its headers were
    bool answered = false;    // a part of the response has come
    bool whole = false;       // all of it has
    bool reset_by_target = false, headers_too_large = false;
    std::uint32_t close_code = 0;  // the error code with which the stream was closed
    std::size_t header_bytes = 0;  // received
    std::string_view body;         // within copy: the part that is not sent yet

    Nanoseconds started() const { return done.started; }
    KeptResponse* kept_response() const { return keeps ? kept.get() : nullptr; }

    void begin(const ClientPool::Send& request) {
        busy = true;
        head = request.head;
        idempotent = request.idempotent;
        close_after = request.close_after;
        keeps = request.keep_response;
        if (keeps && !kept) kept = std::make_unique<KeptResponse>();
        done = ClientPool::Done{};
        done.slot = slot;
        done.token = request.token;
        done.started = steady_now();
    }
    // reason: in words, empty if it says no more than failure; must stay valid until the exchange is reported.
    void set_failure(Failure failure, std::string_view reason = {}) {
        done.status = 0;
        done.failure = failure;
        done.reason = reason;
    }
};

}  // namespace leakline::http
