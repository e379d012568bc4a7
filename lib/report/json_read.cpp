#include "report/json_read.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::json;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kDeepestCaller = 256;

// A value and the way to it, so that a wrong type is reported with its place.
class Node {
  public:
    Node(const Json* json, std::string path, const std::string* file)
        : json_(json), path_(std::move(path)), file_(file) {}

    // Nothing where the member is absent or null.
    std::optional<Node> find(const char* name) const {
        require(json_->is_object(), "an object");
        const auto member = json_->find(name);
        if (member == json_->end() || member->is_null()) return std::nullopt;
        return Node(&*member, path_.empty() ? name : path_ + "." + name, file_);
    }
    std::vector<Node> elements() const {
        require(json_->is_array(), "an array");
        std::vector<Node> out;
        for (std::size_t i = 0; i < json_->size(); ++i)
            out.emplace_back(&(*json_)[i], fmt::format("{}[{}]", path_, i), file_);
        return out;
    }
    std::vector<std::pair<std::string, Node>> members() const {
        require(json_->is_object(), "an object");
        std::vector<std::pair<std::string, Node>> out;
        for (const auto& [name, value] : json_->items())
            out.emplace_back(name, Node(&value, path_ + "." + name, file_));
        return out;
    }

    bool is_null() const { return json_->is_null(); }
    std::string text() const {
        require(json_->is_string(), "a string");
        return json_->get<std::string>();
    }
    bool flag() const {
        require(json_->is_boolean(), "true or false");
        return json_->get<bool>();
    }
    double number() const {
        require(json_->is_number(), "a number");
        return json_->get<double>();
    }
    std::int64_t integer() const {
        require(json_->is_number_integer(), "an integer");
        require(!json_->is_number_unsigned() || json_->get<std::uint64_t>() <= INT64_MAX,
                "an integer of 64 bits");
        return json_->get<std::int64_t>();
    }
    std::uint64_t count() const {
        require(json_->is_number_unsigned(), "a count");
        return json_->get<std::uint64_t>();
    }
    std::uint32_t line() const {
        const std::uint64_t value = count();
        require(value <= std::numeric_limits<std::uint32_t>::max(), "a line number");
        return static_cast<std::uint32_t>(value);
    }
    Interval interval() const {
        const auto bound = [&](const char* name, double absent) {
            const auto member = find(name);
            return member ? member->number() : absent;
        };
        return {bound("estimate", kInfinity), bound("low", -kInfinity), bound("high", kInfinity)};
    }
    [[noreturn]] void wrong(std::string_view expected) const {
        throw Error(ErrorKind::input, *file_,
                    fmt::format("{}: expected {}, found {}", path_.empty() ? "the document" : path_, expected,
                                json_->type_name()),
                    "this takes a file that leakline diagnose -o NAME.json wrote");
    }

  private:
    void require(bool holds, std::string_view expected) const {
        if (!holds) wrong(expected);
    }

    const Json* json_;
    std::string path_;
    const std::string* file_;
};

// get(node, "name", target, &Node::text): target keeps its value where the member is absent or null.
template <class T, class R>
void get(const Node& node, const char* name, T& target, R (Node::*read)() const) {
    if (const auto member = node.find(name)) target = static_cast<T>((*member.*read)());
}
template <class T, class R>
void get(const Node& node, const char* name, std::optional<T>& target, R (Node::*read)() const) {
    if (const auto member = node.find(name)) target = static_cast<T>((*member.*read)());
}
template <class T, class R>
void get_list(const Node& node, const char* name, std::vector<T>& target, R (Node::*read)() const) {
    const auto member = node.find(name);
    if (!member) return;
    for (const Node& element : member->elements()) target.push_back(static_cast<T>((element.*read)()));
}
// A column of measured values, where null cannot have been measured.
void get_numbers(const Node& node, const char* name, std::vector<double>& target) {
    get_list(node, name, target, &Node::number);
}

template <class Enum>
Enum named(const Node& node, std::initializer_list<Enum> values, std::string_view (*name)(Enum)) {
    const std::string text = node.text();
    std::string all;
    for (Enum value : values) {
        if (name(value) == text) return value;
        all += fmt::format("{}'{}'", all.empty() ? "" : ", ", name(value));
    }
    node.wrong("one of " + all);
}

void read_trend(const Node& node, TrendVerdict& trend) {
    if (const auto verdict = node.find("verdict"))
        trend.verdict = named(
            *verdict, {Trend::growing, Trend::stable, Trend::shrinking, Trend::inconclusive}, trend_name);
    get(node, "class", trend.growth_class, &Node::text);
    get(node, "p_leak", trend.p_leak, &Node::number);
    get(node, "slope_bytes_per_hour", trend.slope_bytes_per_hour, &Node::interval);
    get(node, "bytes_per_request", trend.bytes_per_request, &Node::interval);
    get(node, "detectable_bytes_per_hour", trend.detectable_bytes_per_hour, &Node::number);
    get(node, "detectable_bytes_per_request", trend.detectable_bytes_per_request, &Node::number);
    get(node, "warmup_end_s", trend.warmup_end_s, &Node::number);
    get(node, "plateau_bytes", trend.plateau_bytes, &Node::number);
    get(node, "level_bytes", trend.level_bytes, &Node::number);
    get(node, "time_to_limit_h", trend.time_to_limit_h, &Node::interval);
    get_list(node, "reasons", trend.reasons, &Node::text);
}

void read_soak(const Node& node, Soak& soak) {
    using Growth = Soak::Growth;
    get(node, "hours", soak.hours, &Node::number);
    if (const auto growth = node.find("growth"))
        soak.growth = named(*growth, {Growth::none, Growth::with_requests, Growth::with_time, Growth::unclear}, soak_growth_name);
    get(node, "reason", soak.reason, &Node::text);
    get(node, "service_scaled", soak.service_scaled, &Node::flag);
    get(node, "capacity", soak.capacity, &Node::number);
    get(node, "bytes_per_request", soak.bytes_per_request, &Node::interval);
    get(node, "level_bytes", soak.level_bytes, &Node::interval);
    get(node, "time_to_limit_h", soak.time_to_limit_h, &Node::interval);
    const auto runs = node.find("runs");
    if (!runs) return;
    for (const Node& element : runs->elements()) {
        SoakRun& run = soak.runs.emplace_back();
        get(element, "time_scale", run.time_scale, &Node::number);
        get(element, "duration_s", run.duration_s, &Node::number);
        get(element, "hours", run.hours, &Node::number);
        get(element, "kept_up", run.kept_up, &Node::number);
        get(element, "requests", run.requests, &Node::count);
        get(element, "settled_h", run.settled_h, &Node::number);
        get(element, "limit_reached_h", run.limit_reached_h, &Node::number);
        using End = SoakRun::End;
        if (const auto end = element.find("end"))
            run.end = named(*end, {End::whole, End::decided, End::limit, End::killed, End::memory, End::time, End::stopped}, soak_end_name);
        if (const auto trend = element.find("trend")) read_trend(*trend, run.trend);
    }
}

CodeLine read_code_line(const Node& node) {
    CodeLine line;
    get(node, "file", line.file, &Node::text);
    get(node, "line", line.line, &Node::line);
    get(node, "function", line.function, &Node::text);
    return line;
}

std::vector<CallerNode> read_callers(const Node& list, int depth) {
    std::vector<CallerNode> out;
    if (depth > kDeepestCaller) return out;
    for (const Node& node : list.elements()) {
        CallerNode caller;
        caller.at = read_code_line(node);
        get(node, "growth_bytes", caller.growth_bytes, &Node::integer);
        get(node, "growth_blocks", caller.growth_blocks, &Node::integer);
        get(node, "allocations", caller.allocations, &Node::count);
        get(node, "allocated_bytes", caller.allocated_bytes, &Node::count);
        if (const auto inner = node.find("callers")) caller.callers = read_callers(*inner, depth + 1);
        out.push_back(std::move(caller));
    }
    return out;
}

LineGrowth read_line(const Node& node) {
    LineGrowth line;
    line.at = read_code_line(node);
    get(node, "source", line.source, &Node::text);
    get(node, "growth_bytes", line.growth_bytes, &Node::integer);
    get(node, "live_first_bytes", line.live_first_bytes, &Node::integer);
    get(node, "live_last_bytes", line.live_last_bytes, &Node::integer);
    get(node, "live_peak_bytes", line.live_peak_bytes, &Node::integer);
    get(node, "live_first_blocks", line.live_first_blocks, &Node::integer);
    get(node, "live_last_blocks", line.live_last_blocks, &Node::integer);
    get(node, "allocations", line.allocations, &Node::count);
    get(node, "allocated_bytes", line.allocated_bytes, &Node::count);
    get(node, "bytes_per_request_interval", line.bytes_per_request, &Node::interval);
    get(node, "bytes_per_hour_interval", line.bytes_per_hour, &Node::interval);
    if (const auto growth_class = node.find("class"))
        line.growth_class = named(*growth_class,
                                  {GrowthClass::flat, GrowthClass::linear, GrowthClass::container_doubling,
                                   GrowthClass::filling_then_flat, GrowthClass::sawtooth,
                                   GrowthClass::shrinking, GrowthClass::unclear},
                                  growth_class_name);
    get(node, "leaking", line.leaking, &Node::flag);
    get(node, "p_value", line.p_value, &Node::number);
    get(node, "payload_bytes", line.payload_bytes, &Node::interval);
    get(node, "user_code", line.user_code, &Node::flag);
    get_numbers(node, "live_at_marks", line.live_at_marks);
    if (const auto callers = node.find("callers")) line.callers = read_callers(*callers, 0);
    return line;
}

LineTable read_table(const Node& node) {
    LineTable table;
    get(node, "file", table.file, &Node::text);
    get(node, "function", table.function, &Node::text);
    if (const auto origin = node.find("origin"))
        table.origin =
            origin->text() == "observed" ? LineTable::Origin::observed : LineTable::Origin::recording;
    const auto rows = node.find("rows");
    if (!rows) return table;
    for (const Node& item : rows->elements()) {
        LineTable::Row row;
        get(item, "line", row.line, &Node::line);
        get(item, "text", row.text, &Node::text);
        if (item.find("usage_bytes")) {
            row.cells.emplace();
            get(item, "usage_bytes", row.cells->usage_bytes, &Node::number);
            get(item, "increment_bytes", row.cells->increment_bytes, &Node::number);
            get(item, "occurrences", row.cells->occurrences, &Node::count);
        }
        table.rows.push_back(std::move(row));
    }
    return table;
}

void read_books(const Node& node, Books& books) {
    get(node, "live_delta_bytes", books.live_delta_bytes, &Node::integer);
    get(node, "attributed_bytes", books.attributed_bytes, &Node::integer);
    get(node, "unattributed_bytes", books.unattributed_bytes, &Node::integer);
    get(node, "rss_delta_bytes", books.rss_delta_bytes, &Node::integer);
    get(node, "retention_delta_bytes", books.retention_delta_bytes, &Node::integer);
    get(node, "other_delta_bytes", books.other_delta_bytes, &Node::integer);
}

Nanoseconds read_seconds(const Node& node) {
    const double seconds = node.number();
    if (!(std::abs(seconds) < 9e9)) node.wrong("seconds within 292 years");
    return Nanoseconds(std::llround(seconds * 1e9));
}

void read_lines(const Node& root, LineReport& report) {
    if (const auto lines = root.find("lines"))
        for (const Node& line : lines->elements()) report.lines.push_back(read_line(line));
    if (const auto books = root.find("books")) read_books(*books, report.books);
    if (const auto window = root.find("window")) {
        if (const auto begin = window->find("begin_s")) report.window_begin = read_seconds(*begin);
        if (const auto end = window->find("end_s")) report.window_end = read_seconds(*end);
    }
    get(root, "completeness", report.completeness, &Node::text);
    if (const auto by = root.find("by")) {
        const std::string name = by->text();
        report.by = name == "function" ? GroupBy::function : name == "file" ? GroupBy::file : GroupBy::line;
    }
    if (const auto totals = root.find("totals")) {
        get(*totals, "allocations", report.totals.allocations, &Node::count);
        get(*totals, "leaked_bytes", report.totals.leaked_bytes, &Node::integer);
        get(*totals, "leaked_blocks", report.totals.leaked_blocks, &Node::integer);
        get(*totals, "suppressed_bytes", report.totals.suppressed_bytes, &Node::integer);
        get(*totals, "peak_bytes", report.totals.peak_bytes, &Node::count);
        if (const auto duration = totals->find("duration_s"))
            report.totals.duration = read_seconds(*duration);
    }
    if (const auto marks = root.find("marks")) {
        get_numbers(*marks, "seconds", report.mark_seconds);
        if (const auto requests = marks->find("requests"))
            for (const Node& value : requests->elements())
                report.mark_requests.push_back(value.is_null() ? std::nullopt : std::optional(value.count()));
    }
    if (const auto tables = root.find("tables"))
        for (const Node& table : tables->elements()) report.tables.push_back(read_table(table));
    if (const auto recording = root.find("recording")) {
        get(*recording, "command", report.command, &Node::text);
        get_list(*recording, "warnings", report.warnings, &Node::text);
    }
}

void read_latency(const Node& parent, const char* name, LatencySummary& latency) {
    const auto node = parent.find(name);
    if (!node) return;
    get(*node, "p50", latency.p50, &Node::number);
    get(*node, "p90", latency.p90, &Node::number);
    get(*node, "p99", latency.p99, &Node::number);
    get(*node, "p999", latency.p999, &Node::number);
    get(*node, "max", latency.max, &Node::number);
    get(*node, "mean", latency.mean, &Node::number);
    get(*node, "count", latency.count, &Node::count);
}

void read_replay(const Node& node, ReplayStats& stats) {
    get(node, "read", stats.read, &Node::count);
    get(node, "bad", stats.bad, &Node::count);
    get(node, "filtered", stats.filtered, &Node::count);
    get(node, "sent", stats.sent, &Node::count);
    get(node, "unsent", stats.unsent, &Node::count);
    get(node, "completed", stats.completed, &Node::count);
    if (const auto statuses = node.find("statuses"))
        for (const auto& [name, count] : statuses->members()) {
            int status = 0;
            const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), status);
            if (error != std::errc() || end != name.data() + name.size())
                count.wrong("an HTTP status as the name");
            stats.statuses[status] = count.count();
        }
    if (const auto failures = node.find("failures"))
        for (std::size_t i = 0; i < kFailureCount; ++i)
            get(*failures, std::string(failure_name(static_cast<Failure>(i))).c_str(), stats.failures[i],
                &Node::count);
    get(node, "late", stats.late, &Node::count);
    get(node, "retried", stats.retried, &Node::count);
    get(node, "unexpected", stats.unexpected, &Node::count);
    read_latency(node, "latency_us", stats.latency);
    read_latency(node, "service_us", stats.service);
    read_latency(node, "send_lag_us", stats.send_lag);
    get(node, "duration_s", stats.duration_s, &Node::number);
    get(node, "rate", stats.rate, &Node::number);
    get(node, "target_rate", stats.target_rate, &Node::number);
    get(node, "valid", stats.valid, &Node::flag);
    get_list(node, "reasons", stats.reasons, &Node::text);
    if (const auto paths = node.find("paths"))
        for (const auto& [path, value] : paths->members()) {
            ReplayStats::PathStats& entry = stats.paths[path];
            get(value, "sent", entry.sent, &Node::count);
            get(value, "completed", entry.completed, &Node::count);
            get(value, "errors", entry.errors, &Node::count);
            read_latency(value, "latency_us", entry.latency);
        }
    get_list(node, "warnings", stats.warnings, &Node::text);
}

void read_series(const Node& node, Diagnosis& diagnosis) {
    Series& series = diagnosis.series;
    get(node, "name", series.name, &Node::text);
    get(node, "metric", diagnosis.metric, &Node::text);
    get_numbers(node, "seconds", series.seconds);
    get_numbers(node, "value_bytes", series.value);
    get_numbers(node, "requests", series.requests);
    get_list(node, "process", series.process, &Node::integer);
    const auto fits = [&](std::size_t size) { return size == 0 || size == series.seconds.size(); };
    if (series.value.size() != series.seconds.size() || !fits(series.requests.size()) ||
        !fits(series.process.size()))
        node.wrong("columns of equal length");
}

// The library says where and why only in its exception.
Json parse(std::string_view text, const std::string& name) {
    try {
        return Json::parse(text);
    } catch (const Json::exception& error) {  // a parse error, or a number beyond a double
        // "[json.exception.parse_error.101] parse error at line 1, column 2: ...": from its second word on.
        std::string_view what = error.what();
        what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
        throw Error(ErrorKind::input, name, fmt::format("not JSON: {}", printable(what)),
                    "this takes a file that leakline diagnose -o NAME.json wrote");
    }
}

}  // namespace

Diagnosis read_diagnosis(std::string_view text, const std::string& name) {
    const Json json = parse(text, name);
    const Node root(&json, "", &name);
    const auto schema = root.find("schema");
    if (!schema || !root.find("verdict") || !root.find("trend"))
        throw Error(ErrorKind::input, name, "not a diagnosis: it has no 'schema', 'verdict' and 'trend'",
                    "this takes a file that leakline diagnose -o NAME.json wrote");
    if (schema->integer() < 1 || schema->integer() > Diagnosis::kSchema)
        throw Error(ErrorKind::input, name,
                    fmt::format("diagnosis schema {}; this build reads 1 to {}", schema->integer(),
                                Diagnosis::kSchema),
                    "a newer leakline wrote it: use that one to render it");

    Diagnosis diagnosis;
    diagnosis.verdict =
        named(*root.find("verdict"),
              {Verdict::leak, Verdict::no_leak, Verdict::inconclusive, Verdict::invalid}, verdict_name);
    get_list(root, "reasons", diagnosis.reasons, &Node::text);
    get(root, "command", diagnosis.command, &Node::text);
    get(root, "target", diagnosis.target, &Node::text);
    get(root, "traffic", diagnosis.traffic, &Node::text);
    get(root, "started", diagnosis.started, &Node::text);
    read_trend(*root.find("trend"), diagnosis.trend);
    read_lines(root, diagnosis.lines);
    if (const auto replay = root.find("replay")) read_replay(*replay, diagnosis.replay);
    get(root, "memory_limit_bytes", diagnosis.memory_limit, &Node::count);
    if (const auto growth = root.find("max_growth")) {
        diagnosis.max_growth.emplace();
        get(*growth, "bytes", diagnosis.max_growth->bytes, &Node::number);
        if (const auto per = growth->find("per"))
            diagnosis.max_growth->per = per->text() == "request" ? Growth::Per::request : Growth::Per::hour;
    }
    get(root, "accepted", diagnosis.accepted, &Node::flag);
    get_list(root, "retries", diagnosis.retries, &Node::text);
    if (const auto gates = root.find("gates"))
        for (const Node& node : gates->elements()) {
            Gate& gate = diagnosis.gates.emplace_back();
            get(node, "name", gate.name, &Node::text);
            get(node, "message", gate.message, &Node::text);
            if (const auto outcome = node.find("outcome"))
                gate.outcome = named(
                    *outcome, {Gate::Outcome::passed, Gate::Outcome::failed, Gate::Outcome::inconclusive},
                    outcome_name);
        }
    get(root, "requests_per_second", diagnosis.requests_per_second, &Node::number);
    if (const auto kill = root.find("oom_kill")) {
        OomKill& oom = diagnosis.oom_kill.emplace();
        get(*kill, "at_s", oom.at_s, &Node::number);
        get(*kill, "requests", oom.requests, &Node::count);
        get(*kill, "predicted_at_s", oom.predicted_at_s, &Node::interval);
        get(*kill, "predicted_requests", oom.predicted_requests, &Node::interval);
        get(*kill, "text", oom.text, &Node::text);
    }
    if (const auto soak = root.find("soak")) read_soak(*soak, diagnosis.soak.emplace());
    if (const auto endpoints = root.find("endpoints"))
        for (const Node& node : endpoints->elements()) {
            EndpointGrowth& endpoint = diagnosis.endpoints.emplace_back();
            get(node, "endpoint", endpoint.endpoint, &Node::text);
            get(node, "bytes_per_request", endpoint.bytes_per_request, &Node::interval);
            get(node, "leaks", endpoint.leaks, &Node::flag);
        }
    get(root, "projected_bytes_per_hour", diagnosis.projected_bytes_per_hour, &Node::interval);
    if (const auto rounds = root.find("rounds"))
        for (const Node& node : rounds->elements()) {
            Round round;
            get(node, "begin_s", round.begin_s, &Node::number);
            get(node, "end_s", round.end_s, &Node::number);
            get(node, "requests", round.requests, &Node::count);
            diagnosis.rounds.push_back(round);
        }
    if (const auto series = root.find("series")) read_series(*series, diagnosis);
    get_list(root, "warnings", diagnosis.warnings, &Node::text);
    return diagnosis;
}

LineReport read_line_report(std::string_view text, const std::string& name) {
    const Json json = parse(text, name);
    const Node root(&json, "", &name);
    const auto schema = root.find("schema");
    if (!schema || !root.find("lines"))
        throw Error(ErrorKind::input, name,
                    "neither a diagnosis nor a line report: it has no 'schema' and 'lines'",
                    "this takes what leakline diagnose or leakline lines wrote with -o NAME.json");
    if (schema->integer() < 1 || schema->integer() > Diagnosis::kSchema)
        throw Error(ErrorKind::input, name,
                    fmt::format("schema {}; this build reads 1 to {}", schema->integer(), Diagnosis::kSchema),
                    "a newer leakline wrote it");
    LineReport report;
    read_lines(root, report);
    if (report.command.empty()) get(root, "command", report.command, &Node::text);
    return report;
}

}  // namespace leakline::report
