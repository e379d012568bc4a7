#include "memory/exporter.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "base/error.hpp"
#include "http/server.hpp"
#include "http/url.hpp"
#include "memory/cgroup.hpp"
#include "memory/samples_file.hpp"
#include "system/proc_file.hpp"

namespace leakline::memory {

std::string exposition(const std::vector<ExportedProcess>& processes, const std::vector<Metric>& metrics) {
    Exposition text;
    for (const Metric metric : metrics) {
        const auto has_value = [&](const ExportedProcess& process) { return process.latest[metric].has_value(); };
        if (std::none_of(processes.begin(), processes.end(), has_value)) continue;
        const MetricFamily& family = metric_family(metric);
        text.family(std::string(family.name) + (family.type == MetricType::counter ? "_total" : ""), family.type, family.help);
        for (const ExportedProcess& process : processes)
            if (const auto& value = process.latest[metric]) text.sample(metric_labels(process.subject), *value);
    }
    const auto has_start = [](const ExportedProcess& process) { return process.start_time_seconds > 0; };
    if (std::any_of(processes.begin(), processes.end(), has_start))
        text.family("process_start_time_seconds", MetricType::gauge, "Start time of the process since the Unix epoch in seconds.");
    for (const ExportedProcess& process : processes)
        if (has_start(process)) text.sample(metric_labels(process.subject), process.start_time_seconds);
    return text.take();
}

double start_time_seconds(const Subject& subject, const SystemRoots& roots) {
    if (subject.pid == 0) return 0;
    const auto text = read_small_file(roots.proc + "/stat");
    const auto boot = text ? flat_value(*text, "btime") : std::nullopt;
    const long ticks = ::sysconf(_SC_CLK_TCK);
    if (!boot || ticks <= 0) return 0;
    return static_cast<double>(*boot) + static_cast<double>(subject.start_ticks) / static_cast<double>(ticks);
}

struct Exporter::State {
    std::vector<Metric> metrics;
    SystemRoots roots;
    std::mutex mutex;
    std::vector<ExportedProcess> processes;  // guarded by mutex
    std::string address;
    std::unique_ptr<http::Server> server;  // last: its threads end first

    void answer(const http::ServerRequest& request, const http::Responder& responder);
};

void Exporter::State::answer(const http::ServerRequest& request, const http::Responder& responder) {
    http::Response response;
    if (request.path() != "/metrics") {
        response = http::error_response(404, "the metrics are at /metrics");
    } else if (request.method != "GET" && request.method != "HEAD") {
        response = http::error_response(405, "only GET and HEAD");
        response.headers.emplace_back("Allow", "GET, HEAD");
    } else {
        std::vector<ExportedProcess> now;
        {
            const std::lock_guard lock(mutex);
            now = processes;
        }
        response.body = exposition(now, metrics);
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    }
    responder.send(std::move(response));
}

Exporter::Exporter(std::string_view listen, std::vector<Metric> metrics, const SystemRoots& roots) : state_(std::make_unique<State>()) {
    const http::ListenAddress where = http::parse_listen(listen);
    http::ServerOptions options;
    options.connection_limit = 64;
    options.address = where.address;
    options.port = where.port;
    state_->metrics = std::move(metrics);
    state_->roots = roots;
    state_->address = options.address;
    state_->server = std::make_unique<http::Server>(
        options, [state = state_.get()](const http::ServerRequest& request, const http::Responder& responder) {
            state->answer(request, responder);
        });
    state_->server->start();
}

Exporter::~Exporter() { state_->server->stop(std::chrono::milliseconds(200)); }

void Exporter::publish(const Subject& subject, const MemorySample& sample) {
    const std::lock_guard lock(state_->mutex);
    auto& processes = state_->processes;
    auto process = std::find_if(processes.begin(), processes.end(), [&](const ExportedProcess& known) { return known.subject == subject; });
    if (process == processes.end()) {
        processes.push_back({subject, {}, start_time_seconds(subject, state_->roots)});
        process = processes.end() - 1;
    }
    process->seen = true;
    process->latest.at = sample.at;
    for (std::size_t i = 0; i < kMetricCount; ++i)
        if (sample.values[i]) process->latest.values[i] = sample.values[i];
}

void Exporter::end_tick() {
    const std::lock_guard lock(state_->mutex);
    std::erase_if(state_->processes, [](const ExportedProcess& process) { return !process.seen; });
    for (ExportedProcess& process : state_->processes) process.seen = false;
}

std::string Exporter::url() const {
    const bool v6 = state_->address.find(':') != std::string::npos;
    return fmt::format("http://{}:{}/metrics", v6 ? "[" + state_->address + "]" : state_->address, state_->server->port());
}

}  // namespace leakline::memory
