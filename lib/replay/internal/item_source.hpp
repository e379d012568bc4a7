// The sender's end of the queue: items in the order of sending.
//
// In recorded pace, records of one coarse stamp (text logs know seconds) are spread evenly over it, and records that
// were written out of order are sorted within a bounded window. Other paces keep the log's order.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "base/quantities.hpp"
#include "replay/internal/batch.hpp"

namespace leakline::replay {

// An item to send. Its batch is kept until release().
struct Pending {
    Nanoseconds at{};
    std::uint64_t sequence = 0;
    Batch* batch = nullptr;
    std::uint32_t index = 0;

    const Item& item() const { return batch->items[index]; }
    std::string_view bytes() const { return batch->bytes_of(item()); }
};

class ItemSource {
  public:
    enum class Order { as_read, by_time };
    static constexpr std::size_t kBatches = 16;

    // window: records that by_time looks ahead (at least 1).
    ItemSource(BatchQueue& queue, Order order, std::size_t window);
    ~ItemSource();

    // The next item of the round; nothing if the reader has none ready, or at the end of the round.
    std::optional<Pending> next();
    void release(const Pending& pending);
    bool round_over() const { return round_over_ && !has_pending(); }
    void begin_round();

    // Of the log, 0 to 1, that is released; 0 where its size is not known.
    double part() const;

    // Over all rounds, of the batches taken from the queue so far.
    std::uint64_t bad() const { return bad_; }
    std::uint64_t filtered() const { return filtered_; }
    std::uint64_t items() const { return items_; }
    std::uint64_t late() const { return late_; }  // came after a record with a later stamp had been passed on

  private:
    struct Later {
        bool operator()(const Pending& a, const Pending& b) const { return a.at != b.at ? a.at > b.at : a.sequence > b.sequence; }
    };
    bool has_pending() const;
    bool take_batch();
    bool advance();  // one item from the batch into the window; false when there is none
    void spread();

    BatchQueue& queue_;
    const Order order_;
    const std::size_t window_;
    std::vector<std::unique_ptr<Batch>> held_;
    Batch* batch_ = nullptr;  // being read; in held_
    std::uint32_t position_ = 0;
    std::vector<Pending> second_;  // items with the same coarse time, not yet spread
    std::priority_queue<Pending, std::vector<Pending>, Later> ahead_;
    std::uint64_t sequence_ = 0, bad_ = 0, filtered_ = 0, items_ = 0, late_ = 0;
    std::optional<Nanoseconds> passed_;
    double part_ = 0;  // up to the end of the batch taken last
    bool round_over_ = false;
};

}  // namespace leakline::replay
