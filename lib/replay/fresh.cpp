#include "replay/internal/fresh.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "replay/internal/identifier_names.hpp"
#include "replay/selected_log.hpp"

namespace leakline::replay {

namespace {

constexpr std::size_t kMaxCandidates = 96, kMaxFields = 16;
// How many requests need distinct values. UUIDs and similar values are unique by design, numbers are not: they need
// a name that means an identifier, or many requests.
constexpr std::uint64_t kMin = 20, kManyUnnamed = 100;
// Persons, sessions and the like come again, if not in this log. But if none has in n requests, there are probably more than n * n / 2 of
// them (the birthday problem): from 600 on more than the entries that rule out a cache (150,000), so that to the service they are new.
constexpr std::uint64_t kManyOwners = 600;
// A value of this length that also occurs elsewhere in the request is the same identifier, not a coincidence.
constexpr std::size_t kMinSharedLength = 6;

struct Candidate {
    ValueKind kind{};
    std::string name, context;
    IdentityLearner learner;
    std::unordered_set<std::uint64_t> values;
    bool named = false, repeats = false;
};

bool is_name_of(const FreshName& wanted, ValueKind kind, std::string_view name) {
    if (wanted.kind != kind) return false;
    if (kind == ValueKind::header) return equal_ignoring_case(wanted.name, name);
    if (kind != ValueKind::field || wanted.name.find('.') != std::string::npos) return wanted.name == name;
    return wanted.name == name.substr(std::min(name.rfind('.') + 1, name.size()));
}

// Headers that describe the message or the client are never identifiers.
bool describes_message(std::string_view header) {
    for (const std::string_view known : {"host", "content-length", "content-type", "content-md5", "user-agent", "referer", "origin", "date",
                                         "range", "via", "forwarded", "connection", "dnt", "x-real-ip"})
        if (equal_ignoring_case(header, known)) return true;
    for (const std::string_view prefix : {"if-", "accept", "sec-", "x-forwarded-", "cf-", "x-amz-"})
        if (starts_with_ignoring_case(header, prefix)) return true;
    return false;
}

// In "/users/17" the previous segment says what the number is.
const std::string& name_of(const Candidate& candidate) { return candidate.kind == ValueKind::path ? candidate.context : candidate.name; }

bool is_owner(const Candidate& candidate) {
    const IdentityLearner& learned = candidate.learner;
    return names_owner(name_of(candidate)) || (learned.form() == IdentityForm::number && names_owner(learned.pattern()));  // "user-17"
}

bool identifies(const Candidate& candidate) {
    if (candidate.repeats) return false;
    const IdentityLearner& learned = candidate.learner;
    if (names_secret(name_of(candidate))) return false;
    if (is_owner(candidate)) {
        // What a target names has to exist, and numbers without gaps are all that there are: each device once, say.
        const bool in_target = candidate.kind == ValueKind::path || candidate.kind == ValueKind::query;
        return !in_target && learned.form() != IdentityForm::none && learned.values() >= kManyOwners &&
               learned.spread() >= learned.values() * learned.values() / 2;
    }
    switch (learned.form()) {
        case IdentityForm::none: return false;
        case IdentityForm::token:
        case IdentityForm::time: return learned.values() >= kMin;
        case IdentityForm::number: break;
    }
    if (candidate.kind != ValueKind::path && (names_identifier(candidate.name) || names_identifier(learned.pattern())))
        return learned.values() >= kMin;
    if (candidate.kind == ValueKind::path || !learned.bare_number()) return learned.values() >= kManyUnnamed;
    return learned.increasing() && learned.values() >= kManyUnnamed;  // a counter; else it may be an amount, or a size
}

std::vector<FreshField>::const_iterator find_field(const FreshPlan& plan, const RequestValue& value) {
    return std::find_if(plan.fields.begin(), plan.fields.end(), [&](const FreshField& field) {
        if (field.kind != value.kind || field.context != value.context) return false;
        return field.kind == ValueKind::header ? equal_ignoring_case(field.name, value.name) : field.name == value.name;
    });
}

// Until each range includes all that overlap it.
void share_ranges(FreshPlan& plan) {
    for (bool changed = true; changed;) {
        changed = false;
        for (std::size_t i = 0; i < plan.fields.size(); ++i)
            for (std::size_t k = i + 1; k < plan.fields.size(); ++k)
                changed = plan.fields[i].identity.share_range(plan.fields[k].identity) || changed;
    }
}

class Detection {
  public:
    explicit Detection(const FreshOptions& options) : options_(options) {}

    void add(const Record& record) {
        values_.visit(record, [&](const RequestValue& value) { add(value); });
    }

    FreshPlan plan() {
        FreshPlan plan;
        plan.seed = options_.seed;
        for (Candidate& candidate : candidates_) {
            if (plan.fields.size() == kMaxFields) break;
            if (!candidate.named && !(options_.detect && identifies(candidate) && !is_owner_in_path(candidate))) continue;
            if (candidate.learner.form() == IdentityForm::none) continue;
            plan.fields.push_back({candidate.kind, std::move(candidate.name), std::move(candidate.context), Identity(candidate.learner)});
        }
        for (const FreshName& name : options_.names)
            if (std::none_of(plan.fields.begin(), plan.fields.end(),
                             [&](const FreshField& field) { return is_name_of(name, field.kind, field.name); }))
                plan.warnings.push_back(fmt::format("--fresh {}:{}: no request has such a value, or it does not look like an identifier",
                                                    value_kind_name(name.kind), printable(name.name)));
        return plan;
    }

  private:
    // Equal values get equal new ones everywhere, in the path as well.
    bool is_owner_in_path(const Candidate& candidate) const {
        return is_owner(candidate) && std::any_of(candidates_.begin(), candidates_.end(), [&](const Candidate& other) {
                   return other.kind == ValueKind::path && std::any_of(other.values.begin(), other.values.end(), [&](std::uint64_t value) {
                              return candidate.values.contains(value);
                          });
               });
    }

    void add(const RequestValue& value) {
        key_.assign(1, static_cast<char>('0' + static_cast<int>(value.kind))).append(value.name).append(1, '\n').append(value.context);
        auto found = index_.find(key_);
        if (found == index_.end()) {
            const std::size_t made = make(value);
            // Names that are data are unlimited: stop adding fields.
            if (index_.size() > 64 * kMaxCandidates) std::erase_if(index_, [](const auto& entry) { return entry.second == kNone; });
            found = index_.emplace(key_, made).first;
        }
        if (found->second == kNone) return;
        Candidate& candidate = candidates_[found->second];
        if (candidate.repeats && !candidate.named) return;
        candidate.learner.add(value.text);
        if (candidate.repeats || candidate.values.insert(std::hash<std::string_view>{}(value.text)).second) return;
        candidate.repeats = true;
        std::unordered_set<std::uint64_t>().swap(candidate.values);
    }

    // kNone if it is not tracked. (A log has few names; names that are data are not tracked.)
    std::size_t make(const RequestValue& value) {
        const bool named = std::any_of(options_.names.begin(), options_.names.end(),
                                       [&](const FreshName& name) { return is_name_of(name, value.kind, value.name); });
        if (!named && (!options_.detect || candidates_.size() >= kMaxCandidates)) return kNone;
        if (!named && value.kind == ValueKind::header && describes_message(value.name)) return kNone;
        Candidate candidate;
        candidate.kind = value.kind;
        candidate.name = value.name;
        candidate.context = value.context;
        candidate.named = named;
        candidates_.push_back(std::move(candidate));
        return candidates_.size() - 1;
    }

    static constexpr std::size_t kNone = ~std::size_t{0};
    const FreshOptions& options_;
    RequestValues values_;
    std::vector<Candidate> candidates_;
    std::unordered_map<std::string, std::size_t> index_;
    std::string key_;
};

}  // namespace

FreshName parse_fresh_name(const std::string& text) {
    const std::size_t colon = text.find(':');
    const std::string kind = text.substr(0, colon), name = colon == text.npos ? "" : text.substr(colon + 1);
    for (const ValueKind known : {ValueKind::field, ValueKind::query, ValueKind::header, ValueKind::path}) {
        if (kind != value_kind_name(known) || name.empty()) continue;
        if (known == ValueKind::path && name.find_first_not_of("0123456789") != name.npos) continue;
        return {known, name};
    }
    throw Error(ErrorKind::usage, "--fresh", "'" + printable(text) + "' is not field:NAME, header:NAME, query:NAME or path:NUMBER",
                "--fresh field:request_id");
}

std::string FreshField::text() const {
    if (kind != ValueKind::path) return fmt::format("{} {}", value_kind_name(kind), printable(name));
    return fmt::format("path segment {} ({}*)", name, printable(context));
}

std::vector<std::string> FreshPlan::texts() const {
    std::vector<std::string> out;
    for (const FreshField& field : fields) out.push_back(field.text());
    return out;
}

FreshPlan plan_fresh(const ReplayOptions& options) {
    if (!options.fresh.any()) return {};
    SentRecords records(options);
    Detection detection(options.fresh);
    for (std::size_t count = 0; count < kFreshSample; ++count) {
        const Record* const record = records.next();
        if (record == nullptr) break;
        detection.add(*record);
    }
    FreshPlan plan = detection.plan();
    // In a longer log, the numbers after the sample must be known as well: new numbers must not be in the log.
    if (std::any_of(plan.fields.begin(), plan.fields.end(),
                    [](const FreshField& field) { return field.identity.form() == IdentityForm::number; })) {
        RequestValues values;
        while (const Record* const record = records.next()) {
            values.visit(*record, [&](const RequestValue& value) {
                const auto at = static_cast<std::size_t>(find_field(plan, value) - plan.fields.begin());
                if (at < plan.fields.size()) plan.fields[at].identity.widen(value.text);
            });
        }
    }
    share_ranges(plan);
    return plan;
}

const FreshField* FreshValues::field_of(const RequestValue& value) const {
    const auto field = find_field(plan_, value);
    return field == plan_.fields.end() ? nullptr : &*field;
}

const std::string* FreshValues::fresh_for(const Seen& seen) const {
    if (!seen.identifies && seen.text.size() < kMinSharedLength) return nullptr;
    for (std::size_t i = 0; i < fresh_count_; ++i)
        if (fresh_[i].old == seen.text) return &fresh_[i].value;
    return nullptr;
}

// Replaces the values within whole, which then points to the buffer. False if there are none.
bool FreshValues::rewrite(std::string_view& whole, std::string& buffer) const {
    const char* done = whole.data();
    const char* const end = whole.data() + whole.size();
    bool changed = false;
    for (const Seen& seen : seen_) {
        if (seen.text.data() < done || seen.text.data() >= end) continue;
        const std::string* fresh = fresh_for(seen);
        if (fresh == nullptr) continue;
        if (!changed) buffer.clear();
        changed = true;
        buffer.append(done, seen.text.data()).append(*fresh);
        done = seen.text.data() + seen.text.size();
    }
    if (!changed) return false;
    buffer.append(done, end);
    whole = buffer;
    return true;
}

bool FreshValues::apply(Record& record, std::uint64_t generation) {
    if (generation == 0 || plan_.fields.empty()) return false;
    seen_.clear();
    fresh_count_ = 0;
    values_.visit(record, [&](const RequestValue& value) {
        const FreshField* field = field_of(value);
        const bool identifies = field != nullptr && field->identity.replace(value.text, generation, plan_.seed, value_);
        seen_.push_back({value.text, identifies});
        if (!identifies) return;
        if (fresh_count_ == fresh_.size()) fresh_.emplace_back();
        fresh_[fresh_count_].old = value.text;
        fresh_[fresh_count_++].value.swap(value_);
    });
    if (fresh_count_ == 0) return false;
    rewrite(record.target, target_);
    rewrite(record.body, body_);
    headers_.resize(std::max(headers_.size(), record.headers.size()));
    for (std::size_t i = 0; i < record.headers.size(); ++i) rewrite(record.headers[i].second, headers_[i]);
    return true;
}

bool FreshValues::apply(Request& request, std::uint64_t generation) {
    Record record;
    fill(record, request);
    if (!apply(record, generation)) return false;
    std::string target(record.target), body(record.body);
    for (std::size_t i = 0; i < request.headers.size(); ++i) {
        std::string value(record.headers[i].second);
        request.headers[i].second = std::move(value);
    }
    request.target = std::move(target);
    request.body = std::move(body);
    return true;
}

}  // namespace leakline::replay
