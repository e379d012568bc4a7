// Holds the rows of json_*_fields.hpp to each other and to the schema: a document with something in every member.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/quantities.hpp"
#include "report/internal/json_audit_fields.hpp"
#include "report/internal/json_fields.hpp"
#include "report/json_read.hpp"
#include "report/report.hpp"
#include "system/byte_source.hpp"

using namespace leakline;
using namespace leakline::report;
using nlohmann::json;

namespace {

// The archive that gives every member a value that is its own and not the one of a new object.
class Filler {
  public:
    static constexpr bool kWrites = false;

    template <class T>
    void operator()(std::string_view, T& value) {
        fill(value);
    }
    template <class T>
    void where_any(std::string_view, T& value) {
        fill(value);
    }
    template <class F>
    void object(std::string_view, const F& f) {
        f(*this);
    }
    template <class T>
    void beside(std::string_view, std::optional<T>& value) {
        fill(value);
    }
    void joined(std::string_view, std::vector<std::string>& first, std::vector<std::string>& second) {
        fill(first);
        fill(second);
    }
    void derived(std::string_view, std::optional<double>) {}
    void check(bool holds, std::string_view expected) { CHECK_MESSAGE(holds, expected); }

  private:
    template <class T>
    void fill(T& value) {
        if constexpr (std::is_same_v<T, std::string>) {
            value = "text " + std::to_string(++last_);
        } else if constexpr (std::is_same_v<T, bool>) {
            value = !value;
        } else if constexpr (std::is_enum_v<T>) {
            value = value == words(value).last ? T{} : words(value).last;
        } else if constexpr (std::is_arithmetic_v<T>) {
            value = static_cast<T>(++last_ + 0.5);
        } else if constexpr (std::is_same_v<T, Nanoseconds>) {
            value = std::chrono::milliseconds(++last_);
        } else if constexpr (requires { value.has_value(); }) {
            fill(value.emplace());
        } else if constexpr (requires { typename T::mapped_type; }) {
            typename T::key_type key{};
            fill(key);
            fill(value[key]);
        } else if constexpr (requires { value.emplace_back(); }) {
            if (++depth_ < 8)  // callers have callers
                for (int i = 0; i < 2; ++i) fill(value.emplace_back());
            --depth_;
        } else {
            fields(*this, value);
        }
    }

    int last_ = 0, depth_ = 0;
};

const json& whole_schema() {
    static const json schema = json::parse(read_file(LEAKLINE_SOURCE_DIR "/lib/report/report.schema.json"));
    return schema;
}

// Follows a reference, and passes over "or null".
const json& resolved(const json& schema) {
    if (const auto target = schema.find("$ref"); target != schema.end())
        return resolved(whole_schema().at(json::json_pointer(target->get<std::string>().substr(1))));
    if (const auto choices = schema.find("anyOf"); choices != schema.end())
        for (const json& choice : *choices)
            if (choice.value("type", json()) != "null") return resolved(choice);
    return schema;
}

void check_members(const json& document, const json& reference, const std::string& path) {
    CAPTURE(path);
    const json& schema = resolved(reference);
    if (document.is_array()) {
        REQUIRE(!document.empty());
        const auto items = schema.find("items");
        REQUIRE(items != schema.end());
        for (const json& element : document)
            if (element.is_structured() && !element.empty()) check_members(element, *items, path + "[]");
    } else if (document.is_object()) {
        const auto properties = schema.find("properties");
        if (properties == schema.end()) return;  // named by the data
        std::set<std::string> written, described;
        for (const auto& [name, value] : document.items()) written.insert(name);
        for (const auto& [name, value] : properties->items()) described.insert(name);
        if (path.ends_with(".callers[]")) written.insert("callers");  // the innermost has none
        CHECK(json(written).dump() == json(described).dump());
        for (const auto& [name, value] : document.items())
            if (value.is_structured() && !value.empty() && properties->contains(name))
                check_members(value, properties->at(name), path + "." + name);
    }
}

std::string json_of(const Document& document) { return format_named("json").render(document, {}); }

}  // namespace

TEST_CASE("every member of a diagnosis is read back as it was written, and the schema names them all") {
    Diagnosis diagnosis;
    Filler filler;
    fields(filler, diagnosis);
    const std::string text = json_of(diagnosis);
    CHECK(text.find("null") == std::string::npos);
    CHECK(json_of(read_diagnosis(text, "d.json")) == text);
    check_members(json::parse(text), whole_schema().at("$defs").at("diagnosis"), "");
}

TEST_CASE("every member of a line report is read back as it was written, and the schema names them all") {
    LineReport report;
    Filler filler;
    fields(filler, report);
    recording_fields(filler, report);
    const std::string text = json_of(report);
    CHECK(text.find("null") == std::string::npos);
    CHECK(json_of(read_line_report(text, "l.json")) == text);
    check_members(json::parse(text), whole_schema().at("$defs").at("lines"), "");
}

TEST_CASE("every member of an audit is read back as it was written, and the schema names them all") {
    Audit audit;
    Filler filler;
    fields(filler, audit);
    const std::string text = json_of(audit);
    CHECK(text.find("null") == std::string::npos);
    CHECK(json_of(read_audit(text, "a.json")) == text);
    check_members(json::parse(text), whole_schema().at("$defs").at("audit"), "");
}
