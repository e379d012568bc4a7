// The JSON format. Its names are stable for other programs: a member may be added, none renamed or dropped
// without a new schema number. Absent values are null; so is an infinite bound of an interval (low: minus,
// high: plus infinity).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/quantities.hpp"
#include "report/internal/json_audit_fields.hpp"
#include "report/internal/json_fields.hpp"
#include "report/internal/renderers.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::ordered_json;  // "schema" stays first

// The archive (json_archive.hpp) that writes.
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
    // One list of two, which is read back as the first.
    void joined(std::string_view name, const std::vector<std::string>& first, const std::vector<std::string>& second) {
        (*this)(name, first);
        for (const std::string& text : second) out_[std::string(name)].push_back(text);
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

void put(Writer& out, const Audit& audit) { fields(out, audit); }

void put(Writer& out, const LineReport& report) {
    fields(out, report);
    out.where_any("held_by", report.held_by);
    out.where_any("types", report.types);
    recording_fields(out, report);
}

void put(Writer& out, const ReplayStats& stats) { fields(out, stats); }

// One series: its trend is the document. Several: they are listed, without other members.
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

void put(Writer& out, const Minimized::Kind& kind) {
    out("kind", kind.name);
    out("requests", kind.requests);
}

void put(Writer& out, const Minimized& result) {
    out("verdict", result.verdict);
    out("complete", result.complete);
    out("by_time", result.by_time);
    out("part", result.text);
    out("requests", result.requests);
    out.list("kinds", result.part, [](Writer& item, const Minimized::PartKind& part) {
        put(item, part.kind);
        item.list("conditions", part.conditions, [](Writer& entry, const Minimized::Condition& condition) {
            entry("facet", condition.facet);
            entry("values", condition.values);
        });
        item("without", part.without);
    });
    if (result.rest) out("rest", *result.rest);
    out.list("log", result.log, [](Writer& item, const Minimized::Kind& kind) { put(item, kind); });
    out.list("trials", result.trials, [&](Writer& item, const Minimized::Trial& trial) {
        item("part", trial.part);
        item("kinds", trial.kinds);
        item("requests", trial.requests);
        item("sent", trial.sent);
        item("verdict", trial.verdict);
        item("smaller_leak", trial.smaller_leak);
        if (trial.rate) item(leak_unit_name(result.unit), *trial.rate);
        item("seconds", trial.seconds);
        item("reason", trial.reason);
    });
    out("notes", result.notes);
    if (result.diagnosed == Minimized::Diagnosed::nothing) return;
    out("diagnosis_of", result.diagnosed == Minimized::Diagnosed::part ? "part" : "log");
    out.object("diagnosis", [&](Writer& diagnosis) {
        diagnosis("schema", Diagnosis::kSchema);
        put(diagnosis, result.diagnosis);
    });
}

void put(Writer& out, const DryRun& result) {
    out("read", result.read);
    out("bad", result.bad);
    out("filtered", result.filtered);
    out("requests", result.requests);
    out("bytes", result.bytes);
    out("largest_bytes", result.largest);
    if (result.first) {
        const Nanoseconds span = *result.last - *result.first;
        out("first_ns", result.first->count());
        out("last_ns", result.last->count());
        out("span_s", span);
        if (const auto rate = result.per_second(span)) out("rate", *rate);
    }
    out("rounds", result.rounds);
    out("round_s", result.round);
    out("formats", result.formats);
    out("paths", result.paths);
    out.object("hosts", [&](Writer& hosts) {
        for (const DryRun::Host& host : result.hosts)
            hosts.object(host.name, [&](Writer& item) {
                item("requests", host.requests);
                item("left_out", host.left_out);
            });
    });
    out.object("steps", [&](Writer& steps) {
        steps("seconds", result.step);
        steps("requests", result.rate);
    });
    out("warnings", result.warnings);
}

void put(Writer& out, std::string_view name, const VerdictCounts& counts) {
    out.object(name, [&](Writer& item) {
        item("growing", counts.growing);
        item("stable", counts.stable);
        item("inconclusive", counts.inconclusive);
    });
}

void put(Writer& out, const SelfTest& result) {
    out("outcome", outcome_name(result.outcome));
    out.list("scores", result.scores, [](Writer& item, const SelfTest::Score& score) {
        item("name", score.name);
        item("of", score.of);
        item("hits", score.measured.hits);
        item("total", score.measured.total);
        item("share", score.measured.interval());
        if (!score.goal) return;
        item(score.goal->at_least ? "at_least" : "at_most", score.goal->bound);
        item("outcome", outcome_name(score.goal->outcome));
    });
    out("request_error", result.request_error);
    out.list("families", result.families, [](Writer& item, const FamilyScore& family) {
        item("name", family.name);
        item("summary", family.summary);
        item("leaks", family.leaks);
        put(item, "plain", family.plain);
        put(item, "hard", family.hard);
    });
    out.list("curve", result.curve, [](Writer& item, const PowerCurvePoint& point) {
        item("growth_in_deviations", point.growth_in_deviations);
        item("growth_of_detectable", point.growth_of_detectable);
        put(item, "counts", point.counts);
    });
}

void put(Writer& out, const Prerequisites& result) {
    out("met", result.met());
    out.list("checks", result.checks, [](Writer& item, const Prerequisite& check) {
        item("state", state_name(check.state));
        item("what", check.what);
        item.where_any("fix", check.fix);
    });
}

void put(Writer& out, const LostKind& kind) {
    out("cycle", kind.cycle);
    out.where_any("type", kind.type);
    out.where_any("field", kind.field);
    if (kind.block_size > 0) out("block_bytes", kind.block_size);
    out("count", kind.count);
    out("blocks", kind.blocks);
    out("bytes", kind.bytes);
}

void put(Writer& out, const HolderReport& report) {
    out("pid", report.process);
    out("command", report.command);
    out.where_any("core", report.core);
    out("allocator", report.allocator);
    out("copied_bytes", report.copied);
    out("paused_s", report.paused);
    out("took_s", report.took);
    out("blocks", report.blocks);
    out("bytes", report.bytes);
    out.object("lost", [&](Writer& lost) {
        lost("blocks", report.lost_blocks);
        lost("bytes", report.lost_bytes);
        lost.list("kinds", report.lost, [](Writer& item, const LostKind& kind) { put(item, kind); });
    });
    out.where_any("since_s", report.since);
    out.where_any("growth_bytes", report.growth_bytes);
    out("holders", report.holders);
    out.where_any("types", report.types);
    out("warnings", report.warnings);
}

void put(Writer& out, const GateReport& gate) {
    out("file", gate.file);
    out("verdict", gate.run.verdict);
    out("detectable_bytes_per_request", gate.detectable_bytes_per_request);
    out("detectable_bytes_per_hour", gate.detectable_bytes_per_hour);
    out("fails_bytes_per_request", gate.fails_bytes_per_request);
    out("requests_per_second", gate.run.requests_per_second);
    out("memory_limit_bytes", gate.run.memory_limit);
    out("level_bytes", gate.level_bytes);
    out("hours_to_limit", gate.hours_to_limit);
    out("runs", gate.runs);
    out("leaks", gate.leaks);
    out("inconclusive", gate.inconclusive);
    out("invalid", gate.invalid);
    out("detectable_of_runs", gate.detectable_of_runs);
    if (gate.smallest)
        out.object("smallest_leak", [&](Writer& item) {
            item("run", gate.smallest->file);
            fields(item, gate.smallest->at);
            item("source", gate.smallest->source);
            item("bytes_per_request", gate.smallest->bytes_per_request);
            item("hours_to_limit", gate.smallest->hours_to_limit);
        });
    out("coverage", gate.run.coverage);
}

// Indented, but with columns of numbers on one line each: a series of a thousand points is one line, not a
// thousand. Names come from foreign debug info: bytes that are not UTF-8 are replaced instead of losing
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
