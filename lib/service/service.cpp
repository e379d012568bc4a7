#include "service/service.hpp"

#include <fmt/format.h>

#include <atomic>
#include <optional>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "model/request_jsonl.hpp"
#include "service/internal/request_recorder.hpp"
#include "service/internal/track_request.hpp"
#include "service/internal/track_user_behavior.hpp"
#include "service/periodic_job.hpp"

namespace leakline::service {

namespace {

constexpr std::size_t kEventsShown = 1000;  // of one user, by GET /api/users/{id}/events
constexpr std::string_view kUsersPrefix = "/api/users/", kEventsSuffix = "/events";

Route route_of(std::string_view path) {
    if (path == "/api/track") return Route::track;
    if (path == "/metrics") return Route::metrics;
    if (path == "/healthz") return Route::healthz;
    if (path.size() > kUsersPrefix.size() + kEventsSuffix.size() && path.starts_with(kUsersPrefix) && path.ends_with(kEventsSuffix) &&
        path.find('/', kUsersPrefix.size()) == path.size() - kEventsSuffix.size())
        return Route::user_events;
    return Route::other;
}

bool allowed(Route route, std::string_view method) {
    if (route == Route::track) return method == "POST";
    return method == "GET" || method == "HEAD";
}

std::string user_of(std::string_view path) {
    path.remove_prefix(kUsersPrefix.size());
    path.remove_suffix(kEventsSuffix.size());
    return http::percent_decoded(path);
}

std::string events_json(std::string_view user_id, const std::vector<std::string>& events) {
    std::string out = "{\"user_id\":";
    append_json_string(out, user_id);
    out += ",\"events\":[";
    for (std::size_t i = 0; i < events.size(); ++i) {
        if (i > 0) out += ',';
        out += events[i];
    }
    out += "]}\n";
    return out;
}

}  // namespace

struct Service::State {
    State(ServiceOptions all, ScaledClock& time);

    void handle(const http::ServerRequest& request, const http::Responder& responder);
    http::Response answer(Route route, const http::ServerRequest& request);
    http::Response user_events(const std::string& user_id);
    std::string metrics_text() const;

    const ServiceOptions options;
    ScaledClock& clock;
    const Nanoseconds started;
    EventCache event_cache;
    RequestMetrics metrics;
    std::atomic<std::uint64_t> sweeps{0}, swept{0};
    std::function<void(Exposition&)> more_metrics;
    std::optional<RequestRecorder> recorder;
    std::unique_ptr<http::Server> server;
    // After the server, so that it is destroyed first: its pending answers refer to connections.
    std::unique_ptr<EventStore> event_store;
    std::optional<PeriodicJob> sweep_job;
};

Service::State::State(ServiceOptions all, ScaledClock& time)
    : options(std::move(all)), clock(time), started(time.wall()), event_cache(cache_mode_named(options.mode).make(options.limits), time) {
    if (!options.record_file.empty()) recorder.emplace(options.record_file);
    event_store = EventStore::open(options.store);
    server = std::make_unique<http::Server>(
        options.server, [this](const http::ServerRequest& request, const http::Responder& responder) { handle(request, responder); });
}

void Service::State::handle(const http::ServerRequest& request, const http::Responder& responder) {
    const Route route = route_of(request.path());
    const Nanoseconds received = clock.wall();
    if (recorder && route != Route::metrics && route != Route::healthz) recorder->record(request, received);
    responder.on_answer([this, route](int status) { metrics.count(route, status); });
    if (route != Route::track || !allowed(route, request.method)) {
        responder.send(answer(route, request));
        return;
    }
    try {
        track_user_behavior(request, event_cache, *event_store, received, responder);
    } catch (const BadRequest& error) {
        responder.send(http::error_response(400, error.what()));
    }
}

http::Response Service::State::answer(Route route, const http::ServerRequest& request) {
    if (route == Route::other) return http::error_response(404, "no such resource: " + printable(request.path()));
    if (!allowed(route, request.method)) {
        http::Response response = http::error_response(405, printable(request.method) + " is not allowed for " + printable(request.path()));
        response.headers.emplace_back("Allow", route == Route::track ? "POST" : "GET, HEAD");
        return response;
    }
    http::Response response;
    switch (route) {
        case Route::user_events: return user_events(user_of(request.path()));
        case Route::metrics:
            response.content_type = "text/plain; version=0.0.4; charset=utf-8";
            response.body = metrics_text();
            return response;
        default: response.body = "{\"status\":\"ok\",\"mode\":\"" + options.mode + "\"}\n"; return response;
    }
}

// The user's events in the cache; if there are none, the saved ones.
http::Response Service::State::user_events(const std::string& user_id) {
    std::vector<std::string> events = event_cache.events_of(user_id);
    if (events.empty()) {
        try {
            events = event_store->events_of(user_id, kEventsShown);
        } catch (const Error& error) {
            return http::error_response(503, error.message());
        }
    }
    if (events.empty()) return http::error_response(404, "no events of user '" + printable(user_id) + "'");
    if (events.size() > kEventsShown) events.erase(events.begin(), events.end() - kEventsShown);
    http::Response response;
    response.body = events_json(user_id, events);
    return response;
}

std::string Service::State::metrics_text() const {
    using Type = MetricType;
    Exposition text;
    text.family("trackd_requests_total", Type::counter, "Requests answered by the service, by path and status code.");
    for (std::size_t r = 0; r < kRouteCount; ++r) {
        const auto route = static_cast<Route>(r);
        for (std::size_t s = 0; s < RequestMetrics::kStatuses.size(); ++s) {
            const std::uint64_t count = metrics.count_of(route, s);
            if (count == 0 && !(route == Route::track && s == 0)) continue;
            text.sample("path=\"" + std::string(route_path(route)) + "\",code=\"" + std::to_string(RequestMetrics::kStatuses[s]) + "\"",
                        count);
        }
    }
    const EventCache::Size cache = event_cache.size();
    text.family("trackd_cache_entries", Type::gauge, "Records in the event cache.");
    text.sample("mode=\"" + options.mode + "\"", std::uint64_t{cache.entries});
    text.family("trackd_cache_bytes", Type::gauge, "Bytes that the event cache has allocated.");
    text.sample("mode=\"" + options.mode + "\"", cache.bytes);

    text.single("trackd_cache_sweeps_total", Type::counter, "Runs of the background sweep.", sweeps);
    text.single("trackd_cache_swept_total", Type::counter, "Records that the sweeps have removed.", swept);

    const EventStore::Counts store = event_store->counts();
    text.single("trackd_events_saved_total", Type::counter, "Events committed to the event store.", store.events_saved);
    text.single("trackd_store_commits_total", Type::counter, "Transactions committed.", store.commits);
    text.single("trackd_store_failures_total", Type::counter, "Requests whose events could not be saved.", store.failures);
    text.single("trackd_store_queue", Type::gauge, "Requests that wait for their commit.", store.queued);

    const http::ServerCounts server_counts = server->counts();
    text.single("trackd_connections_open", Type::gauge, "Open connections.", server_counts.connections_open);
    text.single("trackd_connections_total", Type::counter, "Connections served.", server_counts.connections_accepted);
    text.single("trackd_connections_shed_total", Type::counter, "Connections rejected at the limit.", server_counts.connections_shed);
    text.single("trackd_requests_malformed_total", Type::counter, "Requests refused before they reached the service.",
                server_counts.malformed);
    text.single("trackd_timeouts_total", Type::counter, "Connections closed because they were too slow.", server_counts.timeouts);
    if (recorder)
        text.single("trackd_record_failures_total", Type::counter, "Requests missing from the recorded log.", recorder->failures());
    if (const auto resident = own_resident_bytes())
        text.single("process_resident_memory_bytes", Type::gauge, "Resident memory size in bytes.", *resident);
    if (options.memory_limit > 0)
        text.single("trackd_memory_limit_bytes", Type::gauge, "Memory that the service may use before it is killed.", options.memory_limit);
    if (more_metrics) more_metrics(text);
    text.family("process_start_time_seconds", Type::gauge, "Start time of the process since the Unix epoch in seconds.");
    text.sample({}, static_cast<double>(started.count()) / 1e9);
    return text.take();
}

Service::Service(ServiceOptions options, ScaledClock& clock) : state_(std::make_unique<State>(std::move(options), clock)) {}

Service::~Service() = default;

std::uint16_t Service::port() const { return state_->server->port(); }

void Service::start() {
    State& state = *state_;
    state.sweep_job.emplace(state.clock, state.options.sweep_every, [&state] {
        state.swept += state.event_cache.sweep();
        ++state.sweeps;
    });
    state.server->start();
}

bool Service::stop(std::chrono::milliseconds grace) {
    const bool drained = state_->server->stop(grace);
    state_->event_store->flush();
    state_->sweep_job.reset();
    return drained;
}

void Service::on_error(std::function<void(const std::string&)> report) { state_->server->on_error(std::move(report)); }

void Service::on_metrics(std::function<void(Exposition&)> add) { state_->more_metrics = std::move(add); }

}  // namespace leakline::service
