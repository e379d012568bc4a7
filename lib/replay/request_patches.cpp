#include "replay/internal/request_patches.hpp"

#include <algorithm>
#include <limits>

#include "base/ascii.hpp"
#include "replay/internal/named_values.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

// Calls use(line, name, value) for each field of the head; line has its "\r\n".
template <class Use>
void for_each_field(std::string_view head, Use use) {
    head.remove_prefix(std::min(head.find("\r\n") + 2, head.size()));
    while (!head.empty()) {
        const std::string_view line = head.substr(0, std::min(head.find("\r\n") + 2, head.size()));
        const std::size_t colon = line.find(": ");
        if (colon == line.npos) return;
        use(line, line.substr(0, colon), line.substr(colon + 2, line.size() - colon - 4));
        head.remove_prefix(line.size());
    }
}

// Fields that the replay sets itself.
bool is_own_field(std::string_view name) {
    return equal_ignoring_case(name, "content-length") || equal_ignoring_case(name, "connection") || equal_ignoring_case(name, "host");
}

}  // namespace

void PatchFinder::find(std::string_view request, std::vector<Patch>& out) {
    if (request.size() > std::numeric_limits<std::uint32_t>::max()) return;
    const std::size_t blank = request.find(' '), end = request.find("\r\n\r\n");
    if (blank == request.npos || end == request.npos) return;
    const std::string_view method = request.substr(0, blank), head = request.substr(0, end + 2), body = request.substr(end + 4);
    const std::string_view target = target_of_request(request);
    patches_.clear();
    for (std::size_t rule = 0; rule < options_.substitutions.size(); ++rule) {
        const Substitution& substitution = options_.substitutions[rule];
        if (!substitution.scope.covers(method, target)) continue;
        const std::size_t before = patches_.size();
        switch (substitution.target) {
            case Substitution::Target::header:
            case Substitution::Target::cookie: find_in_head(request, head, rule); break;
            case Substitution::Target::query:
            case Substitution::Target::path: find_in_target(request, target, rule); break;
            case Substitution::Target::body: find_in_body(request, body, rule); break;
        }
        if (patches_.size() > before) ++found_[rule];
    }
    if (std::any_of(patches_.begin(), patches_.end(), [&](const Patch& patch) { return patch.offset >= end + 4; }))
        add_length(request, head);
    if (options_.cookies) add_cookies(request, head);
    // Of two rules about the same part, the first applies.
    std::stable_sort(patches_.begin(), patches_.end(), [](const Patch& a, const Patch& b) { return a.offset < b.offset; });
    std::uint32_t done = 0;
    for (const Patch& patch : patches_) {
        if (patch.offset < done) continue;
        done = patch.offset + std::max<std::uint32_t>(patch.size, 1);
        out.push_back(patch);
    }
}

void PatchFinder::add(std::string_view request, std::string_view part, std::size_t rule, Patch::Kind kind) {
    patches_.push_back({static_cast<std::uint32_t>(part.data() - request.data()), static_cast<std::uint32_t>(part.size()),
                        static_cast<std::uint16_t>(rule), kind});
}

void PatchFinder::find_in_target(std::string_view request, std::string_view target, std::size_t rule) {
    const Substitution& substitution = options_.substitutions[rule];
    const std::size_t mark = std::min(target.find('?'), target.size());
    if (substitution.target == Substitution::Target::query) {
        for_each_value(target.substr(std::min(mark + 1, target.size())), '&', substitution.field,
                       [&](std::string_view value) { return add(request, value, rule, Patch::Kind::percent), true; });
        return;
    }
    const std::string_view path = target.substr(0, mark);
    std::size_t begin = 1;  // covers() has found as many segments
    for (std::size_t i = 0; i < substitution.segment; ++i) begin = std::min(path.find('/', begin), path.size()) + 1;
    if (begin <= path.size())
        add(request, path.substr(begin, std::min(path.find('/', begin), path.size()) - begin), rule, Patch::Kind::percent);
}

void PatchFinder::find_in_head(std::string_view request, std::string_view head, std::size_t rule) {
    const Substitution& substitution = options_.substitutions[rule];
    for_each_field(head, [&](std::string_view, std::string_view name, std::string_view value) {
        if (is_own_field(name)) return;
        if (substitution.target == Substitution::Target::header) {
            if (equal_ignoring_case(name, substitution.field)) add(request, value, rule, Patch::Kind::text);
        } else if (equal_ignoring_case(name, "cookie")) {
            for_each_value(value, ';', substitution.field,
                           [&](std::string_view cookie) { return add(request, cookie, rule, Patch::Kind::text), true; });
        }
    });
}

void PatchFinder::find_in_body(std::string_view request, std::string_view body, std::size_t rule) {
    const JsonPath& path = options_.substitutions[rule].path;
    const auto raw = find_json_value(body, path, scratch_);
    if (!raw && path.steps.size() == 1)  // a form has names only
        return for_each_value(body, '&', path.steps[0].name,
                              [&](std::string_view value) { return add(request, value, rule, Patch::Kind::percent), true; });
    if (!raw) return;
    if (raw->front() == '"')
        add(request, raw->substr(1, raw->size() - 2), rule, Patch::Kind::json_string);
    else
        add(request, *raw, rule, Patch::Kind::json_value);
}

void PatchFinder::add_cookies(std::string_view request, std::string_view head) {
    bool found = false;
    for_each_field(head, [&](std::string_view line, std::string_view name, std::string_view) {
        if (!found && equal_ignoring_case(name, "cookie")) add(request, line, 0, Patch::Kind::cookies);
        found = found || equal_ignoring_case(name, "cookie");
    });
    if (!found) add(request, request.substr(head.size(), 0), 0, Patch::Kind::cookies);
}

void PatchFinder::add_length(std::string_view request, std::string_view head) {
    for_each_field(head, [&](std::string_view, std::string_view name, std::string_view value) {
        if (equal_ignoring_case(name, "content-length")) add(request, value, 0, Patch::Kind::length);
    });
}

}  // namespace leakline::replay
