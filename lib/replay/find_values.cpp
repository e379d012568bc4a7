#include "replay/find_values.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "model/recorded_response.hpp"
#include "replay/internal/cookie_jar.hpp"
#include "replay/internal/response_body.hpp"
#include "replay/path_table.hpp"
#include "replay/selected_log.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kMaxValuesOfResponse = 2000, kMaxValuesOfSession = 100'000, kMaxElements = 20, kLongestValue = 8192;
constexpr int kMaxNesting = 16;

// Long enough to be no coincidence, and no plain word.
bool may_identify(std::string_view text) {
    if (text.size() < 4 || text.size() > kLongestValue) return false;
    const bool digit = std::any_of(text.begin(), text.end(), is_digit);
    return text.size() >= 16 ? text.find(' ') == text.npos : digit && text.find(' ') == text.npos;
}

// Calls use(path, text) for each scalar of a JSON text.
template <class Use>
bool visit_scalars(JsonScan& scan, std::string& path, int depth, const Use& use) {
    if (depth == kMaxNesting) return scan.skip_value();
    const std::size_t length = path.size();
    if (scan.next_is('{'))
        return scan.object([&](std::string_view name) {
            const bool addressable = !name.empty() && name.find_first_of(".[= ") == name.npos;
            if (!addressable) return scan.skip_value();
            path.append(".").append(name);
            const bool taken = visit_scalars(scan, path, depth + 1, use);
            path.resize(length);
            return taken;
        });
    if (scan.next_is('[')) {
        std::size_t index = 0;
        return scan.array([&] {
            if (index == kMaxElements) return scan.skip_value();
            path += "[" + std::to_string(index++) + "]";
            const bool taken = visit_scalars(scan, path, depth + 1, use);
            path.resize(length);
            return taken;
        });
    }
    std::string_view text;
    if (!scan.scalar(text)) return false;
    use(path, text);
    return true;
}

template <class Use>
void visit_json_body(std::string_view body, const Use& use) {
    Scratch scratch;
    scratch.reset(body.size());
    JsonScan scan(body, scratch);
    std::string path;
    if (scan.next_is('{') || scan.next_is('[')) visit_scalars(scan, path, 0, use);
}

// "POST /orders/*"; identifiers as "*".
std::string scope_of(std::string_view method, std::string_view target) {
    return std::string(method) + " " + PathTable::normalized(path_of_target(target));
}

struct ValueTarget {
    std::string rule;    // "header:Authorization", "GET path:/orders/*"
    std::string prefix;  // of the replacement: "Bearer "
    auto operator<=>(const ValueTarget&) const = default;
};

// Calls use(target, value) for each part of a request that a substitution can replace.
template <class Use>
void visit_targets(const Record& record, const Use& use) {
    for (const auto& [name, value] : record.headers) {
        if (equal_ignoring_case(name, "cookie") || name.find('=') != name.npos || name.find(' ') != name.npos) continue;
        const std::size_t blank = value.rfind(' ');
        if (blank == value.npos)
            use(ValueTarget{"header:" + std::string(name), ""}, value);
        else
            use(ValueTarget{"header:" + std::string(name), std::string(value.substr(0, blank + 1))}, value.substr(blank + 1));
    }
    const std::string_view target = path_of_target(record.target);
    const std::size_t mark = std::min(target.find('?'), target.size());
    for (const std::string_view pair : split(target.substr(std::min(mark + 1, target.size())), '&'))
        if (const std::size_t equals = pair.find('='); equals != pair.npos && equals > 0)
            use(ValueTarget{"query:" + std::string(pair.substr(0, equals)), ""}, pair.substr(equals + 1));
    std::string before;  // the path up to the segment, identifiers as "*"
    std::size_t begin = 1;
    while (begin < mark) {
        const std::size_t end = std::min(target.substr(0, mark).find('/', begin), mark);
        const std::string_view segment = target.substr(begin, end - begin);
        use(ValueTarget{"path:" + before + "/*" + (end < mark ? "/**" : ""), ""}, segment);
        before += "/" + (may_identify(segment) ? "*" : std::string(segment));
        begin = end + 1;
    }
    const std::string scope = scope_of(record.method, record.target);
    visit_json_body(record.body, [&](const std::string& path, std::string_view text) {
        if (!path.empty()) use(ValueTarget{scope + " .body" + path, ""}, text);
    });
}

class ValueFinder {
  public:
    void add(const Record& record) {
        Session& session = sessions_[std::string(record.connection)];
        const bool has_room = session.sent.size() < kMaxValuesOfSession;
        visit_targets(record, [&](const ValueTarget& target, std::string_view value) {
            if (!may_identify(value)) return;
            look_up(session, target, value);
            if (has_room) session.sent.emplace(value);
        });
        find_cookies(session, record);
        if (record.response.empty()) return;
        ++responses_;
        if (const auto response = parse_recorded_response(record.response)) learn(session, record, *response);
    }

    std::uint64_t responses() const { return responses_; }

    ValueOptions rules() const {
        constexpr double kMinShare = 0.8;
        ValueOptions found;
        std::map<std::string, std::string> names;  // by origin
        std::vector<std::string> substitutions;
        for (const auto& [target, uses] : targets_) {
            const auto best = std::max_element(uses.origins.begin(), uses.origins.end(),
                                               [](const auto& a, const auto& b) { return a.second < b.second; });
            if (best == uses.origins.end() || target.rule.find('=') != target.rule.npos ||
                static_cast<double>(best->second) < kMinShare * static_cast<double>(uses.requests))
                continue;
            if (names.size() == ValueOptions::kMaxExtractions && !names.contains(best->first)) continue;
            const auto [name, added] = names.try_emplace(best->first, "value" + std::to_string(names.size() + 1));
            if (added) found.extractions.push_back(parse_extraction(name->second + "=" + best->first));
            substitutions.push_back(target.rule + "=" + target.prefix + "{" + name->second + "}");
        }
        for (const std::string& text : substitutions) found.substitutions.push_back(parse_substitution(text, found.extractions));
        found.cookies = cookies_ > 0;
        return found;
    }

  private:
    struct Session {
        std::unordered_map<std::string, std::string> given;  // value -> where it came from, as --extract has it
        std::unordered_set<std::string> sent, cookies;       // values of requests; values of Set-Cookie
    };
    struct Uses {
        std::uint64_t requests = 0;  // that have this part with a value which may identify something
        std::map<std::string, std::uint64_t> origins;
    };

    void look_up(Session& session, const ValueTarget& target, std::string_view value) {
        constexpr std::size_t kMaxTargets = 10'000;
        if (targets_.size() >= kMaxTargets && !targets_.contains(target)) return;
        Uses& uses = targets_[target];
        ++uses.requests;
        if (const auto given = session.given.find(std::string(value)); given != session.given.end()) ++uses.origins[given->second];
    }

    void find_cookies(const Session& session, const Record& record) {
        for (const auto& [name, value] : record.headers)
            if (equal_ignoring_case(name, "cookie"))
                for (const std::string_view pair : split(value, ';')) cookies_ += session.cookies.contains(std::string(trim(pair))) ? 1 : 0;
    }

    void learn(Session& session, const Record& record, const RecordedResponse& response) {
        std::string scope = scope_of(record.method, record.target);
        std::size_t count = 0;
        const auto give = [&](const std::string& source, std::string_view value) {
            if (!may_identify(value) || ++count > kMaxValuesOfResponse || session.given.size() >= kMaxValuesOfSession) return;
            // What the client has sent before, the service only repeats.
            if (!session.sent.contains(std::string(value))) session.given[std::string(value)] = scope + " " + source;
        };
        std::string buffer;
        visit_json_body(decoded_body(response.headers, response.body, buffer).value_or(""),
                        [&](const std::string& path, std::string_view text) { give(".body" + path, text); });
        for (const auto& [name, value] : response.headers) {
            if (equal_ignoring_case(name, "set-cookie"))
                session.cookies.emplace(trim(std::string_view(value).substr(0, value.find(';'))));
            else if (name.find(' ') == name.npos)
                give("header:" + name, value);
        }
    }

    std::unordered_map<std::string, Session> sessions_;
    std::map<ValueTarget, Uses> targets_;
    std::uint64_t responses_ = 0, cookies_ = 0;
};

}  // namespace

ValueOptions find_values(const ReplayOptions& options) {
    SentRecords records(options);
    ValueFinder finder;
    for (std::size_t count = 0; count < kFindSample; ++count) {
        const Record* const record = records.next();
        if (record == nullptr) break;
        finder.add(*record);
    }
    if (finder.responses() == 0)
        throw Error(ErrorKind::input, options.logs.front(), "no request in it has a recorded response, in which values could be found",
                    "leakline capture --responses --no-redaction --sessions --target URL -o LOG records them");
    ValueOptions found = finder.rules();
    for (const Substitution& substitution : found.substitutions) {
        std::string text = "found in the log:";
        for (const Substitution::Piece& piece : substitution.replacement)
            if (piece.value >= 0) text += " --extract '" + found.extractions[static_cast<std::size_t>(piece.value)].text + "'";
        found.notes.push_back(text + " --substitute '" + substitution.text + "'");
    }
    if (found.cookies) found.notes.emplace_back("found in the log: --cookies");
    if (found.notes.empty()) found.notes.emplace_back("no value of a response was found in a later request of its session");
    found.missing = options.values.missing;
    found.cookies = found.cookies || options.values.cookies;
    return found;
}

}  // namespace leakline::replay
