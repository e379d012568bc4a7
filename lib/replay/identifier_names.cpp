#include "replay/internal/identifier_names.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/ascii.hpp"

namespace leakline::replay {

namespace {

// "userId", "user_id", "User-ID" -> "user", "id".
std::vector<std::string> words_of(std::string_view name) {
    std::vector<std::string> words;
    std::string word;
    const auto end_word = [&] {
        if (!word.empty()) words.push_back(std::move(word));
        word.clear();
    };
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        if (!is_letter(c)) {
            end_word();
            continue;
        }
        if (is_upper(c) && i > 0 && is_lower(name[i - 1])) end_word();
        word += to_lower(c);
    }
    end_word();
    return words;
}

template <std::size_t N>
bool has_word(std::string_view name, const std::array<std::string_view, N>& known) {
    for (const std::string& word : words_of(name)) {
        const std::string_view singular = word.ends_with('s') ? std::string_view(word).substr(0, word.size() - 1) : std::string_view(word);
        if (std::find(known.begin(), known.end(), word) != known.end() || std::find(known.begin(), known.end(), singular) != known.end())
            return true;
    }
    return false;
}

// Words run together, as in "userid".
template <std::size_t N>
bool contains(std::string_view name, const std::array<std::string_view, N>& parts) {
    std::string lower;
    for (const char c : name) lower += to_lower(c);
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return lower.find(part) != lower.npos; });
}

}  // namespace

bool names_owner(std::string_view name) {
    // "X-Client-Request-Id" is the request's.
    static constexpr std::array<std::string_view, 4> kOfRequest = {"request", "trace", "correlation", "idempotency"};
    if (contains(name, kOfRequest)) return false;
    static constexpr std::array<std::string_view, 24> kWords = {
        "uid", "login", "org",    "ip",     "addr", "address", "host", "team",   "group", "agent",  "owner", "author",
        "sid", "phone", "mobile", "person", "site", "store",   "shop", "region", "zone",  "driver", "from",  "forwarded"};
    static constexpr std::array<std::string_view, 17> kParts = {"user",    "account", "customer", "client",   "tenant",     "member",
                                                                "visitor", "device",  "session",  "mail",     "subscriber", "profile",
                                                                "company", "player",  "employee", "merchant", "organi"};
    return has_word(name, kWords) || contains(name, kParts);
}

bool names_secret(std::string_view name) {
    static constexpr std::array<std::string_view, 10> kWords = {"auth", "sig", "hmac", "jwt", "token", "pass", "pwd", "otp", "pin", "etag"};
    static constexpr std::array<std::string_view, 10> kParts = {"password", "secret", "signature", "csrf",    "xsrf",
                                                                "authoriz", "cookie", "apikey",    "api-key", "api_key"};
    return has_word(name, kWords) || contains(name, kParts);
}

bool names_identifier(std::string_view name) {
    static constexpr std::array<std::string_view, 31> kWords = {
        "id",    "uuid",    "guid",  "ulid",        "key",     "ref",     "reference", "no",    "nr",      "num",         "number",
        "seq",   "ts",      "time",  "timestamp",   "at",      "date",    "created",   "nonce", "request", "correlation", "trace",
        "event", "message", "order", "transaction", "invoice", "payment", "job",       "task",  "ticket"};
    static constexpr std::array<std::string_view, 2> kParts = {"requestid", "traceparent"};
    return has_word(name, kWords) || contains(name, kParts) || name.ends_with("id") || name.ends_with("Id") || name.ends_with("ID");
}

}  // namespace leakline::replay
