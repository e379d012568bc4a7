// The JSON form. Its names are a contract with other programs: a member may be added, none renamed or dropped
// without a new schema number. Absent values are null; so is an infinite bound of an interval (low: minus,
// high: plus infinity).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/quantities.hpp"
#include "report/json_fields.hpp"
#include "report/renderers.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::ordered_json;  // "schema" stays first

// The archive of json_fields.hpp that writes.
class Writer {
  public:
    static constexpr bool kWrites = true;

    explicit Writer(Json& out) : out_(out) {}

    template <class T>
    void operator()(std::string_view name, const T& value) {
        out_[std::string(name)] = to_json(value);
    }
    template <class T>
    void where_any(std::string_view name, const T& value) {
        bool any = false;
        if constexpr (std::is_arithmetic_v<T>)
            any = value != 0;
        else if constexpr (requires { value.has_value(); })
            any = value.has_value();
        else
            any = !value.empty();
        if (any) (*this)(name, value);
    }
    template <class F>
    void object(std::string_view name, const F& f) {
        Json& inner = out_[std::string(name)] = Json::object();
        Writer writer(inner);
        f(writer);
    }
    template <class T>
    void beside(std::string_view, const std::optional<T>& value) {
        if (value) fields(*this, *value);
    }
    // For documents that are only written: put(inner writer, element) gives the members of each element.
    template <class T, class F>
    void list(std::string_view name, const std::vector<T>& elements, const F& put) {
        Json& out = out_[std::string(name)] = Json::array();
        for (const T& element : elements) {
            Writer writer(out.emplace_back(Json::object()));
            put(writer, element);
        }
    }
    template <class T>
    void derived(std::string_view name, const T& value) {
        (*this)(name, value);
    }
    void check(bool, std::string_view) {}

  private:
    template <class T>
    static Json to_json(const T& value) {
        if constexpr (std::is_same_v<T, double>) {
            return std::isfinite(value) ? Json(value) : Json(nullptr);
        } else if constexpr (std::is_enum_v<T>) {
            return words(value).name(value);
        } else if constexpr (std::is_same_v<T, Nanoseconds>) {
            return to_seconds(value);
        } else if constexpr (requires { value.has_value(); }) {
            return value ? to_json(*value) : Json(nullptr);
        } else if constexpr (requires { typename T::mapped_type; }) {
            Json out = Json::object();
            for (const auto& [key, element] : value) out[fmt::format("{}", key)] = to_json(element);
            return out;
        } else if constexpr (std::is_arithmetic_v<T> || std::is_convertible_v<T, std::string_view>) {
            return value;
        } else if constexpr (requires { value.begin(); }) {
            Json out = Json::array();
            for (const auto& element : value) out.push_back(to_json(element));
            return out;
        } else {
            Json out = Json::object();
            Writer writer(out);
            fields(writer, value);
            return out;
        }
    }

    Json& out_;
};

void put(Writer& out, const Diagnosis& diagnosis) { fields(out, diagnosis); }

void put(Writer& out, const LineReport& report) {
    fields(out, report);
    recording_fields(out, report);
}

void put(Writer& out, const ReplayStats& stats) { fields(out, stats); }

// One series: its trend is the document. Several: they are listed, and nothing stands beside the list.
void put(Writer& out, const TrendReport::Item& item) {
    out("file", item.file);
    out("series", item.series.name);
    fields(out, item.verdict);
    out("samples", item.samples());
    out("duration_s", item.series.duration());
}

void put(Writer& out, const TrendReport& report) {
    if (report.items.size() == 1)
        put(out, report.items.front());
    else
        out.list("trends", report.items, [](Writer& trend, const TrendReport::Item& item) { put(trend, item); });
    if (!report.counts.empty())
        out.list("counts", report.counts, [](Writer& count, const TrendReport::Count& item) {
            count("file", item.file);
            count("resource", item.growth.resource);
            count("verdict", item.growth.verdict);
            count("growth", item.growth.growth);
            count("per_hour", item.growth.per_hour);
            count("per_request", item.growth.per_request);
            count("used", item.growth.used);
            count("limit", item.growth.limit);
            count("limit_name", item.growth.limit_name);
            count("time_to_limit_h", item.growth.time_to_limit_h);
            count("reasons", item.growth.reasons);
        });
    out("warnings", report.warnings);
}

void put(Writer& out, const Comparison& comparison) {
    out("outcome", outcome_name(comparison.outcome));
    out("reasons", comparison.reasons);
    out("before", comparison.before);
    out("after", comparison.after);
    out("per", comparison.per);
    out("budget_bytes", comparison.budget);
    out("total_before_bytes", comparison.total_before);
    out("total_after_bytes", comparison.total_after);
    out.list("lines", comparison.lines, [](Writer& item, const LineDifference& line) {
        fields(item, line.after ? *line.after : line.before ? *line.before : CodeLine{});
        item("source", line.source);
        item("change", line_change_name(line.change));
        item("over_budget", line.over_budget);
        const auto number = [](const std::optional<CodeLine>& at) { return at ? std::optional(at->line) : std::nullopt; };
        item("line_before", number(line.before));
        item("line_after", number(line.after));
        item("rate_before_bytes", line.rate_before);
        item("rate_after_bytes", line.rate_after);
        item("difference_bytes", line.difference);
        item("growth_before_bytes", line.growth_before_bytes);
        item("growth_after_bytes", line.growth_after_bytes);
        item("class_before", line.class_before);
        item("class_after", line.class_after);
        item("leaking_before", line.leaking_before);
        item("leaking_after", line.leaking_after);
        item("p_value", line.p_value);
    });
    out("warnings", comparison.warnings);
}

void put(Writer& out, const History& history) {
    out("slow_boil", history.has_slow_growth());
    out("worse", history.worsened());
    out.list("runs", history.runs, [](Writer& item, const History::Run& run) {
        item("file", run.file);
        item("started", run.started);
        item("verdict", run.verdict);
        item("bytes_per_request", run.bytes_per_request);
    });
    out.list("growing_lines", history.lines, [](Writer& item, const History::Line& line) {
        fields(item, line.at);
        item("source", line.source);
        item("change", change_name(line.change));
        item("least_bytes_per_request", line.least);
        item("bytes_per_request", line.growth);
    });
    out("warnings", history.warnings);
}

// Indented, but with columns of numbers on one line each: a series of a thousand points is one line, not a
// thousand. Names come from foreign debug info: bytes that are not UTF-8 are replaced, never a reason to lose
// the report.
void write(const Json& json, int indent, std::string& out) {
    const auto dump = [](const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); };
    const bool nested = json.is_object() || std::any_of(json.begin(), json.end(), [](const Json& e) { return e.is_structured(); });
    if (!json.is_structured() || json.empty() || !nested) {
        out += dump(json);
        return;
    }
    const std::string inner(static_cast<std::size_t>(indent) + 2, ' ');
    out += json.is_object() ? '{' : '[';
    const char* separator = "\n";
    for (auto member = json.begin(); member != json.end(); ++member) {
        out += separator + inner;
        if (json.is_object()) out += dump(Json(member.key())) + ": ";
        write(*member, indent + 2, out);
        separator = ",\n";
    }
    out += "\n" + std::string(static_cast<std::size_t>(indent), ' ') + (json.is_object() ? '}' : ']');
}

}  // namespace

std::string render_json(const Document& document, const RenderOptions&) {
    Json json = {{"schema", Diagnosis::kSchema}};
    Writer writer(json);
    std::visit([&](const auto& value) { put(writer, value); }, document);
    std::string out;
    write(json, 0, out);
    return out + "\n";
}

}  // namespace leakline::report
