// Selects the records that are sent, and changes them: filters, samples, shards, rewriting, sessions.
//
// Thread-safety: one thread at a time. The same options and log select the same records on every machine.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json_scan.hpp"
#include "replay/internal/record.hpp"
#include "replay/internal/regex.hpp"
#include "replay/internal/request_host.hpp"

namespace leakline::replay {

// The key that identifies a user or a session.
struct RecordKey {
    enum class Kind {
        connection,  // "conn": the log's own session name
        header,      // "header:NAME"
        field,       // "field:NAME": a member of the JSON body's top level
        cookie,      // "cookie:NAME": one of the Cookie header
        query,       // "query:NAME": a parameter of the URL
        path,        // "path": without the query
    };
    Kind kind = Kind::connection;
    std::string name;
};
// Throws Error{usage} located at option.
RecordKey parse_record_key(const std::string& option, const std::string& text);

struct Shard {
    std::uint64_t index = 0, count = 1;  // index < count
};
// "2/8" is the third of eight parts: indices begin at 0, as Kubernetes' JOB_COMPLETION_INDEX does.
Shard parse_shard(const std::string& text);

struct PathRewrite {
    Regex pattern;
    std::string replacement;  // as Regex::replace_first has it: $1 is the first group
};
// "REGEX=>REPLACEMENT".
PathRewrite parse_path_rewrite(const std::string& text);

struct ShapeOptions {
    std::vector<std::string> methods, not_methods;  // upper case; empty: all, none
    std::vector<Regex> paths, not_paths;            // searched in path and query; a record has to match one of paths and none of not_paths
    std::vector<std::string> hosts;                 // patterns of host_matches(); empty: all. A record without a host is sent
    // Why hosts was set, if not by the user: the log was recorded by a client (see choose_hosts()). Then only the
    // host in a record's URL is compared with it.
    std::string hosts_reason;
    std::optional<double> sample;  // fraction of the keys
    std::optional<Shard> shard;
    RecordKey key;                      // for sample and shard; a record without the key is selected by its position in the log
    std::optional<RecordKey> session;   // records with the same key are sent on one connection, in order
    std::vector<PathRewrite> rewrites;  // each in turn
    std::vector<std::pair<std::string, std::string>> set_headers;  // replace, or are added
    std::vector<std::string> drop_headers;
    std::string host;               // of the Host header; empty: the target's
    bool keep_host = false;         // the recorded one, where there is one
    bool allow_empty_body = false;  // sends requests whose body is not in the log without one

    // The same without the filters: for a log that was written from records that were already selected.
    ShapeOptions changes_only() const;
};

class Shape {
  public:
    explicit Shape(const ShapeOptions& options) : options_(options) {}

    // False: not to be sent. May change the record; its views are then valid until the next call.
    bool apply(Record& record) { return selects(record) && change(record); }
    // The two halves of apply(): whether a record is sent (called once per record of the log), and how it is sent; false
    // if a pattern took too many steps.
    bool selects(const Record& record);
    bool change(Record& record);

    // The value for the Host header of the record last applied; target_host unless the options say otherwise.
    std::string_view host(const Record& record, std::string_view target_host) const;

    // How many records apply() skipped because the log does not have their body.
    std::uint64_t without_body() const { return without_body_; }

    // The log is repeated: records that are selected by their position are the same ones again.
    void begin_round() { sequence_ = 0; }

    // Warnings: records that were skipped (without their body, of other hosts, to open a WebSocket), patterns that took too long, keys
    // that records do not have. left_out: "left out", "would be left out".
    std::vector<std::string> warnings(std::string_view left_out) const;
    // Requests that were skipped because of their host.
    const HostCounts& other_hosts() const { return other_hosts_; }

  private:
    std::string_view key_of(const Record& record, const RecordKey& key);
    bool chosen(const Record& record);
    bool has_allowed_host(const Record& record);
    bool has_allowed_path(std::string_view target);

    const ShapeOptions& options_;
    Scratch scratch_;
    std::string target_, rewritten_, session_;
    std::map<std::string, bool, std::less<>> host_allowed_;  // by authority, of those met so far
    HostCounts other_hosts_;
    std::string first_host_;  // of a client's log that could not be read in advance
    std::uint64_t without_body_ = 0, websockets_ = 0, sequence_ = 0;
    std::uint64_t undecided_ = 0;                     // records on which a pattern took too many steps
    std::uint64_t keyed_ = 0, keyless_ = 0;           // records asked for options_.key, and found with it or without
    std::uint64_t in_session_ = 0, sessionless_ = 0;  // the same of options_.session
};

}  // namespace leakline::replay
