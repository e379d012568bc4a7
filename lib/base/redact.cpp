#include "base/redact.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline {

namespace {

bool is_word_character(char c) { return is_letter(c) || is_digit(c); }

// "--db-Password" -> {"db", "password"}; "apiKey" -> {"api", "key"}.
std::vector<std::string> words_of(std::string_view name) {
    std::vector<std::string> words;
    bool inside = false, lower = false;
    for (const char c : name) {
        if (!is_word_character(c)) {
            inside = false;
            continue;
        }
        if (!inside || (lower && is_upper(c))) words.emplace_back();
        inside = true;
        lower = is_lower(c);
        words.back() += to_lower(c);
    }
    return words;
}

// Whether what goes by this name is commonly a secret.
bool is_secret_name(std::string_view name) {
    static constexpr std::array kAlone = {"password",    "passwd",    "passphrase", "passcode",  "pass",          "pwd",       "secret",
                                          "secrets",     "token",     "apikey",     "cookie",    "authorization", "bearer",    "credential",
                                          "credentials", "accesskey", "privatekey", "secretkey", "jwt",           "signature", "authtoken"};
    static constexpr std::array kBeforeKey = {"api",     "access",     "private", "secret", "auth",
                                              "account", "encryption", "signing", "shared", "license"};
    static constexpr std::array kNotSecretSuffix = {"file",   "path",   "dir",    "directory", "url",    "uri",  "ttl",    "timeout",
                                                    "expiry", "length", "size",   "count",     "limit",  "name", "header", "type",
                                                    "id",     "stdin",  "bucket", "buckets",   "refill", "rate"};
    const std::vector<std::string> words = words_of(name);
    if (words.empty()) return false;
    const auto is_one_of = [](const auto& list, const std::string& word) {
        return std::find(list.begin(), list.end(), word) != list.end();
    };
    if (words.size() > 1 && is_one_of(kNotSecretSuffix, words.back())) return false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (is_one_of(kAlone, words[i])) return true;
        if (i > 0 && words[i] == "key" && is_one_of(kBeforeKey, words[i - 1])) return true;
    }
    return words.size() == 1 && words[0] == "auth";
}

// Keys whose makers gave them a prefix to be found by; at least so many characters follow.
struct Marked {
    std::string_view prefix;
    std::size_t more;
};
constexpr Marked kMarked[] = {{"AKIA", 16},        {"ASIA", 16},   {"ghp_", 30},  {"gho_", 30},  {"ghs_", 30},
                              {"github_pat_", 20}, {"glpat-", 16}, {"xoxb-", 16}, {"xoxp-", 16}, {"sk_live_", 16},
                              {"rk_live_", 16},    {"npm_", 30},   {"eyJ", 40},   {"AIza", 30}};

void redact_marked(std::string& text) {
    for (const Marked& marked : kMarked)
        for (std::size_t at = 0; (at = text.find(marked.prefix, at)) != std::string::npos;) {
            std::size_t end = at + marked.prefix.size();
            while (end < text.size() && (is_word_character(text[end]) || text[end] == '_' || text[end] == '-' || text[end] == '.')) ++end;
            const bool begins = at == 0 || !is_word_character(text[at - 1]);
            if (begins && end - at - marked.prefix.size() >= marked.more) {
                text.replace(at, end - at, kRedacted);
                at += kRedacted.size();
            } else {
                at = end;
            }
        }
}

// scheme://user:SECRET@host, and secrets among the parameters of a query or a ';' list.
void redact_url(std::string& text) {
    for (std::size_t at = 0; (at = text.find("://", at)) != std::string::npos;) {
        at += 3;
        const std::size_t end = std::min(text.find_first_of("/?# \t'\"", at), text.size());
        const std::size_t host = text.rfind('@', end == 0 ? 0 : end - 1);
        if (host == std::string::npos || host < at || host >= end) continue;
        const std::size_t colon = text.find(':', at);
        if (colon < host) text.replace(colon + 1, host - colon - 1, kRedacted);
    }
    for (std::size_t at = 0; (at = text.find_first_of("?&;", at)) != std::string::npos;) {
        const std::size_t equals = text.find_first_of("=?&; ", ++at);
        if (equals == std::string::npos || text[equals] != '=') continue;
        if (!is_secret_name(std::string_view(text).substr(at, equals - at))) continue;
        const std::size_t end = std::min(text.find_first_of("&;# \t'\"", equals), text.size());
        text.replace(equals + 1, end - equals - 1, kRedacted);
    }
}

// "user:SECRET", as curl's -u takes it.
void redact_login(std::string& word) {
    if (const std::size_t colon = word.find(':'); colon != std::string::npos) word.replace(colon + 1, std::string::npos, kRedacted);
}

bool is_login_option(std::string_view name) {
    return name == "-u" || name == "--user" || name == "--userpwd" || name == "--basic-auth" || name == "--proxy-user";
}

// Of an Authorization header: the secret follows it.
bool is_scheme(std::string_view word) {
    return word == "Bearer" || word == "bearer" || word == "Basic" || word == "basic" || word == "Token" || word == "token";
}

// NAME=VALUE and NAME: VALUE. True where the word is such a name without its value, which the next word then is.
bool redact_named(std::string& word) {
    const std::size_t split = word.find_first_of("=: ");
    std::string_view name = std::string_view(word).substr(0, split);
    if (name.starts_with("-D")) name.remove_prefix(2);  // Java's
    if (name.find('/') != std::string_view::npos || !is_secret_name(name)) return false;
    if (split == std::string::npos) return name.starts_with('-');
    if (word[split] == ' ') return false;
    std::size_t value = split + 1;
    while (value < word.size() && word[value] == ' ') ++value;
    if (value == word.size()) return word[split] == ':';
    word.replace(value, std::string::npos, kRedacted);
    return false;
}

}  // namespace

std::vector<std::string> redact_secrets(std::vector<std::string> words) {
    bool secret_follows = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string& word = words[i];
        if (secret_follows && is_scheme(word)) continue;
        if (secret_follows && !word.starts_with('-')) {
            word = kRedacted;
            secret_follows = false;
            continue;
        }
        secret_follows = i > 0 && redact_named(word);
        if (i > 0 && is_login_option(words[i - 1])) redact_login(word);
        if (const std::size_t equals = word.find('=');
            equals != std::string::npos && is_login_option(std::string_view(word).substr(0, equals))) {
            std::string login = word.substr(equals + 1);
            redact_login(login);
            word = word.substr(0, equals + 1) + login;
        }
        redact_url(word);
        redact_marked(word);
    }
    return words;
}

std::string redact_secrets(std::string_view text) {
    std::vector<std::string> words;
    for (const std::string_view word : split(text, ' ')) words.emplace_back(word);
    std::string out;
    for (const std::string& word : redact_secrets(std::move(words))) out += (out.empty() ? "" : " ") + word;
    return out;
}

std::string hide(std::string text, std::vector<std::string> secrets) {
    constexpr std::size_t kShortest = 4;
    std::sort(secrets.begin(), secrets.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
    for (const std::string& secret : secrets) {
        if (secret.size() < kShortest) continue;
        for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 3) text.replace(at, secret.size(), "***");
    }
    return text;
}

}  // namespace leakline
