#include "memory/prometheus.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "http/client.hpp"
#include "http/message.hpp"
#include "memory/internal/prometheus_answer.hpp"
#include "memory/internal/prometheus_login.hpp"

namespace leakline::memory {

namespace {

constexpr std::int64_t kServerLimit = 11'000;      // points per series in one answer: web/api/v1, "exceeded maximum"
constexpr std::int64_t kFirstPart = 200;           // small: it shows how many series there are
constexpr std::int64_t kAnswerPoints = 1'000'000;  // about 35 MB of text
constexpr std::size_t kMaxBody = std::size_t{1} << 30;

// Seconds with three decimals, from milliseconds: exact, so that the parts of a range share one grid.
std::string seconds_text(std::int64_t milliseconds) {
    std::string digits = std::to_string(milliseconds % 1000);
    digits.insert(0, 3 - digits.size(), '0');
    return std::to_string(milliseconds / 1000) + "." + digits;
}

std::int64_t milliseconds(Nanoseconds time) { return time / std::chrono::milliseconds(1); }

std::string first_line(std::string_view text) { return printable(trim(take_line(text)).substr(0, 200)); }

// Empty: the response is not a redirect. None is followed: a secret must not be sent to another server.
std::string redirected_to(const http::ClientResponse& response) {
    const bool redirect = response.status >= 300 && response.status < 400;
    const auto location = std::find_if(response.headers.begin(), response.headers.end(),
                                       [](const auto& header) { return equal_ignoring_case(header.first, "Location"); });
    return redirect && location != response.headers.end() ? first_line(location->second) : "";
}

class Server {
  public:
    explicit Server(const PrometheusQuery& query) : query_(query) {
        base_ = query.url;
        while (base_.ends_with('/')) base_.pop_back();
        if (auto header = prometheus_authorization(query)) headers_.emplace_back("Authorization", std::move(*header));
        headers_.emplace_back("Accept", "application/json");
    }

    std::uint64_t requests() const { return requests_; }

    // One part of the range, both ends included.
    MatrixAnswer ask(const std::string& promql, std::int64_t start_ms, std::int64_t end_ms) {
        if (query_.stop.stop_requested()) throw Error(ErrorKind::system, base_, "interrupted");
        const std::string form = "query=" + http::percent_encoded(promql) + "&start=" + seconds_text(start_ms) +
                                 "&end=" + seconds_text(end_ms) + "&step=" + seconds_text(milliseconds(query_.step)) +
                                 "&timeout=" + std::to_string(std::max<std::int64_t>(1, query_.timeout / std::chrono::seconds(1))) + "s";
        const http::ClientResponse response = send(form);
        MatrixAnswer answer = parse_matrix(response.body, query_.max_series);
        check(response, answer);
        return answer;
    }

  private:
    http::ClientResponse send(const std::string& form) {
        http::ClientRequest request;
        request.url = base_ + "/api/v1/query_range";
        request.headers = headers_;
        if (method_ == "POST") {
            request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
            request.body = form;
        } else {
            request.url += "?" + form;
        }
        request.method = method_;
        http::ClientOptions options;
        options.timeout = query_.timeout;
        options.stop = query_.stop;
        options.max_body = kMaxBody;
        options.connect = query_.connect;
        ++requests_;
        try {
            http::ClientResponse response = http::send_request(request, options);
            // A read-only proxy allows only GET.
            if (response.status == 405 && method_ == "POST") {
                method_ = "GET";
                return send(form);
            }
            return response;
        } catch (const Error& error) {
            if (error.kind() == ErrorKind::usage) throw;
            throw Error(ErrorKind::input, base_, error.message(),
                        error.hint().empty() ? "is the Prometheus server up, and is this its address? "
                                               "A slow one needs a longer --timeout or a longer --step"
                                             : error.hint());
        }
    }

    void check(const http::ClientResponse& response, const MatrixAnswer& answer) const {
        const std::string status = std::to_string(response.status);
        if (response.status == 401 || response.status == 403)
            throw Error(ErrorKind::input, base_, "refuses the request (HTTP " + status + ")",
                        headers_.size() > 1 ? "the secret in the file is not accepted" : "give --bearer-token-file or --basic-auth-file");
        if (!answer.error.empty() || !answer.error_type.empty())
            throw Error(ErrorKind::input, base_,
                        "returned " + printable(answer.error_type) + ": " + printable(answer.error) + " (HTTP " + status + ")",
                        answer.error_type == "bad_data" ? "the query is: " + printable(query_.query)
                        : answer.error_type == "timeout" || answer.error.find("too many samples") != std::string::npos
                            ? "a longer --step or a shorter --range costs the server less"
                            : "");
        if (const std::string to = redirected_to(response); !to.empty())
            throw Error(ErrorKind::input, base_, "returned HTTP " + status + ": go to " + to,
                        "use that address, unless it is a login page");
        if (response.status != 200)
            throw Error(ErrorKind::input, base_,
                        "returned HTTP " + status + (response.body.empty() ? "" : ": " + first_line(response.body)),
                        response.status == 404 ? "behind a proxy the address needs its prefix, as in "
                                                 "http://host/prometheus"
                                               : "");
        if (answer.too_many_series)
            throw Error(ErrorKind::input, base_, "returned more than " + format_count(query_.max_series) + " series (--max-series)",
                        "narrow the query with labels, or raise --max-series");
        if (!answer.damage.empty() || !answer.success)
            throw Error(ErrorKind::input, base_,
                        "returned HTTP 200, but not in Prometheus' format (" + (answer.damage.empty() ? "no status" : answer.damage) +
                            "): " + first_line(response.body),
                        "is this the address of a Prometheus server?");
        if (answer.result_type != "matrix")
            throw Error(ErrorKind::input, base_, "returned a " + printable(answer.result_type) + ", not a matrix");
    }

    const PrometheusQuery& query_;
    std::string base_;
    std::string method_ = "POST";
    http::HeaderList headers_;
    std::uint64_t requests_ = 0;
};

// Values of one query over the whole range.
struct Collected {
    std::vector<MatrixSeries> series;
    std::map<std::string, std::size_t> index;  // of the labels' text
    std::uint64_t points = 0, not_finite = 0, unreadable = 0, histograms = 0;
    std::vector<std::string> warnings, infos;
    bool partial = false;
};

void add_new(std::vector<std::string>& all, std::vector<std::string> some) {
    for (std::string& text : some) add_once(all, std::move(text));
}

class Collector {
  public:
    Collector(Server& server, const PrometheusQuery& query) : server_(server), query_(query) {}

    // changes_only: keep a point only where the value differs from the one before it (start times).
    Collected collect(const std::string& promql, bool changes_only) {
        Collected all;
        const std::int64_t step = milliseconds(query_.step);
        const std::int64_t begin = milliseconds(query_.end - query_.range);
        const std::int64_t steps = milliseconds(query_.range) / step;  // number of intervals; one point more
        std::int64_t part = kFirstPart;
        for (std::int64_t at = 0; at <= steps; at += part) {
            if (at > 0)
                part = std::clamp<std::int64_t>(kAnswerPoints / std::max<std::int64_t>(1, static_cast<std::int64_t>(all.series.size())),
                                                100, kServerLimit);
            const std::int64_t last = std::min(at + part - 1, steps);
            take(all, server_.ask(promql, begin + at * step, begin + last * step), changes_only);
        }
        return all;
    }

  private:
    void take(Collected& all, MatrixAnswer answer, bool changes_only) {
        all.not_finite += answer.not_finite;
        all.unreadable += answer.unreadable;
        all.histograms += answer.histograms;
        all.partial = all.partial || answer.partial;
        add_new(all.warnings, std::move(answer.warnings));
        add_new(all.infos, std::move(answer.infos));
        for (MatrixSeries& part : answer.series) {
            const auto [place, fresh] = all.index.try_emplace(labels_text(part.labels), all.series.size());
            if (fresh) {
                // Processes come and go: later parts can bring series that the first had not.
                if (all.series.size() >= query_.max_series)
                    throw Error(ErrorKind::input, query_.url,
                                "returned more than " + format_count(query_.max_series) + " series (--max-series)",
                                "narrow the query with labels, or raise --max-series");
                all.series.push_back({std::move(part.labels), {}, {}});
            }
            append(all.series[place->second], part, changes_only);
            all.points += part.values.size();
        }
        if (!changes_only && all.points > query_.max_points)
            throw Error(ErrorKind::input, query_.url, "returned more than " + format_count(query_.max_points) + " points",
                        "use a longer --step, a shorter --range or a narrower query");
    }

    static void append(MatrixSeries& series, const MatrixSeries& part, bool changes_only) {
        for (std::size_t i = 0; i < part.values.size(); ++i) {
            if (!series.seconds.empty() && part.seconds[i] <= series.seconds.back()) continue;
            if (changes_only && !series.values.empty() && part.values[i] == series.values.back()) continue;
            series.seconds.push_back(part.seconds[i]);
            series.values.push_back(part.values[i]);
        }
    }

    Server& server_;
    const PrometheusQuery& query_;
};

Labels without_name(const Labels& labels) {
    Labels out;
    for (const auto& label : labels)
        if (label.first != "__name__") out.push_back(label);
    return out;
}

Labels target_of(const Labels& labels) {
    Labels out;
    for (const auto& label : labels)
        if (label.first == "job" || label.first == "instance") out.push_back(label);
    return out;
}

// Start times by what a series and the process behind it have in common: all labels but the name, or, where the
// query added labels, the job and the instance. A key that two processes share is ambiguous and not used.
class StartTimes {
  public:
    explicit StartTimes(const Collected& starts) {
        for (const MatrixSeries& series : starts.series) {
            exact_[labels_text(without_name(series.labels))] = &series;
            const Labels target = target_of(series.labels);
            if (target.empty()) continue;
            const auto [place, fresh] = by_target_.try_emplace(labels_text(target), &series);
            if (!fresh) place->second = nullptr;
        }
    }

    const MatrixSeries* of(const Labels& labels) const {
        if (const auto found = exact_.find(labels_text(without_name(labels))); found != exact_.end()) return found->second;
        const auto found = by_target_.find(labels_text(target_of(labels)));
        return found == by_target_.end() ? nullptr : found->second;
    }

  private:
    std::map<std::string, const MatrixSeries*> exact_, by_target_;
};

// Sets the process of every point. The start time itself is the time of the restart, which is earlier than the
// first point that shows it: points between the two are of the new process.
void mark_restarts(Series& series, const MatrixSeries& starts) {
    if (starts.values.size() < 2) return;
    series.process.reserve(series.size());
    std::size_t current = 0;
    for (const double at : series.seconds) {
        while (current + 1 < starts.values.size() &&
               at >= std::min(starts.seconds[current + 1], std::max(starts.values[current + 1], starts.seconds[current])))
            ++current;
        series.process.push_back(std::llround(starts.values[current] * 1000));
    }
}

void warn_of_losses(const Collected& all, std::vector<std::string>& warnings) {
    if (all.partial)
        warnings.push_back(
            "the response is partial: a part of the server's storage did not respond, so series or samples "
            "are missing");
    if (all.not_finite > 0) warnings.push_back(format_count(all.not_finite) + " values that are NaN or infinite were skipped");
    if (all.unreadable > 0) warnings.push_back(format_count(all.unreadable) + " points that cannot be read were skipped");
    if (all.histograms > 0) warnings.push_back(format_count(all.histograms) + " series of native histograms were skipped");
    for (const std::string& warning : all.warnings) warnings.push_back("the server warns: " + printable(warning));
    for (const std::string& info : all.infos) warnings.push_back("the server notes: " + printable(info));
}

}  // namespace

std::optional<std::string> start_time_selector(const std::string& query) {
    const std::string_view text = trim(query);
    std::size_t name = 0;
    while (name < text.size() && (is_letter(text[name]) || is_digit(text[name]) || text[name] == '_' || text[name] == ':')) ++name;
    std::string_view rest = trim(text.substr(name));
    if (name > 0 && rest.empty()) return "process_start_time_seconds";
    if (rest.size() < 2 || rest.front() != '{' || rest.back() != '}') return std::nullopt;
    const std::string_view matchers = rest.substr(1, rest.size() - 2);
    // A brace outside of quotes ends the selector: then there is more than one. __name__ must not be repeated.
    char quote = 0;
    for (std::size_t i = 0; i < matchers.size(); ++i) {
        if (quote != 0) {
            if (matchers[i] == '\\')
                ++i;
            else if (matchers[i] == quote)
                quote = 0;
        } else if (matchers[i] == '"' || matchers[i] == '\'' || matchers[i] == '`') {
            quote = matchers[i];
        } else if (matchers[i] == '{' || matchers[i] == '}') {
            return std::nullopt;
        }
    }
    if (quote != 0 || matchers.find("__name__") != std::string_view::npos) return std::nullopt;
    return "process_start_time_seconds{" + std::string(matchers) + "}";
}

PrometheusAnswer query_prometheus(const PrometheusQuery& query) {
    if (query.step < std::chrono::milliseconds(1))
        throw Error(ErrorKind::usage, "--step", "must be at least 1ms, the resolution of Prometheus");
    if (query.end < query.range) throw Error(ErrorKind::usage, "--range", "reaches back beyond 1970");
    if (query.range < query.step)
        throw Error(ErrorKind::usage, "--range", format_duration(query.range) + " is shorter than --step " + format_duration(query.step));
    Server server(query);
    Collector collector(server, query);
    Collected all = collector.collect(query.query, false);
    PrometheusAnswer answer;
    warn_of_losses(all, answer.warnings);
    if (all.series.empty())
        throw Error(ErrorKind::input, query.url,
                    "has no series for " + printable(query.query) + " in the last " + format_duration(query.range),
                    all.partial ? "its response is partial: a part of its storage did not respond"
                                : "try the query in the web UI of the server; was the target scraped in that time?");

    std::optional<Collected> starts;
    const std::optional<std::string> start_query =
        query.start_time_query.empty() ? start_time_selector(query.query) : query.start_time_query;
    if (start_query) starts = collector.collect(*start_query, true);
    if (starts && starts->partial && !all.partial)
        answer.warnings.push_back("the response with the start times is partial: restarts may be missed");
    const bool no_starts = !starts || starts->series.empty();
    if (no_starts)
        answer.warnings.push_back(
            start_query ? "restarts cannot be detected: the server has no " + *start_query
                        : "restarts cannot be detected: the query is not a plain selector (give the start times with --start-time-query)");
    std::optional<StartTimes> start_times;
    if (!no_starts) start_times.emplace(*starts);

    answer.series.reserve(all.series.size());
    for (MatrixSeries& part : all.series) {
        Series& series = answer.series.emplace_back();
        series.name = labels_text(part.labels);
        series.seconds = std::move(part.seconds);
        series.value = std::move(part.values);
        if (start_times)
            if (const MatrixSeries* start = start_times->of(part.labels)) mark_restarts(series, *start);
    }
    answer.requests = server.requests();
    return answer;
}

}  // namespace leakline::memory
