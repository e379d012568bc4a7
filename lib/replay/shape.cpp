#include "replay/internal/shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "replay/internal/named_values.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

// FNV-1a, then the finalizer of splitmix64 (Steele et al., 2014): FNV's low bits alone are uneven for short keys.
std::uint64_t hash(std::string_view text, std::uint64_t salt) {
    std::uint64_t value = 14695981039346656037u ^ salt;
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

// Sampling and sharding must not use the same bits.
constexpr std::uint64_t kSampleSalt = 0, kShardSalt = 0x9e3779b97f4a7c15u;

constexpr std::pair<std::string_view, RecordKey::Kind> kNamedKeys[] = {{"header:", RecordKey::Kind::header},
                                                                       {"field:", RecordKey::Kind::field},
                                                                       {"cookie:", RecordKey::Kind::cookie},
                                                                       {"query:", RecordKey::Kind::query}};

std::string key_text(const RecordKey& key) {
    for (const auto& [prefix, kind] : kNamedKeys)
        if (kind == key.kind) return std::string(prefix) + key.name;
    return key.kind == RecordKey::Kind::path ? "path" : "conn";
}

// The value of name in "a=1; b=2" or "a=1&b=2".
std::string_view value_in(std::string_view list, char separator, std::string_view name) {
    std::string_view found;
    for_each_value(list, separator, name, [&](std::string_view value) { return found = value, false; });
    return found;
}

// Its connection is not HTTP after the response.
bool opens_websocket(const Record& record) {
    return std::any_of(record.headers.begin(), record.headers.end(), [](const auto& header) {
        return header.first.size() == 7 && equal_ignoring_case(header.first, "upgrade") && equal_ignoring_case(header.second, "websocket");
    });
}

// Contains nothing that would end its line.
bool is_host(std::string_view text) {
    return !text.empty() &&
           std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

}  // namespace

RecordKey parse_record_key(const std::string& option, const std::string& text) {
    if (text == "conn") return {RecordKey::Kind::connection, ""};
    if (text == "path") return {RecordKey::Kind::path, ""};
    for (const auto& [prefix, kind] : kNamedKeys)
        if (text.starts_with(prefix) && text.size() > prefix.size()) return {kind, text.substr(prefix.size())};
    throw Error(ErrorKind::usage, option, "'" + printable(text) + "' is not conn, path, header:NAME, cookie:NAME, query:NAME or field:NAME",
                option + " field:user_id");
}

Shard parse_shard(const std::string& text) {
    Shard shard;
    const std::size_t slash = text.find('/');
    const char* const end = text.data() + text.size();
    if (slash != text.npos) {
        const auto index = std::from_chars(text.data(), text.data() + slash, shard.index);
        const auto count = std::from_chars(text.data() + slash + 1, end, shard.count);
        if (index.ec == std::errc() && index.ptr == text.data() + slash && count.ec == std::errc() && count.ptr == end && shard.count > 0 &&
            shard.index < shard.count)
            return shard;
    }
    throw Error(ErrorKind::usage, "--shard", "'" + printable(text) + "' is not INDEX/COUNT with an index from 0 to COUNT - 1",
                "--shard 0/4");
}

PathRewrite parse_path_rewrite(const std::string& text) {
    const std::size_t arrow = text.find("=>");
    if (arrow == text.npos || arrow == 0)
        throw Error(ErrorKind::usage, "--rewrite-path", "'" + printable(text) + "' is not REGEX=>REPLACEMENT",
                    "--rewrite-path '^/v1/(.*)=>/v2/$1'");
    PathRewrite rewrite{Regex("--rewrite-path", text.substr(0, arrow)), text.substr(arrow + 2)};
    rewrite.pattern.check_replacement("--rewrite-path", rewrite.replacement);
    return rewrite;
}

ShapeOptions ShapeOptions::changes_only() const {
    ShapeOptions rest = *this;
    rest.methods.clear();
    rest.not_methods.clear();
    rest.paths.clear();
    rest.not_paths.clear();
    rest.hosts.clear();
    rest.hosts_reason.clear();
    rest.sample.reset();
    rest.shard.reset();
    rest.allow_empty_body = true;
    return rest;
}

std::string_view Shape::key_of(const Record& record, const RecordKey& key) {
    switch (key.kind) {
        case RecordKey::Kind::connection: return record.connection;
        case RecordKey::Kind::path: {
            const std::string_view path = path_of_target(record.target);
            return path.substr(0, path.find('?'));
        }
        case RecordKey::Kind::header:
            for (const auto& [name, value] : record.headers)
                if (equal_ignoring_case(name, key.name)) return value;
            return {};
        case RecordKey::Kind::cookie:
            for (const auto& [name, value] : record.headers)
                if (equal_ignoring_case(name, "cookie"))
                    if (const std::string_view found = value_in(value, ';', key.name); !found.empty()) return found;
            return {};
        case RecordKey::Kind::query: {
            const std::string_view target = record.target.substr(0, record.target.find('#'));
            const std::size_t mark = target.find('?');
            return mark == target.npos ? std::string_view() : value_in(target.substr(mark + 1), '&', key.name);
        }
        case RecordKey::Kind::field: {
            std::string_view found;
            scratch_.reset(record.body.size());
            JsonScan scan(record.body, scratch_);
            scan.object([&](std::string_view name) {
                if (name != key.name) return scan.skip_value();
                scan.scalar(found);
                return false;  // the rest is not needed
            });
            return found;
        }
    }
    return {};
}

bool Shape::chosen(const Record& record) {
    if (!options_.sample && !options_.shard) return true;
    std::string_view key = key_of(record, options_.key);
    ++(key.empty() ? keyless_ : keyed_);
    // A record without a key is selected by its number.
    const std::string number = key.empty() ? std::to_string(sequence_) : std::string();
    if (key.empty()) key = number;
    if (options_.sample) {
        constexpr double kRange = 18446744073709551616.0;  // 2^64
        if (static_cast<double>(hash(key, kSampleSalt)) >= *options_.sample * kRange) return false;
    }
    return !options_.shard || hash(key, kShardSalt) % options_.shard->count == options_.shard->index;
}

bool Shape::selects(const Record& record) {
    ++sequence_;
    const auto has = [](const std::vector<std::string>& list, std::string_view word) {
        return std::any_of(list.begin(), list.end(), [&](const auto& entry) { return equal_ignoring_case(entry, word); });
    };
    if (!options_.methods.empty() && !has(options_.methods, record.method)) return false;
    if (has(options_.not_methods, record.method)) return false;
    if ((!options_.hosts.empty() || record.of_client) && !has_allowed_host(record)) return false;
    if (!has_allowed_path(path_of_target(record.target)) || !chosen(record)) return false;
    if (opens_websocket(record)) {
        ++websockets_;
        return false;
    }
    if (record.body_missing && !options_.allow_empty_body) {
        ++without_body_;
        return false;
    }
    return true;
}

bool Shape::has_allowed_host(const Record& record) {
    const bool chosen = !options_.hosts_reason.empty() || options_.hosts.empty();
    const std::string_view authority = chosen ? authority_of_target(record.target) : host_of(record);
    if (authority.empty()) return true;
    if (options_.hosts.empty() && first_host_.empty()) first_host_ = comparable_host(authority);
    constexpr std::size_t kRemembered = 10'000;
    auto known = host_allowed_.find(authority);
    if (known == host_allowed_.end()) {
        if (host_allowed_.size() == kRemembered) host_allowed_.clear();
        const std::string host = comparable_host(authority);
        const bool allowed = options_.hosts.empty() ? host == first_host_
                                                    : std::any_of(options_.hosts.begin(), options_.hosts.end(),
                                                                  [&](const std::string& pattern) { return host_matches(pattern, host); });
        known = host_allowed_.emplace(authority, allowed).first;
    }
    if (!known->second) other_hosts_.add(authority);
    return known->second;
}

bool Shape::has_allowed_path(std::string_view target) {
    bool gave_up = false;
    const auto is_match = [&](const Regex& pattern) {
        const Regex::Match match = pattern.search(target);
        gave_up = gave_up || match == Regex::Match::gave_up;
        return match == Regex::Match::found;
    };
    const bool allowed = options_.paths.empty() || std::any_of(options_.paths.begin(), options_.paths.end(), is_match);
    const bool denied = allowed && std::any_of(options_.not_paths.begin(), options_.not_paths.end(), is_match);
    // Whether it may be sent is unknown: count it and do not send it.
    if (gave_up && !denied) ++undecided_;
    return allowed && !denied && !gave_up;
}

std::vector<std::string> Shape::warnings(std::string_view left_out) const {
    std::vector<std::string> out;
    if (without_body_ > 0)
        out.push_back(fmt::format("{}: {} that had a body that the log does not have (--allow-empty-body sends such requests without)",
                                  left_out, counted(without_body_, "request")));
    if (websockets_ > 0)
        out.push_back(fmt::format("{}: {} a WebSocket, which cannot be replayed", left_out,
                                  counted(websockets_, "request") + (websockets_ == 1 ? " that opens" : " that open")));
    if (!other_hosts_.empty()) {
        constexpr std::size_t kShown = 5;
        const auto ranking = other_hosts_.ranking();
        std::string hosts;
        for (std::size_t i = 0; i < ranking.size() && i < kShown; ++i)
            hosts += fmt::format("{}{} ({})", i == 0 ? "" : ", ", printable(ranking[i].first), format_count(ranking[i].second));
        if (ranking.size() > kShown) hosts += fmt::format(" and {} more", ranking.size() - kShown);
        const std::string wanted = !options_.hosts.empty() ? fmt::format("{}", fmt::join(options_.hosts, ", ")) : first_host_;
        const std::string reason = !options_.hosts_reason.empty() ? options_.hosts_reason
                                   : options_.hosts.empty()       ? "the log's first"
                                                                  : "--allow-host";
        out.push_back(fmt::format("{}: {} to other hosts than {} ({}): {}{}", left_out, counted(other_hosts_.total(), "request"),
                                  printable(wanted), reason, hosts,
                                  reason == "--allow-host" ? "" : "; use --allow-host to add hosts, or --allow-host '*' for all"));
    }
    if (undecided_ > 0)
        out.push_back(fmt::format("{}: {} on which a pattern of --allow-path, --deny-path or --rewrite-path took more than {} steps",
                                  left_out, counted(undecided_, "request"), format_count(Regex::kMaxSteps)));
    const auto tell = [&](std::uint64_t with, std::uint64_t without, const RecordKey& key, const char* consequence) {
        if (without == 0 || key.kind == RecordKey::Kind::connection) return;
        out.push_back(fmt::format("{} of {} records have no {}: {}", format_count(without), format_count(with + without),
                                  printable(key_text(key)), consequence));
    };
    tell(keyed_, keyless_, options_.key, "each was selected by its position in the log (--by)");
    if (options_.session) tell(in_session_, sessionless_, *options_.session, "each was sent on any connection (--session)");
    return out;
}

bool Shape::change(Record& record) {
    if (options_.session) {
        session_ = key_of(record, *options_.session);
        ++(session_.empty() ? sessionless_ : in_session_);
        record.connection = session_;
    }
    if (!options_.rewrites.empty()) {
        target_ = path_of_target(record.target);
        for (const PathRewrite& rewrite : options_.rewrites) {
            if (rewrite.pattern.replace_first(target_, rewrite.replacement, rewritten_) == Regex::Match::gave_up) {
                ++undecided_;
                return false;
            }
            target_.swap(rewritten_);
        }
        record.target = target_;
    }
    if (options_.drop_headers.empty() && options_.set_headers.empty()) return true;
    std::erase_if(record.headers, [&](const auto& header) {
        const auto named = [&](std::string_view name) { return equal_ignoring_case(name, header.first); };
        return std::any_of(options_.drop_headers.begin(), options_.drop_headers.end(), named) ||
               std::any_of(options_.set_headers.begin(), options_.set_headers.end(), [&](const auto& set) { return named(set.first); });
    });
    for (const auto& [name, value] : options_.set_headers) record.headers.emplace_back(name, value);
    return true;
}

std::string_view Shape::host(const Record& record, std::string_view target_host) const {
    if (options_.keep_host) {
        for (const auto& [name, value] : record.headers)
            if (equal_ignoring_case(name, "host") && is_host(value)) return value;
        const std::size_t scheme = record.target.find("://");
        if (!record.target.starts_with('/') && scheme != record.target.npos) {
            const std::string_view rest = record.target.substr(scheme + 3), host = rest.substr(0, rest.find_first_of("/?#"));
            if (is_host(host)) return host;
        }
    }
    return options_.host.empty() ? target_host : std::string_view(options_.host);
}

}  // namespace leakline::replay
