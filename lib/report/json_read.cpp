#include "report/json_read.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/json_audit_fields.hpp"
#include "report/internal/json_fields.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::json;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kDeepest = 520;  // nested objects and arrays: callers of callers take two per level
constexpr const char* kHint = "expected a file written by leakline diagnose -o NAME.json";

// The archive (json_archive.hpp) that reads. A value is unchanged if its member is absent or null. It knows its
// path, so that a wrong type is reported with its place ("lines[3].file"); each reader is used within the life of the
// one that it was found in.
class Reader {
  public:
    static constexpr bool kWrites = false;

    Reader(const Json& json, const std::string& file) : json_(&json), file_(&file) {}

    template <class T>
    void operator()(std::string_view name, T& value) const {
        if (const auto member = find(name)) member->read(value);
    }
    template <class T>
    void where_any(std::string_view name, T& value) const {
        (*this)(name, value);
    }
    template <class F>
    void object(std::string_view name, const F& f) const {
        if (const auto member = find(name)) f(*member);
    }
    template <class T>
    void beside(std::string_view name, std::optional<T>& value) const {
        if (find(name)) fields(*this, value.emplace());
    }
    void joined(std::string_view name, std::vector<std::string>& all, const std::vector<std::string>&) const { (*this)(name, all); }
    void derived(std::string_view, std::optional<double>) const {}
    void check(bool holds, std::string_view expected) const {
        if (!holds)
            throw Error(ErrorKind::input, *file_,
                        fmt::format("{}: expected {}, found {}", parent_ ? path() : "the document", expected, json_->type_name()), kHint);
    }
    std::optional<Reader> find(std::string_view name) const {
        check(json_->is_object(), "an object");
        const auto member = json_->find(name);
        if (member == json_->end() || member->is_null()) return std::nullopt;
        return Reader(*member, *this, name, 0);
    }

    void read(std::string& value) const {
        check(json_->is_string(), "a string");
        value = json_->get<std::string>();
    }
    void read(bool& value) const {
        check(json_->is_boolean(), "true or false");
        value = json_->get<bool>();
    }
    void read(double& value) const {
        check(json_->is_number(), "a number");
        value = json_->get<double>();
    }
    void read(std::int64_t& value) const {
        check(json_->is_number_integer(), "an integer");
        check(!json_->is_number_unsigned() || json_->get<std::uint64_t>() <= INT64_MAX, "an integer of 64 bits");
        value = json_->get<std::int64_t>();
    }
    void read(std::uint64_t& value) const {
        check(json_->is_number_unsigned(), "a count");
        value = json_->get<std::uint64_t>();
    }
    void read(int& value) const {
        std::int64_t number = 0;
        read(number);
        check(std::in_range<int>(number), "an integer of 32 bits");
        value = static_cast<int>(number);
    }
    void read(std::uint32_t& value) const {
        std::uint64_t count = 0;
        read(count);
        check(count <= std::numeric_limits<std::uint32_t>::max(), "a line number");
        value = static_cast<std::uint32_t>(count);
    }
    void read(Nanoseconds& value) const {
        double seconds = 0;
        read(seconds);
        check(std::abs(seconds) < 9e9, "seconds within 292 years");
        value = Nanoseconds(std::llround(seconds * 1e9));
    }
    template <class Enum>
    requires std::is_enum_v<Enum>
    void read(Enum& value) const {
        const Words<Enum> known = words(Enum{});
        std::string text, all;
        read(text);
        for (int i = 0; i <= static_cast<int>(known.last); ++i) {
            value = static_cast<Enum>(i);
            if (known.name(value) == text) return;
            all += fmt::format("{}'{}'", all.empty() ? "" : ", ", known.name(value));
        }
        check(false, "one of " + all);
    }
    template <class T>
    void read(std::optional<T>& value) const {
        if (!json_->is_null()) read(value.emplace());
    }
    template <class T>
    void read(std::vector<T>& value) const {
        check(json_->is_array(), "an array");
        if (depth_ > kDeepest) return;
        for (std::size_t i = 0; i < json_->size(); ++i) Reader((*json_)[i], *this, {}, i).read(value.emplace_back());
    }
    template <class Key, class T>
    void read(std::map<Key, T>& value) const {
        check(json_->is_object(), "an object");
        for (const auto& [name, json] : json_->items()) {
            const Reader element(json, *this, name, 0);
            if constexpr (std::is_integral_v<Key>) {
                Key key{};
                const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), key);
                element.check(error == std::errc() && end == name.data() + name.size(), "a number as the name");
                element.read(value[key]);
            } else {
                element.read(value[name]);
            }
        }
    }
    template <class T>
    requires std::is_class_v<T>
    void read(T& value) const {
        if constexpr (std::is_same_v<T, Interval>) value = {kInfinity, -kInfinity, kInfinity};  // a bound that is null
        fields(*this, value);
    }

  private:
    Reader(const Json& json, const Reader& parent, std::string_view name, std::size_t index)
        : json_(&json), file_(parent.file_), parent_(&parent), name_(name), index_(index), depth_(parent.depth_ + 1) {}

    std::string path() const {
        if (!parent_) return "";
        if (parent_->json_->is_array()) return fmt::format("{}[{}]", parent_->path(), index_);
        return parent_->parent_ ? fmt::format("{}.{}", parent_->path(), name_) : std::string(name_);
    }

    const Json* json_;
    const std::string* file_;
    const Reader* parent_ = nullptr;
    std::string_view name_;  // in an object
    std::size_t index_ = 0;  // in an array
    int depth_ = 0;
};

// The library gives place and reason only in its exception.
Json parse(std::string_view text, const std::string& name) {
    try {
        return Json::parse(text);
    } catch (const Json::exception& error) {  // a parse error, or a number beyond a double
        // "[json.exception.parse_error.101] parse error at line 1, column 2: ...": from its second word on.
        std::string_view what = error.what();
        what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
        throw Error(ErrorKind::input, name, fmt::format("not JSON: {}", printable(what)), kHint);
    }
}

void check_schema(const Reader& root, const std::string& name, std::string_view what, const char* hint) {
    std::int64_t schema = 0;
    root("schema", schema);
    if (schema < 1 || schema > Diagnosis::kSchema)
        throw Error(ErrorKind::input, name, fmt::format("{} {}; this build reads 1 to {}", what, schema, Diagnosis::kSchema), hint);
}

template <class Document>
Document read_document(std::string_view text, const std::string& name, std::initializer_list<std::string_view> members, const char* missing,
                       const char* hint) {
    const Json json = parse(text, name);
    const Reader root(json, name);
    for (const std::string_view member : members)
        if (!root.find(member)) throw Error(ErrorKind::input, name, missing, hint);
    check_schema(root, name, "schema", "written by a newer leakline");
    Document document;
    fields(root, document);
    return document;
}

}  // namespace

Diagnosis read_diagnosis(std::string_view text, const std::string& name) {
    const Json json = parse(text, name);
    const Reader root(json, name);
    if (!root.find("schema") || !root.find("verdict") || !root.find("trend"))
        throw Error(ErrorKind::input, name, "not a diagnosis: it has no 'schema', 'verdict' and 'trend'", kHint);
    check_schema(root, name, "diagnosis schema", "written by a newer leakline: use that version to render it");
    Diagnosis diagnosis;
    fields(root, diagnosis);
    return diagnosis;
}

LineReport read_line_report(std::string_view text, const std::string& name) {
    const Json json = parse(text, name);
    const Reader root(json, name);
    if (!root.find("schema") || !root.find("lines"))
        throw Error(ErrorKind::input, name, "neither a diagnosis nor a line report: it has no 'schema' and 'lines'",
                    "this takes what leakline diagnose or leakline lines wrote with -o NAME.json");
    check_schema(root, name, "schema", "written by a newer leakline");
    LineReport report;
    fields(root, report);
    if (root.find("recording"))
        root.object("recording", [&](const Reader& recording) { recording_fields(recording, report); });
    else
        recording_fields(root, report);
    if (report.command.empty()) root("command", report.command);  // a diagnosis without a recording has its own member
    return report;
}

Audit read_audit(std::string_view text, const std::string& name) {
    return read_document<Audit>(text, name, {"schema", "findings"}, "not an audit: it has no 'schema' and 'findings'",
                                "this takes what leakline audit wrote with -o NAME.json");
}

ReplayStats read_replay(std::string_view text, const std::string& name) {
    return read_document<ReplayStats>(text, name, {"schema", "read", "latency_us"},
                                      "not the result of a replay: it has no 'schema', 'read' and 'latency_us'",
                                      "this takes what leakline replay wrote with -o NAME.json");
}

bool is_diagnosis(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    return json.is_object() && json.contains("verdict") && json.contains("trend");
}

bool is_audit(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    return json.is_object() && json.contains("findings");
}

}  // namespace leakline::report
