#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <deque>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "http/client_pool.hpp"
#include "replay/internal/failure_reasons.hpp"
#include "replay/internal/item_source.hpp"
#include "replay/internal/reader.hpp"
#include "replay/internal/recorded_connections.hpp"
#include "replay/internal/run_reasons.hpp"
#include "replay/internal/schedule.hpp"
#include "replay/internal/served_connections.hpp"
#include "replay/internal/session_values.hpp"
#include "replay/internal/tally.hpp"
#include "replay/log.hpp"
#include "replay/replay.hpp"
#include "replay/wire.hpp"

namespace leakline::replay {

namespace {

using http::steady_now;

// How often state without a wake-up is checked: whether the target is gone, the duration, the grace period.
constexpr Nanoseconds kTick = std::chrono::milliseconds(50);
// precise: a timer wakes 50 to 100 us late, so it is set this much before the due time, followed by polling.
constexpr Nanoseconds kPollAhead = std::chrono::microseconds(60);
// Items of busy sessions that are set aside, so that they do not delay the requests after them.
constexpr std::size_t kMaxDeferred = 4096;

// The open loop. Everything happens on one thread, in the pool's callbacks: a connection becomes idle or the next
// request becomes due, and as much as possible is sent.
class Run : http::ClientPool::Listener {
  public:
    explicit Run(const ReplayOptions& options)
        : options_(options),
          url_(http::parse_url(options.target)),
          queue_(ItemSource::kBatches),
          source_(queue_, options.pace.kind == Pace::Kind::recorded ? ItemSource::Order::by_time : ItemSource::Order::as_read,
                  options.reorder),
          pool_(url_, pool_options(options), *this),
          reader_(options_, url_.authority(), queue_, [this] { pool_.wake(); }),
          tally_(options.expect),
          slots_(static_cast<std::size_t>(pool_.slots())),
          deferred_(slots_.size()),
          served_(options.connections),
          recorded_(options.connections),
          one_by_one_(options.values.any() || options.shape.session),
          schedule_(options.pace, options.max_gap) {
        if (!options.values.any()) return;
        values_.emplace(options.values);
        searches_.resize(slots_.size());
    }

    ~Run() override {
        reader_.stop();
        if (reading_.joinable()) reading_.join();
    }

    ReplayStats replay() {  // once
        ::prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
        const std::stop_callback wake(options_.stop, [this] { pool_.wake(); });
        reading_ = std::thread([this] { reader_.run(); });
        started_ = last_connected_ = steady_now();
        begin_round();
        while (!over_) {
            if (options_.precise && has_next_ && next_due_ - steady_now() < kPollAhead && find_idle() >= 0) {
                pool_.poll();
                dispatch();
            } else {
                pool_.run_one();
            }
            look_around();
        }
        reader_.stop();
        reading_.join();
        const ReplayStats stats = result();
        if (!unreadable_) return stats;
        if (stats.sent == 0) throw *unreadable_;
        throw ReplayEnded(*unreadable_, stats);
    }

  private:
    static http::PoolOptions pool_options(const ReplayOptions& options) {
        http::PoolOptions pool;
        pool.connections = options.connections;
        pool.requests_per_connection = options.requests_per_connection;
        pool.streams = options.streams;
        pool.timeout = options.timeout;
        pool.connect = options.connect;
        return pool;
    }

    // http::ClientPool::Listener

    void on_done(const http::ClientPool::Done& result) override {
        Tally::Sent& sent = slots_[static_cast<std::size_t>(result.slot)];
        // At max pace a request is due when there is a connection for it.
        if (options_.pace.kind == Pace::Kind::max) sent.due = result.started;
        tally_.done(sent, result);
        served_.note(result);
        if (result.status == 0) reasons_.add(result, pool_.connect_failure(), pool_.connect_hint());
        if (result.response != nullptr) learn(result);
        if (result.had_connection())
            last_connected_ = result.end;
        else if (result.end - last_connected_ > options_.give_up)
            stop("no connection for " + format_duration(options_.give_up) + ": " + pool_.connect_failure());
        if (options_.progress == nullptr) return;
        std::atomic<std::uint64_t>& opened = options_.progress->connections;
        opened.store(opened.load(std::memory_order_relaxed) + result.opened, std::memory_order_relaxed);
        count_one(result.status != 0 ? options_.progress->completed : options_.progress->failed);
    }

    // All is sent, and some connections wait for an answer while others are idle.
    void close_for_waiting() {
        if (pool_.busy() > 0 && find_idle() >= 0 && served_.closes_idle(steady_now())) pool_.close_idle();
    }

    // The next round has as many connections as the target handles at a time.
    void leave_out_waiting() {
        // With a connection per request, each is the first on its connection, also a slow one.
        if (options_.streams > 1 || options_.requests_per_connection == 1 || !served_.leave_out()) return;
        recorded_ = RecordedConnections(served_.usable());
        pool_.close_idle();  // those that are left out would keep others waiting
    }

    int find_idle() const {
        if (served_.usable() == options_.connections) return pool_.find_idle();
        for (int connection = 0; connection < served_.usable(); ++connection)
            if (const int slot = pool_.find_idle(connection); slot >= 0) return slot;
        return -1;
    }

    void on_idle(int slot) override {
        send_deferred(queue_of(slot));
        dispatch();
        retry_waiting();
    }

    // The requests that were set aside, as far as there are idle slots for them.
    void send_deferred(int queue) {
        std::deque<Deferred>& waiting = deferred_[static_cast<std::size_t>(queue)];
        while (!waiting.empty() && !stopping_) {
            const int slot = idle_slot(queue);
            if (slot < 0) return;
            const Deferred first = waiting.front();
            if (must_wait(first.pending)) {
                waiting_.insert(queue);
                return;
            }
            waiting.pop_front();
            --deferred_count_;
            send(slot, first.pending, first.due, first.reconnect);
        }
    }

    // Requests for which another session's value was missing: as soon as one is there, or nothing is in progress that may give it.
    void retry_waiting() {
        if (waiting_.empty() || (!learned_ && pool_.busy() > 0)) return;
        learned_ = false;
        for (const int queue : std::exchange(waiting_, {})) send_deferred(queue);
        if (waiting_.empty()) dispatch();
    }

    // A value that any session may give is worth waiting for while a response may bring it.
    bool must_wait(const Pending& pending) {
        if (!values_ || !values_->shares() || pending.item().patches == 0 || pool_.busy() == 0) return false;
        is_rendered_ = render(pending);
        return !is_rendered_;
    }

    bool render(const Pending& pending) {
        return values_->render(pending.item().affinity, pending.bytes(), pending.batch->patches_of(pending.item()), rendered_);
    }

    void learn(const http::ClientPool::Done& result) {
        const Search& search = searches_[static_cast<std::size_t>(result.slot)];
        learned_ = values_->learn(search.session, search.extractions, search.target, *result.response) || learned_;
    }

    void on_wake() override {
        dispatch();
        retry_waiting();
        note_part();
        pool_.wake_at(steady_now() + kTick);
    }

    // The next item and its due time into next_ and next_due_.
    bool fetch() {
        if (has_next_) return true;
        std::optional<Pending> pending;
        try {
            pending = source_.next();
            if (!pending && !source_.round_over()) {
                const bool ordered = options_.pace.kind == Pace::Kind::recorded;
                reader_.request_items(ordered ? static_cast<std::uint32_t>(options_.reorder / 8 + 1) : 1);
                pending = source_.next();  // it may have arrived in between, and then there is no wake-up
            }
        } catch (const Error& error) {  // the reader's error: requests in progress still have to be accounted for
            unreadable_ = error;
            stop(error.location() + ": " + error.message().substr(0, error.message().find(":\n")));  // without its list of lines
        }
        if (!pending) return false;
        if (!round_started_) {
            round_started_ = steady_now();
            if (!active_since_) active_since_ = round_started_;
        }
        if (schedule_is_new_) {
            schedule_is_new_ = false;
            if (const std::optional<Nanoseconds> origin = reader_.origin()) schedule_.begin_at(*origin);
        }
        next_ = *pending;
        next_due_ = *round_started_ + schedule_.due(next_.at);
        return has_next_ = true;
    }

    // Sends the requests that are due, as far as connections are free.
    void dispatch() {
        while (!stopping_ && !pausing() && fetch()) {
            if (options_.pace.kind != Pace::Kind::max) {
                const Nanoseconds now = steady_now();
                if (next_due_ > now) {
                    const Nanoseconds when = options_.precise ? next_due_ - kPollAhead : next_due_;
                    // While polling, a timer would fire at once, and setting one costs microseconds.
                    if (when > now) pool_.wake_at(when);
                    return;
                }
            }
            if (deferred_count_ == kMaxDeferred) return;
            const Place place = place_for(next_.item().affinity);
            if (place.queue < 0) return;
            if (place.slot < 0 || is_waiting(place.queue) || must_wait(next_)) {
                if (place.slot >= 0) waiting_.insert(place.queue);
                deferred_[static_cast<std::size_t>(place.queue)].push_back({next_, next_due_, place.opens});
                ++deferred_count_;
                has_next_ = false;
                continue;
            }
            has_next_ = false;
            send(place.slot, next_, next_due_, place.opens);
        }
    }

    // Requests that must go over a certain connection wait in a queue while it is busy. Where they are sent one after the other, each
    // slot has a queue of its number; otherwise each connection has one, with the number of its first slot.
    int queue_of(int slot) const { return one_by_one_ ? slot : slot - slot % options_.streams; }
    int idle_slot(int queue) const {
        if (!one_by_one_) return pool_.find_idle(pool_.connection_of(queue));
        return pool_.is_idle(queue) ? queue : -1;
    }
    bool is_waiting(int queue) const { return !waiting_.empty() && waiting_.contains(queue); }

    struct Place {
        int queue = -1;      // -1: it has to wait for any slot
        int slot = -1;       // -1: none of the queue's is idle
        bool opens = false;  // a new connection
    };
    // Where an item of this session is sent. A connection of the log is one of the replay's for as long as it lasts; sessions by
    // a key (--session) share the replay's.
    Place place_for(std::uint64_t affinity) {
        if (affinity == 0) {
            const int slot = find_idle();
            return {slot, slot, false};
        }
        if (options_.shape.session) {
            const int queue = static_cast<int>(affinity % static_cast<std::uint64_t>(served_.usable() * options_.streams));
            return {queue, idle_slot(queue), false};
        }
        const RecordedConnections::Place place = recorded_.place(affinity);
        const int queue = place.connection * options_.streams;
        return {queue, idle_slot(queue), place.opens};
    }

    void send(int slot, const Pending& pending, Nanoseconds due, bool reconnect = false) {
        const Item& item = pending.item();
        std::string_view bytes = pending.bytes();
        if (values_ && !fill_in(slot, pending, bytes, reconnect)) return source_.release(pending);  // it stays unsent
        slots_[static_cast<std::size_t>(slot)] = {due, item.path, item.recorded_status, item.first_round, item.fresh};
        tally_.sent(item.path);
        if (options_.progress != nullptr) {
            count_one(options_.progress->sent);
            if (options_.pace.kind != Pace::Kind::max)
                options_.progress->lag_ns.store((steady_now() - due).count(), std::memory_order_relaxed);
        }
        pool_.send(slot, {bytes, item.head, item.idempotent, 0, reconnect, item.closes, item.extractions != 0});
        source_.release(pending);
    }

    // Sets bytes to the request with the values of its session, and remembers what its response is searched for. False: a value is
    // missing, and the next request on the connection opens it, if this one was to.
    bool fill_in(int slot, const Pending& pending, std::string_view& bytes, bool& reconnect) {
        const Item& item = pending.item();
        Search& search = searches_[static_cast<std::size_t>(slot)];
        reconnect = reconnect || search.reconnects;
        search.reconnects = false;
        if (item.patches != 0) {
            if (!std::exchange(is_rendered_, false) && !render(pending)) {
                values_->count_skipped();
                search.reconnects = reconnect;
                return false;
            }
            values_->count_sent();
            bytes = rendered_;
        }
        search.session = item.affinity;
        search.extractions = item.extractions;
        if ((item.extractions & kCookies) != 0) search.target = target_of_request(bytes);
        return true;
    }

    // Only this thread writes: an atomic addition would cost more than the rest of the accounting.
    static void count_one(std::atomic<std::uint64_t>& counter) {
        counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    void note_part() {
        if (options_.progress == nullptr || options_.rounds == 0) return;
        options_.progress->part.store((round_ - 1 + source_.part()) / options_.rounds, std::memory_order_relaxed);
    }

    // Checks what has no callback: the end of a round and of the replay.
    void look_around() {
        if (!stopping_) {
            if (options_.stop.stop_requested() || options_.target_gone.stop_requested())
                stop("");
            else if (options_.duration && steady_now() - started_ >= *options_.duration)
                stop("");
            else if (pausing() && is_drained())
                pause();
            else if (!has_next_ && source_.round_over() && (is_drained() || goes_on()))
                end_round();
            else if (!has_next_ && source_.round_over())
                close_for_waiting();
        }
        if (!stopping_ || over_) return;
        if (pool_.busy() > 0 && steady_now() - stopped_at_ >= options_.grace) pool_.abort();
        if (pool_.busy() == 0) {
            account();
            over_ = true;
        }
    }

    // Set by another thread. Once it is seen, nothing more is sent.
    bool pausing() {
        if (options_.pause == nullptr || !options_.pause->load(std::memory_order_relaxed)) return false;
        if (!pause_began_) pause_began_ = steady_now();
        return true;
    }

    // All requests are answered.
    void pause() {
        pool_.close_idle();
        if (options_.at_pause) options_.at_pause();
        options_.pause->store(false);
        const Nanoseconds length = steady_now() - *std::exchange(pause_began_, std::nullopt);
        if (round_started_) *round_started_ += length;
        if (active_since_) *active_since_ += length;
        next_due_ += length;
        pool_.poll();
        dispatch();
        pool_.wake_at(steady_now() + kTick);
    }

    bool is_drained() const { return pool_.busy() == 0 && deferred_count_ == 0; }
    bool is_last_round() const { return (options_.rounds != 0 && round_ >= options_.rounds) || source_.items() == 0; }
    // Whether the next round may begin before this one is answered.
    bool goes_on() const {
        return !is_last_round() && !options_.after_round && !values_ && (options_.pace.kind == Pace::Kind::max || schedule_.next_round());
    }

    // Nothing more is sent; requests in progress have the grace period to be answered.
    void stop(std::string reason) {
        if (stopping_) return;
        stopping_ = true;
        stopped_at_ = steady_now();
        stop_reason_ = std::move(reason);
    }

    void begin_round() {
        if (round_ > 0 && is_drained()) leave_out_waiting();
        ++round_;
        if (options_.progress != nullptr) options_.progress->round.store(round_, std::memory_order_relaxed);
        schedule_ = Schedule(options_.pace, options_.max_gap);
        schedule_is_new_ = true;
        if (round_ > 1) source_.begin_round();
        if (values_) values_->begin_round();
        recorded_.begin_round();
        pool_.poll();  // connections that the server closed in the meantime
        dispatch();
        pool_.wake_at(steady_now() + kTick);
    }

    // Everything that was sent is over.
    void account() {
        if (active_since_) active_ += steady_now() - *active_since_;
        active_since_.reset();
        if (const std::optional<double> rate = schedule_.target_rate()) target_rate_ = rate;
        tally_.end_round();
        note_part();
    }

    void keep_what_is_refused() {
        if (!options_.fresh_plan) return;
        for (const std::uint16_t path : tally_.refuse_fresh()) {
            reader_.keep_recorded(path);
            refused_fresh_.push_back(path);
        }
        if (round_ > 1) reader_.fresh_is_judged();
    }

    void end_round() {
        over_ = is_last_round();
        keep_what_is_refused();
        if (!over_ && goes_on()) {
            if (const std::optional<Nanoseconds> next = schedule_.next_round()) *round_started_ += *next;
            return begin_round();
        }
        account();
        round_started_.reset();
        if (options_.closes_after_round && options_.closes_after_round(round_)) pool_.close_idle();
        if (options_.after_round && !options_.after_round(round_)) over_ = true;
        if (!over_) begin_round();
    }

    ReplayStats result() {
        ReplayStats stats = tally_.stats(reader_.path_names());
        stats.bad = source_.bad();
        stats.filtered = source_.filtered();
        stats.read = stats.bad + stats.filtered + source_.items();
        stats.unsent = source_.items() - stats.sent;
        stats.late = source_.late();
        stats.duration_s = to_seconds(active_);
        // A round of one request has no rate of its own.
        if (stats.rate == 0 && stats.duration_s > 0) stats.rate = static_cast<double>(stats.completed) / stats.duration_s;
        stats.target_rate = target_rate_;
        stats.log_requests = reader_.log_requests();
        stats.left_out = reader_.left_out();
        if (options_.fresh_plan) {
            stats.fresh = options_.fresh_plan->texts();
            stats.not_fresh = options_.keep_recorded;
            for (const std::uint16_t path : refused_fresh_) stats.not_fresh.push_back(reader_.path_names()[path]);
        }
        stats.warnings = damage(stats.bad).lines();
        for (const std::string& warning : reader_.warnings()) stats.warnings.push_back(warning);
        if (options_.fresh_plan)
            for (const std::string& warning : options_.fresh_plan->warnings) stats.warnings.push_back(warning);
        for (std::string& warning : reader_.value_warnings()) stats.warnings.push_back(std::move(warning));
        if (values_) stats.values = values_->result();
        const std::uint64_t changed = stats.http2 != 0 ? reader_.over_http1() : reader_.over_later();
        if (changed > 0 && stats.completed > 0) stats.warnings.push_back(changed_version_text(stats, changed, options_.connect.version));
        if (stats.late > 0)
            stats.warnings.push_back(counted(stats.late, "record") + " came more than " + format_count(options_.reorder) +
                                     " records late and " + (stats.late == 1 ? "was" : "were") + " sent immediately");
        if (served_.usable() < options_.connections)
            stats.warnings.push_back(
                fmt::format("the target handled {} of {} connections at a time, and the others waited until these were closed: the later "
                            "rounds had {} (--connections {})",
                            served_.usable(), options_.connections, served_.usable(), served_.usable()));
        if (options_.stop.stop_requested()) stats.warnings.push_back("interrupted: this report covers only part of the replay");
        if (options_.expect && options_.expect->recorded && tally_.uncompared() > 0)
            stats.warnings.push_back(fmt::format("{} of {} responses have no recorded status to be compared with",
                                                 format_count(tally_.uncompared()), format_count(stats.completed)));
        if (options_.expect) stats.expected = options_.expect->text;
        stats.failure_cause = reasons_.cause();
        stats.reasons = reasons_against({stats, tally_, reasons_, options_, url_, source_.items(), stop_reason_});
        stats.valid = stats.reasons.empty();
        if (options_.latency != nullptr) *options_.latency = tally_.latency();
        return stats;
    }

    // The first `bad` entries of the reader, which is ahead of the sender if the replay was stopped.
    Diagnostics damage(std::uint64_t bad) const {
        Diagnostics sent_damage;
        for (const Diagnostics::Entry& entry : reader_.damage().first())
            if (sent_damage.count() < bad) sent_damage.add(entry.location, entry.message);
        sent_damage.add_uncounted(bad - sent_damage.count());
        return sent_damage;
    }

    struct Deferred {
        Pending pending;
        Nanoseconds due{};
        bool reconnect = false;
    };

    const ReplayOptions& options_;
    const http::Url url_;
    BatchQueue queue_;
    ItemSource source_;
    http::ClientPool pool_;
    Reader reader_;
    std::thread reading_;
    Tally tally_;
    FailureReasons reasons_;
    std::vector<Tally::Sent> slots_;              // by the pool's slots
    std::vector<std::deque<Deferred>> deferred_;  // by queue: items in order
    std::size_t deferred_count_ = 0;
    ServedConnections served_;
    RecordedConnections recorded_;
    const bool one_by_one_;  // requests of a connection of the log, or of a session, are sent one after the other
    struct Search {
        std::uint64_t session = 0;
        ExtractionSet extractions = 0;
        std::string target;
        bool reconnects = false;  // the next request is sent on a new connection
    };
    std::optional<SessionValues> values_;
    std::vector<Search> searches_;  // by slot: of the request in progress
    std::set<int> waiting_;         // queues with an idle slot, whose next request waits for a value
    bool learned_ = false;          // since the waiting ones were looked at
    std::string rendered_;          // the request that is sent
    bool is_rendered_ = false;      // rendered_ is the request that is sent next
    Schedule schedule_;
    Pending next_;
    Nanoseconds next_due_{};
    bool has_next_ = false, schedule_is_new_ = true;
    int round_ = 0;
    Nanoseconds started_{}, stopped_at_{}, last_connected_{}, active_{};
    std::optional<Nanoseconds> pause_began_;
    std::optional<Nanoseconds> round_started_;  // from which the due times of the round count
    std::optional<Nanoseconds> active_since_;   // since when there has always been something to send or to wait for
    std::optional<double> target_rate_;
    std::vector<std::uint16_t> refused_fresh_;  // paths whose requests were refused with fresh identifiers
    std::string stop_reason_;
    std::optional<Error> unreadable_;  // why reading the log failed
    bool stopping_ = false, over_ = false;
};

// Each connection is a descriptor; the usual soft limit is 1024.
void raise_descriptor_limit(int connections) {
    rlimit limit{};
    const rlim_t wanted = static_cast<rlim_t>(connections) + 64;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = std::min(limit.rlim_max, wanted);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted)
        throw Error(ErrorKind::usage, "--connections",
                    std::to_string(connections) + " connections need more open files than this process may have (" +
                        std::to_string(limit.rlim_cur) + ")",
                    "ulimit -n " + std::to_string(wanted));
}

}  // namespace

ReplayStats run(const ReplayOptions& options) {
    check(options);
    raise_descriptor_limit(options.connections);
    if (!options.fresh.any() || options.fresh_plan) return Run(options).replay();
    ReplayOptions planned = options;
    planned.fresh_plan = std::make_shared<const FreshPlan>(plan_fresh(options));
    return Run(planned).replay();
}

}  // namespace leakline::replay
