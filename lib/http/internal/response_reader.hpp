// Internal to lib/http's client side: finds the end of each response, whatever the pieces in which it arrives, and keeps
// only its status, unless the rest is asked for. Otherwise bodies are discarded and fields are not stored, whatever their size.
//
// Ordinary responses are recognized at once (ordinary_head.hpp); Beast's parser reads all others: torn heads, interim
// responses, HEAD, chunked and close-delimited bodies, and it is the one that says what is malformed.
//
// Thread-safety: one object, one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "http/kept_response.hpp"

namespace leakline::http {

class ResponseReader {
  public:
    enum class Step { more, whole, malformed };

    // max_header: bytes of a head, above which it is malformed.
    explicit ResponseReader(std::size_t max_header);
    ~ResponseReader();

    // The next bytes are the response to a new request. head: to a HEAD request, so without a body. keep: where its fields and
    // body go; lives until the response is whole or begin() is called again. Null: nowhere.
    void begin(bool head, KeptResponse* keep = nullptr);
    // The next bytes, at least one; more until the response is whole. 1xx responses are passed over.
    Step take(std::string_view bytes);
    // The connection has ended. Returns whole if that ends the body; otherwise the response is incomplete.
    Step end();

    bool started() const { return started_; }  // a byte has arrived since begin()
    // Once it is whole:
    int status() const { return status_; }
    // Whether the connection can carry another request: the response allows it, and no bytes came behind it, which would
    // belong to no request.
    bool reusable() const { return reusable_; }

  private:
    class FullParser;
    enum class Part { head, body, careful };

    Step whole(int status, bool reusable);

    const std::size_t max_header_;
    Part part_ = Part::head;
    KeptResponse* keep_ = nullptr;
    bool answers_head_ = false, started_ = false, keep_alive_ = false, reusable_ = false;
    int status_ = 0;
    std::uint64_t left_ = 0;                   // of an ordinary response's body
    std::unique_ptr<FullParser> full_parser_;  // made when first needed
};

}  // namespace leakline::http
