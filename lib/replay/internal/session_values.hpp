// What the responses of each session have given, and the requests that are made of it.
//
// Requests of one session are sent one after the other, so a request that needs a value is sent once the response that gives it
// has come. Sessions that were used longest ago are forgotten beyond kMaxSessions or kMaxBytes.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json_scan.hpp"
#include "http/kept_response.hpp"
#include "model/request.hpp"
#include "replay/internal/cookie_jar.hpp"
#include "replay/internal/request_patches.hpp"
#include "replay/internal/value_rules.hpp"

namespace leakline::replay {

class SessionValues {
  public:
    static constexpr std::size_t kMaxSessions = 100'000, kMaxBytes = std::size_t{256} << 20;

    explicit SessionValues(const ValueOptions& options);

    // Sets out to the request as the session sends it. False: it needs a value that is missing, and is not to be sent.
    bool render(std::uint64_t session, std::string_view request, std::span<const Patch> patches, std::string& out);
    // Counts what render() has decided: a request is rendered again where it waits for a response.
    void count_sent();
    void count_skipped();

    // Takes what the response gives. target: of the request, path and query. True if a value or a cookie was found.
    bool learn(std::uint64_t session, ExtractionSet extractions, std::string_view target, const http::KeptResponse& response);

    // The log is repeated: no session has values.
    void begin_round();

    bool shares() const { return options_.missing == MissingValue::shared; }
    ReplayValues result() const;

  private:
    struct Session {
        std::vector<std::optional<std::string>> values;  // by the number of the extraction
        CookieJar jar;
        std::size_t bytes = 0;
        std::list<std::uint64_t>::iterator used;
    };
    struct Count {
        std::uint64_t searched = 0, found = 0, missing = 0;
    };
    Session* find(std::uint64_t session);
    Session& make(std::uint64_t session);
    void forget_oldest();
    std::optional<std::string> value_in(const Extraction& extraction, const http::KeptResponse& response);
    const std::string* value_of(const Session* session, int number) const;
    bool expand(const Patch& patch, const Session* session, std::string_view request, std::string& out);
    bool append_replacement(const Patch& patch, const Session* session, std::string& out);

    const ValueOptions& options_;
    std::vector<std::size_t> slots_;  // of each extraction: the first with its name
    std::unordered_map<std::uint64_t, Session> sessions_;
    std::list<std::uint64_t> used_;  // the session used last at the end
    std::size_t bytes_ = 0;
    std::vector<std::optional<std::string>> latest_;  // of any session

    // Of the request that is rendered, and of the response that is searched.
    std::vector<std::string> expanded_;
    std::string text_;
    int missing_ = -1;  // a value
    bool as_recorded_ = false, with_value_ = false;
    std::uint64_t unusable_here_ = 0;
    std::optional<std::string_view> decoded_;  // the body, without its compression
    std::string decoded_buffer_;
    Scratch scratch_;

    std::vector<Count> counts_;  // by slot
    std::uint64_t substituted_ = 0, as_recorded_count_ = 0, skipped_ = 0, cookies_ = 0, undecodable_ = 0, unusable_ = 0;
};

}  // namespace leakline::replay
