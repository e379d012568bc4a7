// GoReplay's file format.
//
//   record    = TYPE " " ID " " TIMESTAMP_NS [" " LATENCY_NS] "\n" HTTP-message SEPARATOR
//   TYPE      = "1" request, "2" original response, "3" replayed response
//   SEPARATOR = "\n" U+1F435 U+1F648 U+1F649 "\n"          (the three monkeys)
//
// Old files lack the latency. The last record may lack its separator. Bodies can be shorter than Content-Length (the
// capture lost packets): sent as they are, counted. Chunked bodies are recorded raw, and are joined. A target without its leading
// slash ("GET example HTTP/1.1", "GET  HTTP/1.1") gets one, counted: rewriting rules of GoReplay leave such.
#pragma once

#include <deque>

#include "base/quantities.hpp"
#include "model/request.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

bool looks_like_gor(std::string_view prefix);

class GorStream : public RecordStream {
  public:
    enum class Responses { skip, attach };

    // attach: a request gets the status of its type 2 record, where that comes within the next kAhead records.
    GorStream(ChunkBuffer chunks, Responses responses) : RecordStream(std::move(chunks)), responses_(responses) {}
    Step next(Record& record) override;
    std::vector<std::string> warnings() const override;

    static constexpr std::size_t kAhead = 1024;

  private:
    struct Meta {
        char type = 0;
        std::string_view id;
        Nanoseconds at{};
    };
    struct Held {
        std::string id;
        Request request;
        bool truncated = false;
    };
    Step bad_record(const char* reason);
    Step next_piece(Record& record, Meta& meta, std::string_view& message);
    Step next_attached(Record& record);
    void attach(std::string_view id, std::string_view response);
    bool read_message(std::string_view message, Record& record);
    void add_slash(Record& record);

    const Responses responses_;
    std::string joined_;   // a body whose chunks were joined
    std::string slashed_;  // a target that got its slash
    std::deque<Held> held_;
    Held current_;
    bool at_end_ = false;
    std::uint64_t truncated_ = 0, slashless_ = 0;
};

}  // namespace leakline::replay
