#include "replay/internal/session_values.hpp"

#include <algorithm>
#include <charconv>

#include "base/ascii.hpp"
#include "base/json_text.hpp"
#include "http/message.hpp"
#include "replay/internal/response_body.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kMaxValue = std::size_t{64} << 10;  // bytes; a longer value is data

// As RFC 8259 has it: no leading zeros, no '+'.
bool is_json_number(std::string_view text) {
    Scratch scratch;
    scratch.reset(text.size());
    JsonScan scan(text, scratch, JsonRules::strict);
    std::string_view raw;
    const bool digits = !text.empty() && (is_digit(text.front()) || text.front() == '-');
    return digits && scan.raw_value(raw) && raw.size() == text.size();
}

}  // namespace

SessionValues::SessionValues(const ValueOptions& options)
    : options_(options), latest_(options.extractions.size()), counts_(options.extractions.size()) {
    for (const Extraction& extraction : options.extractions) {
        const auto first = std::find_if(options.extractions.begin(), options.extractions.end(),
                                        [&](const Extraction& other) { return other.name == extraction.name; });
        slots_.push_back(static_cast<std::size_t>(first - options.extractions.begin()));
    }
}

void SessionValues::begin_round() {
    sessions_.clear();
    used_.clear();
    bytes_ = 0;
    std::fill(latest_.begin(), latest_.end(), std::nullopt);
}

SessionValues::Session* SessionValues::find(std::uint64_t session) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) return nullptr;
    used_.splice(used_.end(), used_, found->second.used);
    return &found->second;
}

SessionValues::Session& SessionValues::make(std::uint64_t session) {
    if (Session* known = find(session)) return *known;
    while (sessions_.size() >= kMaxSessions) forget_oldest();
    Session& made = sessions_[session];
    made.values.resize(options_.extractions.size());
    made.used = used_.insert(used_.end(), session);
    return made;
}

void SessionValues::forget_oldest() {
    const auto oldest = sessions_.find(used_.front());
    bytes_ -= oldest->second.bytes;
    sessions_.erase(oldest);
    used_.pop_front();
}

// The first value of the kind in the response; a response that gives none leaves an earlier value as it is.
std::optional<std::string> SessionValues::value_in(const Extraction& extraction, const http::KeptResponse& response) {
    if (extraction.source == Extraction::Source::body) {
        if (!decoded_) {
            const auto body = decoded_body(response.headers, response.body, decoded_buffer_);
            if (!body) ++undecodable_;
            decoded_ = body.value_or("");
        }
        const auto raw = find_json_value(*decoded_, extraction.path, scratch_);
        return raw ? json_scalar_text(*raw, scratch_) : std::nullopt;
    }
    const bool cookie = extraction.source == Extraction::Source::cookie;
    for (const auto& [name, value] : response.headers) {
        if (!equal_ignoring_case(name, cookie ? std::string_view("set-cookie") : extraction.field)) continue;
        const std::string_view found = cookie ? cookie_value(value, extraction.field) : std::string_view(value);
        if (!found.empty()) return std::string(found);
    }
    return std::nullopt;
}

bool SessionValues::learn(std::uint64_t session, ExtractionSet extractions, std::string_view target, const http::KeptResponse& response) {
    decoded_.reset();
    bool found = false;
    for (std::size_t i = 0; i < options_.extractions.size(); ++i) {
        if ((extractions & (ExtractionSet{1} << i)) == 0) continue;
        const std::size_t slot = slots_[i];
        ++counts_[slot].searched;
        std::optional<std::string> value = value_in(options_.extractions[i], response);
        if (!value || value->size() > kMaxValue) continue;
        found = true;
        ++counts_[slot].found;
        Session& known = make(session);
        const std::size_t before = known.values[slot] ? known.values[slot]->size() : 0;
        known.bytes += value->size() - before;
        bytes_ += value->size() - before;
        if (shares()) latest_[slot] = *value;
        known.values[slot] = std::move(value);
    }
    if ((extractions & kCookies) != 0) {
        for (const auto& [name, value] : response.headers) {
            if (!equal_ignoring_case(name, "set-cookie")) continue;
            Session& known = make(session);
            const std::size_t before = known.jar.bytes();
            if (!known.jar.set(value, target)) continue;
            found = true;
            ++cookies_;
            known.bytes += known.jar.bytes() - before;
            bytes_ += known.jar.bytes() - before;
        }
    }
    while (bytes_ > kMaxBytes && sessions_.size() > 1) forget_oldest();
    return found;
}

const std::string* SessionValues::value_of(const Session* session, int number) const {
    const auto slot = static_cast<std::size_t>(number);
    if (session != nullptr && session->values[slot]) return &*session->values[slot];
    return shares() && latest_[slot] ? &*latest_[slot] : nullptr;
}

// False, and missing_ set, if a value is missing.
bool SessionValues::append_replacement(const Patch& patch, const Session* session, std::string& out) {
    for (const Substitution::Piece& piece : options_.substitutions[patch.rule].replacement) {
        out += piece.literal;
        if (piece.value < 0) continue;
        const std::string* value = value_of(session, piece.value);
        if (value != nullptr && patch.kind == Patch::Kind::text && !is_header_value(*value)) {
            ++unusable_here_;
            value = nullptr;
        }
        if (value == nullptr) {
            missing_ = piece.value;
            return false;
        }
        if (patch.kind == Patch::Kind::percent)
            out += http::percent_encoded(*value);
        else
            out += *value;
        with_value_ = true;
    }
    return true;
}

// What takes the patch's place. False if it is missing.
bool SessionValues::expand(const Patch& patch, const Session* session, std::string_view request, std::string& out) {
    const std::string_view recorded = request.substr(patch.offset, patch.size);
    out.clear();
    if (patch.kind == Patch::Kind::length) return true;  // known later
    if (patch.kind == Patch::Kind::cookies) {
        const std::string_view value =
            recorded.size() > 8 ? recorded.substr(8, recorded.size() - 10) : std::string_view();  // "Cookie: ...\r\n"
        if (session == nullptr)
            out = recorded;
        else
            session->jar.append_line(out, target_of_request(request), value);
        with_value_ = with_value_ || out != recorded;
        return true;
    }
    text_.clear();
    if (!append_replacement(patch, session, text_)) {
        if (options_.missing != MissingValue::recorded) return false;
        as_recorded_ = true;
        out = recorded;
        return true;
    }
    if (patch.kind == Patch::Kind::json_string)
        append_json_escaped(out, text_);
    else if (patch.kind == Patch::Kind::json_value && !is_json_number(text_) && text_ != "true" && text_ != "false")
        append_json_string(out, text_);
    else
        out = text_;
    return true;
}

bool SessionValues::render(std::uint64_t session, std::string_view request, std::span<const Patch> patches, std::string& out) {
    const Session* known = find(session);
    missing_ = -1;
    unusable_here_ = 0;
    as_recorded_ = with_value_ = false;
    if (expanded_.size() < patches.size()) expanded_.resize(patches.size());
    const std::size_t body_begin = request.find("\r\n\r\n") + 4;
    std::size_t body = request.size() - body_begin;
    for (std::size_t i = 0; i < patches.size(); ++i) {
        if (!expand(patches[i], known, request, expanded_[i])) return false;
        if (patches[i].offset >= body_begin) body = body - patches[i].size + expanded_[i].size();
    }
    out.clear();
    std::size_t done = 0;
    for (std::size_t i = 0; i < patches.size(); ++i) {
        const Patch& patch = patches[i];
        out.append(request, done, patch.offset - done).append(patch.kind == Patch::Kind::length ? std::to_string(body) : expanded_[i]);
        done = patch.offset + patch.size;
    }
    out.append(request, done);
    return true;
}

void SessionValues::count_sent() {
    unusable_ += unusable_here_;
    substituted_ += with_value_ ? 1 : 0;
    as_recorded_count_ += as_recorded_ ? 1 : 0;
    if (as_recorded_ && missing_ >= 0) ++counts_[static_cast<std::size_t>(missing_)].missing;
}

void SessionValues::count_skipped() {
    unusable_ += unusable_here_;
    ++skipped_;
    if (missing_ >= 0) ++counts_[static_cast<std::size_t>(missing_)].missing;
}

ReplayValues SessionValues::result() const {
    ReplayValues result;
    result.substituted = substituted_;
    result.as_recorded = as_recorded_count_;
    result.skipped = skipped_;
    result.cookies = cookies_;
    result.undecodable = undecodable_;
    result.unusable = unusable_;
    for (std::size_t i = 0; i < options_.extractions.size(); ++i)
        if (slots_[i] == i)
            result.extracted.push_back({options_.extractions[i].name, counts_[i].searched, counts_[i].found, counts_[i].missing});
    return result;
}

}  // namespace leakline::replay
