#include "replay/internal/request_values.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "replay/path_table.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

constexpr int kDeepest = 16;  // deeper values are skipped
constexpr std::size_t kLongestForm = 64 * 1024;

// NAME=VALUE&NAME=VALUE, without the bytes that a form has encoded.
bool looks_like_form(std::string_view body) {
    if (body.empty() || body.size() > kLongestForm || body.find('=') == body.npos) return false;
    return std::none_of(body.begin(), body.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f || c == '<' || c == '"' || c == '{';
    });
}

template <class Use>
void for_each_pair(std::string_view text, Use use) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('&'), text.size());
        const std::string_view pair = text.substr(0, end);
        if (const std::size_t equals = pair.find('='); equals != pair.npos && equals > 0)
            use(pair.substr(0, equals), pair.substr(equals + 1));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

}  // namespace

std::string_view value_kind_name(ValueKind kind) {
    switch (kind) {
        case ValueKind::field: return "field";
        case ValueKind::query: return "query";
        case ValueKind::header: return "header";
        case ValueKind::path: return "path";
    }
    return "field";
}

void RequestValues::visit(const Record& record, const std::function<void(const RequestValue&)>& use) {
    visit_target(path_of_target(record.target), use);
    for (const auto& [name, value] : record.headers)
        if (!value.empty()) use({ValueKind::header, name, {}, value});
    const std::size_t begin = record.body.find_first_not_of(" \t\r\n");
    if (begin == record.body.npos) return;
    if (record.body[begin] != '{' && record.body[begin] != '[') {
        if (looks_like_form(record.body)) visit_form(record.body, use);
        return;
    }
    name_.clear();
    scratch_.reset(record.body.size());
    JsonScan scan(record.body, scratch_);
    visit_json(scan, 0, use);
}

void RequestValues::visit_target(std::string_view target, const std::function<void(const RequestValue&)>& use) {
    const std::size_t mark = std::min(target.find('?'), target.size());
    const std::string_view path = target.substr(0, mark);
    std::size_t begin = 1;
    for (int number = 1; begin < path.size(); ++number) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view segment = path.substr(begin, end - begin);
        if (std::any_of(segment.begin(), segment.end(), is_digit)) {
            name_ = std::to_string(number);
            context_ = PathTable::normalized(path.substr(0, begin));
            use({ValueKind::path, name_, context_, segment});
        }
        begin = end + 1;
    }
    for_each_pair(target.substr(std::min(mark + 1, target.size())), [&](std::string_view name, std::string_view value) {
        if (!value.empty()) use({ValueKind::query, name, {}, value});
    });
}

void RequestValues::visit_form(std::string_view body, const std::function<void(const RequestValue&)>& use) {
    for_each_pair(body, [&](std::string_view name, std::string_view value) {
        if (!value.empty()) use({ValueKind::field, name, {}, value});
    });
}

// The value at the cursor; name_ is its path. False if the text is not JSON; the values before the fault were used.
bool RequestValues::visit_json(JsonScan& scan, int depth, const std::function<void(const RequestValue&)>& use) {
    if (depth >= kDeepest) return scan.skip_value();
    const std::size_t length = name_.size();
    if (scan.next_is('{'))
        return scan.object([&](std::string_view key) {
            name_.resize(length);
            if (length != 0) name_ += '.';
            name_ += key;
            const bool taken = visit_json(scan, depth + 1, use);
            name_.resize(length);
            return taken;
        });
    if (scan.next_is('[')) {
        name_ += "[]";
        const bool taken = scan.array([&] { return visit_json(scan, depth + 1, use); });
        name_.resize(length);
        return taken;
    }
    std::string_view raw;
    if (!scan.raw_value(raw)) return false;
    if (raw.size() >= 2 && raw.front() == '"') {
        raw = raw.substr(1, raw.size() - 2);
        if (raw.empty() || raw.find('\\') != raw.npos) return true;
    } else if (!is_digit(raw.empty() ? 'x' : raw.front())) {
        return true;  // true, false, null, negative numbers
    }
    use({ValueKind::field, name_, {}, raw});
    return true;
}

}  // namespace leakline::replay
