// Serialized requests that go from the reader's thread to the sender's, many at a time, in memory that is reused.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/quantities.hpp"
#include "replay/internal/request_patches.hpp"
#include "replay/internal/value_rules.hpp"

namespace leakline::replay {

struct Item {
    Nanoseconds at{};
    std::uint64_t offset = 0, size = 0;  // of the request in Batch::bytes
    std::uint64_t affinity = 0;          // hash of the session's name; 0: any connection
    std::uint64_t place = 0;             // in the log
    std::int16_t recorded_status = 0;    // 0: not in the log
    std::uint16_t path = 0;
    bool head = false, idempotent = false, has_time = false, coarse = false;
    bool closes = false;                      // its connection closes after it
    bool first_round = false, fresh = false;  // has fresh values instead of the log's
    // Values of responses: what is replaced before it is sent, in Batch::patches, and what its response is searched for.
    std::uint32_t first_patch = 0, patches = 0;
    ExtractionSet extractions = 0;
};

struct Batch {
    static constexpr std::size_t kFull = 96 * 1024;  // bytes at which the reader passes it on

    std::string bytes;
    std::vector<Item> items;
    std::vector<Patch> patches;
    // Counts of what was read for this batch, beyond its items.
    std::uint64_t bad = 0, filtered = 0;
    double part_before = 0, part = 0;  // of the log, up to the begin (the sender's) and the end of this batch
    bool ends_round = false;           // last batch of the round
    std::size_t outstanding = 0;       // items not yet sent; used by the sender only

    void clear();
    std::string_view bytes_of(const Item& item) const { return std::string_view(bytes).substr(item.offset, item.size); }
    std::span<const Patch> patches_of(const Item& item) const { return std::span(patches).subspan(item.first_patch, item.patches); }
};

// A bounded queue with the emptied batches going back. One reader, one sender; close() from either.
class BatchQueue {
  public:
    explicit BatchQueue(std::size_t batches);

    // Reader: an empty batch; waits for one. Null when closed.
    std::unique_ptr<Batch> take_empty();
    void push(std::unique_ptr<Batch> batch);
    void fail(std::exception_ptr error);  // the reader ends with this
    // Sender: the next full one, null when there is none yet. Rethrows the reader's error once all before it is taken.
    std::unique_ptr<Batch> try_pop();
    void recycle(std::unique_ptr<Batch> batch);
    // Releases the reader; push and recycle do nothing afterwards.
    void close();
    bool closed();

  private:
    std::mutex mutex_;  // guards all members
    std::condition_variable freed_;
    std::vector<std::unique_ptr<Batch>> empty_;
    std::deque<std::unique_ptr<Batch>> full_;
    std::exception_ptr error_;
    bool closed_ = false;
};

}  // namespace leakline::replay
