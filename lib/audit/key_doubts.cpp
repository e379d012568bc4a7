#include "audit/internal/key_doubts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace leakline::audit {

namespace {

using Words = std::set<std::string_view>;

// The fewest steps from a source to a value of the key; nothing where none comes from it.
std::optional<int> steps_of_key(const Program& program, const Operation& addition, Program::Source source) {
    std::optional<int> nearest;
    for (const Name value : addition.key_values)
        if (const auto steps = program.steps_from(source, value); steps && (!nearest || *steps < *nearest)) nearest = steps;
    return nearest;
}

}  // namespace

std::vector<std::string> words_of(std::string_view name) {
    std::vector<std::string> words;
    std::string word;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto c = static_cast<unsigned char>(name[i]);
        const bool begins = std::isupper(c) != 0 && (i == 0 || std::islower(static_cast<unsigned char>(name[i - 1])) != 0);
        if ((begins || std::isalnum(c) == 0) && !word.empty()) words.push_back(std::move(word)), word.clear();
        if (std::isalnum(c) != 0) word += static_cast<char>(std::tolower(c));
    }
    if (!word.empty()) words.push_back(std::move(word));
    return words;
}

bool has_word(std::string_view name, const Words& wanted) {
    const auto words = words_of(name);
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) { return wanted.contains(word); });
}

bool names_few_values(std::string_view key) {
    static const Words words = {"type", "kind", "class", "cls", "status", "level", "lang", "language", "locale", "encoding", "codec",
                                "scheme", "mode", "format", "signal", "signum", "method", "direction", "version", "typeid", "cpu", "opcode",
                                "category", "severity", "command", "verb",
                                // The program has a fixed number of these.
                                "fun", "func", "function", "callable", "callback", "module", "modname", "package", "pkg", "port",
                                // The system numbers descriptors anew from the lowest that is free.
                                "fd", "sockfd", "connfd", "clientfd", "fileno", "descriptor"};
    const auto parts = words_of(key);
    if (parts.empty()) return false;
    // The system uses the numbers of threads again.
    const bool thread = parts.back() == "id" && parts.size() > 1 && parts[parts.size() - 2] == "thread";
    return thread || words.contains(parts.back()) || key.ends_with("__name__") || key.ends_with("__class__");
}

bool names_installed(std::string_view name) {
    static const Words words = {
        // Settings, and what they list.
        "config", "conf", "cfg", "setting", "option", "feature", "section", "param", "property", "attr", "attribute",
        // Things.
        "device", "camera", "cam", "sensor", "speaker", "gpu", "disk", "iface", "interface", "nic", "adapter", "hub", "gateway", "printer",
        "meter",
        // Parts of a deployment.
        "model", "plugin", "addon", "extension", "provider", "backend", "driver", "engine", "service", "component", "topic", "partition",
        "shard", "cluster", "database", "db", "schema", "column", "field", "exchange", "broker", "metric", "region", "country", "timezone",
        "theme", "template", "layer",
        // Markets.
        "pair", "market", "symbol", "currency", "coin", "timeframe", "strategy", "indicator"};
    const auto parts = words_of(name);
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view word) {
        if (words.contains(word)) return true;
        if (word.ends_with("ies")) return words.contains(std::string(word.substr(0, word.size() - 3)) + "y");
        return word.ends_with('s') && words.contains(word.substr(0, word.size() - 1));
    });
}

bool names_many_values(std::string_view key) {
    static const Words words = {// Identifiers.
                                "id", "ids", "uid", "uuid", "guid", "sid", "jti", "token", "nonce", "session", "cookie", "serial", "seq",
                                "timestamp", "ts", "digest", "hash", "checksum", "fingerprint",
                                // Clients and users.
                                "ip", "host", "hostname", "addr", "address", "peer", "client", "conn", "connection", "remote", "user",
                                "username", "email", "mail", "nick", "sender", "domain",
                                // Parts of a request.
                                "url", "uri", "path", "query", "text", "line", "content", "body", "payload", "message", "msg", "request",
                                "req", "prompt", "args", "job", "task"};
    return has_word(key, words);
}

bool names_many_keys(std::string_view container) {
    const auto words = words_of(container);
    const auto by = std::find_if(words.begin(), words.end(), [](std::string_view word) { return word == "by" || word == "per"; });
    return by != words.end() && by + 1 != words.end() && names_many_values(*(by + 1));
}

std::optional<std::string> doubt_of_names(const std::string& key, const std::string& container) {
    if (names_many_keys(container)) return std::nullopt;
    if (names_few_values(key)) return fmt::format("there may be few values of the key '{}'", key);
    for (const std::string& name : {key, container})
        if (names_installed(name))
            return fmt::format("by the name '{}' its keys are of something that is installed: there may be few", name);
    return std::nullopt;
}

std::optional<std::string> doubt_of_key(const Program& program, const Operation& addition, const std::string& container) {
    constexpr std::size_t kLongestSurePath = 4, kShortPath = 2;
    constexpr int kMostSteps = 6, kFewSteps = 3;  // a call takes two: into the argument, and from there into the parameter
    using Source = Program::Source;
    if (addition.key == kNoName) return std::nullopt;
    const std::string& key = program.text(addition.key);
    if (auto doubt = doubt_of_names(key, container)) return doubt;
    if (const auto fresh = steps_of_key(program, addition, Source::fresh); fresh && *fresh <= kFewSteps) return std::nullopt;
    // An object is new; its name or its place may be that of another one.
    const bool named = names_many_values(key);
    if (const auto object = steps_of_key(program, addition, Source::object); object && *object <= kFewSteps)
        if (named || !program.is_python(addition.function) || (*object <= 1 && key.find_first_of(".(") == key.npos)) return std::nullopt;
    const auto steps = steps_of_key(program, addition, Source::input);
    if (!steps) return fmt::format("the key '{}' is not seen to come from requests: there may be few", key);
    const std::vector<Name> path = program.path_to(addition.function, addition.loop);
    if (path.size() > kLongestSurePath || *steps > kMostSteps)
        return fmt::format("the key '{}' is far from the handler: it may come from elsewhere", key);
    if (!program.is_handled(path.back())) return fmt::format("the key '{}' comes from a callback, which may report a few things only", key);
    // What a loop polls again and again has mostly the same keys each time.
    const bool polled = program.text(addition.word) == "update" && program.is_python(addition.function) && !program.starts_at_handler(path);
    if (polled || ((path.size() > kShortPath || !program.is_given_requests(addition.function, addition.loop)) && !named))
        return fmt::format("nothing says that the key '{}' has more than a few values", key);
    return std::nullopt;
}

}  // namespace leakline::audit
