// The reader's thread of a replay: reads the log into records and serialized batches, round after round.
//
// Thread-safety: run() on its own thread; the results after it has ended.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "base/quantities.hpp"
#include "replay/internal/batch.hpp"
#include "replay/internal/fresh.hpp"
#include "replay/internal/request_patches.hpp"
#include "replay/log.hpp"
#include "replay/path_table.hpp"
#include "replay/replay.hpp"

namespace leakline::replay {

class Reader {
  public:
    // wake is called (on run()'s thread) when a waiting sender has something to send again.
    Reader(const ReplayOptions& options, std::string host, BatchQueue& queue, std::function<void()> wake);

    // To the end of the last round, or until the queue is closed. Never throws: errors go through the queue.
    void run() noexcept;

    // Ends run() soon. From any thread.
    void stop() {
        queue_.close();
        closing_.request_stop();
        fresh_is_judged();
    }

    // The sender has nothing left to send: pass on a batch of this many items and call wake.
    void request_items(std::uint32_t items) { wanted_items_.store(items); }

    // The stamp of the log's first record where only a shard of it is sent; nothing else, and not before an item of it is
    // in the queue. From any thread.
    std::optional<Nanoseconds> origin() const {
        return has_origin_.load(std::memory_order_acquire) ? std::optional(origin_) : std::nullopt;
    }

    // The first round with fresh identifiers is answered, or the replay ends. Until then no other round is read, so that a service
    // that refuses them sees them once. From any thread.
    void fresh_is_judged() {
        fresh_is_judged_.store(true);
        fresh_is_judged_.notify_all();
    }
    // Requests of that path (a number of path_names) keep the log's values from now on. From any thread.
    void keep_recorded(std::uint16_t path) { keeps_recorded_[path].store(true, std::memory_order_relaxed); }

    // In the first round: records that were read and were no bad lines, and those that were left out.
    std::uint64_t log_requests() const { return log_requests_; }
    std::vector<LeftOut> left_out() const;
    // Of the requests that are sent, those that were recorded over HTTP/1 and over a later version.
    std::uint64_t over_http1() const { return over_http1_; }
    std::uint64_t over_later() const { return over_later_; }
    // What is said of the values of responses in the log's requests.
    std::vector<std::string> value_warnings() const;

    const Diagnostics& damage() const { return damage_; }
    const std::vector<std::string>& warnings() const { return warnings_; }
    const std::vector<std::string>& path_names() const { return paths_.names(); }

  private:
    bool read_round(int round);
    bool read_batches(Log& log, std::unique_ptr<Batch>& batch);
    void remember_damage(const Log& log);
    void note_kept(std::uint16_t path);
    void add(Batch& batch, Record& record, Log& log);
    void prepare_values(Batch& batch, Item& item);
    bool pass_on(std::unique_ptr<Batch>& batch);

    const ReplayOptions& options_;
    const std::string host_;
    BatchQueue& queue_;
    std::stop_source closing_;
    std::function<void()> wake_;
    std::atomic<std::uint32_t> wanted_items_{0};
    Nanoseconds origin_{};  // written before has_origin_
    std::atomic<bool> has_origin_{false};
    const ShapeOptions shape_options_;
    Shape shape_;
    PathTable paths_;
    std::optional<FreshValues> fresh_;
    std::optional<PatchFinder> patches_;  // where values of responses are sent
    std::uint64_t sessionless_ = 0;       // with such values, requests of the first round that name no session
    std::uint64_t generation_ = 0;        // of the round that is read
    std::array<std::atomic<bool>, PathTable::kLimit + 1> keeps_recorded_{};
    std::atomic<bool> fresh_is_judged_{false};
    std::uint64_t log_requests_ = 0, over_http1_ = 0, over_later_ = 0;
    PathTable left_out_paths_;
    std::map<std::pair<std::uint16_t, LeftOutWhy>, std::uint64_t> left_out_;
    Diagnostics damage_;
    std::vector<std::string> warnings_;
};

}  // namespace leakline::replay
