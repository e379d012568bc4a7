#include "replay/stub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <queue>
#include <thread>
#include <unordered_map>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "http/server.hpp"
#include "model/recorded_response.hpp"
#include "replay/log.hpp"
#include "replay/path_table.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

using Instant = std::chrono::steady_clock::time_point;

// "/a?b=1&a=2" -> "/a?a=2&b=1"
std::string with_sorted_query(std::string_view target) {
    const std::size_t mark = target.find('?');
    if (mark == target.npos) return std::string(target);
    std::vector<std::string_view> parameters = split(target.substr(mark + 1), '&');
    std::stable_sort(parameters.begin(), parameters.end());
    return fmt::format("{}?{}", target.substr(0, mark), fmt::join(parameters, "&"));
}

http::Response to_server_response(RecordedResponse&& recorded) {
    http::Response response;
    response.status = recorded.status;
    response.content_type = "";  // it is among the headers, if there was one
    response.headers = std::move(recorded.headers);
    response.body = std::move(recorded.body);
    return response;
}

bool same_response(const http::Response& a, const http::Response& b) {
    return a.status == b.status && a.body == b.body && a.headers == b.headers;
}

struct RecordedAnswer {
    std::uint32_t response = 0;
    Nanoseconds latency{};
};

// The answers to one request, in the order recorded.
class AnswerSequence {
  public:
    void add(RecordedAnswer answer) { answers_.push_back(answer); }
    const RecordedAnswer& next() { return answers_[next_.fetch_add(1, std::memory_order_relaxed) % answers_.size()]; }

  private:
    std::vector<RecordedAnswer> answers_;
    std::atomic<std::uint64_t> next_{0};
};

struct RecordedTarget {
    AnswerSequence any;
    std::unordered_map<std::size_t, AnswerSequence> by_body;  // by the body's hash
};

// Every different response once: those of a partner's API repeat.
class ResponseStore {
  public:
    std::uint32_t add(http::Response&& response) {
        std::size_t hash = std::hash<std::string>{}(response.body) * 31 + static_cast<std::size_t>(response.status);
        for (const auto& [name, value] : response.headers)
            hash = hash * 31 + std::hash<std::string>{}(name)*7 + std::hash<std::string>{}(value);
        const auto [first, last] = numbers_.equal_range(hash);
        for (auto at = first; at != last; ++at)
            if (same_response(responses_[at->second], response)) return at->second;
        responses_.push_back(std::move(response));
        const auto number = static_cast<std::uint32_t>(responses_.size() - 1);
        numbers_.emplace(hash, number);
        return number;
    }
    const http::Response& operator[](std::uint32_t number) const { return responses_[number]; }

  private:
    std::vector<http::Response> responses_;
    std::unordered_multimap<std::size_t, std::uint32_t> numbers_;
};

// Sends answers at their time, on a thread of its own.
class DelayedAnswers {
  public:
    explicit DelayedAnswers(const ResponseStore& responses) : responses_(responses), thread_([this] { run(); }) {}
    ~DelayedAnswers() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    void add(Instant due, std::uint32_t response, http::Responder responder) {
        const std::lock_guard lock(mutex_);
        waiting_.push({due, response, std::move(responder)});
        changed_.notify_all();
    }

  private:
    struct Waiting {
        Instant due;
        std::uint32_t response;
        http::Responder responder;
        bool operator<(const Waiting& other) const { return due > other.due; }
    };
    void run() {
        std::unique_lock lock(mutex_);
        while (!stopping_) {
            if (waiting_.empty()) {
                changed_.wait(lock);
            } else if (const Instant due = waiting_.top().due; due > std::chrono::steady_clock::now()) {
                changed_.wait_until(lock, due);
            } else {
                const Waiting first = waiting_.top();
                waiting_.pop();
                lock.unlock();
                first.responder.send(responses_[first.response]);
                lock.lock();
            }
        }
    }

    const ResponseStore& responses_;
    std::mutex mutex_;  // guards waiting_ and stopping_
    std::condition_variable changed_;
    std::priority_queue<Waiting> waiting_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace

struct StubServer::State {
    explicit State(const StubOptions& given) : options(given) {}

    void read();
    void add(const Record& record, RecordedResponse&& response);
    RecordedTarget* find(std::string_view method, std::string_view target);
    void answer(const http::ServerRequest& request, const http::Responder& responder);
    void answer_unknown(const http::ServerRequest& request, const http::Responder& responder);

    const StubOptions options;
    ResponseStore responses;
    std::unordered_map<std::string, RecordedTarget> targets;  // by "METHOD target"
    std::unordered_map<std::string, RecordedTarget*> sorted;  // the same with its query sorted
    std::uint64_t recorded = 0, without_response = 0;
    std::vector<std::string> damage;
    std::atomic<std::uint64_t> requests{0}, other_body{0}, unknown{0};
    mutable std::mutex mutex;  // guards unknown_kinds
    std::map<std::string, std::uint64_t> unknown_kinds;
    std::optional<DelayedAnswers> delayed;
    std::optional<http::Server> server;
};

void StubServer::State::read() {
    LogOptions reading;
    Log log(options.logs, reading);
    Record record;
    while (log.next(record)) {
        if (record.response.empty()) {
            ++without_response;
            continue;
        }
        if (auto response = parse_recorded_response(record.response))
            add(record, std::move(*response));
        else
            log.reject("\"response\" is not a recorded response");
    }
    damage = log.damage().lines();
    if (recorded == 0)
        throw Error(ErrorKind::input, options.logs.front(), "no request in it has a recorded response",
                    "leakline capture --responses --target URL -o LOG records them");
}

void StubServer::State::add(const Record& record, RecordedResponse&& response) {
    ++recorded;
    const std::string_view target = path_of_target(record.target);
    const auto [found, added] = targets.try_emplace(fmt::format("{} {}", record.method, target));
    if (added) sorted.emplace(fmt::format("{} {}", record.method, with_sorted_query(target)), &found->second);
    const Nanoseconds latency = response.latency.value_or(Nanoseconds(0));
    const RecordedAnswer answer{responses.add(to_server_response(std::move(response))), latency};
    found->second.any.add(answer);
    found->second.by_body[std::hash<std::string_view>{}(record.body)].add(answer);
}

RecordedTarget* StubServer::State::find(std::string_view method, std::string_view target) {
    thread_local std::string name;
    name.assign(method).append(1, ' ').append(target);
    if (const auto found = targets.find(name); found != targets.end()) return &found->second;
    if (target.find('?') == target.npos) return nullptr;
    const auto found = sorted.find(fmt::format("{} {}", method, with_sorted_query(target)));
    return found == sorted.end() ? nullptr : found->second;
}

void StubServer::State::answer(const http::ServerRequest& request, const http::Responder& responder) {
    requests.fetch_add(1, std::memory_order_relaxed);
    RecordedTarget* target = find(request.method, path_of_target(request.target));
    if (target == nullptr) return answer_unknown(request, responder);
    const auto same = target->by_body.find(std::hash<std::string_view>{}(request.body));
    if (same == target->by_body.end()) {
        if (options.same_body) return answer_unknown(request, responder);
        other_body.fetch_add(1, std::memory_order_relaxed);
    }
    const RecordedAnswer& answer = same == target->by_body.end() ? target->any.next() : same->second.next();
    if (delayed && answer.latency.count() > 0)
        delayed->add(std::chrono::steady_clock::now() + answer.latency, answer.response, responder);
    else
        responder.send(responses[answer.response]);
}

void StubServer::State::answer_unknown(const http::ServerRequest& request, const http::Responder& responder) {
    constexpr std::size_t kMaxKinds = 1000;
    unknown.fetch_add(1, std::memory_order_relaxed);
    std::string kind = fmt::format("{} {}", request.method, PathTable::normalized(request.target));
    {
        const std::lock_guard lock(mutex);
        if (unknown_kinds.size() >= kMaxKinds && !unknown_kinds.contains(kind)) kind = "other";
        ++unknown_kinds[kind];
    }
    responder.send(http::error_response(options.unknown_status, "leakline stub: the log has no response to this request"));
}

StubServer::StubServer(const StubOptions& options) : state_(std::make_unique<State>(options)) {
    State& state = *state_;
    state.read();
    http::ServerOptions serving;
    serving.address = options.listen.address;
    serving.port = options.listen.port;
    serving.threads = options.threads;
    serving.body_limit = std::size_t{64} << 20;
    serving.header_limit = std::size_t{256} << 10;
    serving.connection_limit = 10'000;
    state.server.emplace(
        serving, [&state](const http::ServerRequest& request, const http::Responder& responder) { state.answer(request, responder); });
    if (options.recorded_latency) state.delayed.emplace(state.responses);
    state.server->start();
}

StubServer::~StubServer() {
    state_->server->stop(std::chrono::milliseconds(0));
    state_->delayed.reset();  // whose responders must go before the server
}

std::uint16_t StubServer::port() const { return state_->server->port(); }
std::uint64_t StubServer::recorded() const { return state_->recorded; }
std::uint64_t StubServer::without_response() const { return state_->without_response; }
std::vector<std::string> StubServer::damage() const { return state_->damage; }

StubCounts StubServer::counts() const {
    StubCounts counts;
    counts.requests = state_->requests;
    counts.other_body = state_->other_body;
    counts.unknown = state_->unknown;
    const std::lock_guard lock(state_->mutex);
    counts.unknown_kinds = state_->unknown_kinds;
    return counts;
}

std::string unknown_text(const StubCounts& counts) {
    constexpr std::size_t kShown = 20;
    if (counts.unknown == 0) return {};
    std::vector<std::pair<std::uint64_t, std::string>> ranking;
    for (const auto& [kind, count] : counts.unknown_kinds) ranking.emplace_back(count, kind);
    std::stable_sort(ranking.begin(), ranking.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::string text = counted(counts.unknown, "request") + " had no recorded response: ";
    for (std::size_t i = 0; i < ranking.size() && i < kShown; ++i)
        text += fmt::format("{}{} x {}", i == 0 ? "" : ", ", format_count(ranking[i].first), printable(ranking[i].second));
    return ranking.size() > kShown ? fmt::format("{} and {} more kinds", text, ranking.size() - kShown) : text;
}

}  // namespace leakline::replay
