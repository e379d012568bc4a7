// The service's cache of recent user events, in one of several modes that differ in what they remove.
// A mode is one file and one row of the table; it is chosen at the start and never changes while the service runs.
//
// Thread-safety: EventCache may be shared: it locks internally. A CacheMode is used under that lock only.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"
#include "system/clock.hpp"

namespace leakline::service {

// What one request adds.
struct CachedEvents {
    std::string user_id;
    std::vector<std::string> events;  // JSON texts
};

// Heap bytes of a record besides its own size, exactly as requested from the allocator.
Bytes heap_bytes(const std::string& text);
Bytes heap_bytes(const std::vector<std::string>& texts);
Bytes heap_bytes(const CachedEvents& record);

// A list, so that a record keeps its address and its one allocation while it moves through the cache.
using CachedRecords = std::list<CachedEvents>;
inline constexpr Bytes kRecordNode = sizeof(CachedEvents) + 2 * sizeof(void*);  // the record and two links

struct CacheLimits {
    std::size_t entries = 1000;     // bounded, lru: records kept
    Bytes bytes = Bytes{64} << 20;  // lru: bytes kept
    Nanoseconds ttl = std::chrono::minutes(30);
};

class CacheMode {
  public:
    virtual ~CacheMode() = default;
    // record: a list of one. now: any clock that does not step back.
    virtual void insert(CachedRecords record, Nanoseconds now) = 0;
    // Appends the user's cached events to out, oldest first; counts as a use where the mode cares.
    virtual void collect(const std::string& user_id, Nanoseconds now, std::vector<std::string>& out) = 0;
    // Background cleaning; returns how many records were removed.
    virtual std::size_t sweep(Nanoseconds now) = 0;
    virtual std::size_t entries() const = 0;
    // All bytes that the mode has requested from the allocator for its records and its own data.
    virtual Bytes bytes() const = 0;
};

struct CacheModeRow {
    std::string_view name;
    std::string_view summary;  // for --help
    std::string_view bound;    // memory after any traffic, as a formula
    std::unique_ptr<CacheMode> (*make)(const CacheLimits&);
};

std::span<const CacheModeRow> cache_modes();
// Throws Error{usage} with a did-you-mean.
const CacheModeRow& cache_mode_named(std::string_view name);

class EventCache {
  public:
    EventCache(std::unique_ptr<CacheMode> mode, Clock& clock) : mode_(std::move(mode)), clock_(clock) {}

    // A record whose events are not saved yet. Valid until keep() or take_back().
    using Pending = CachedRecords::iterator;

    // The record is pending: reads do not see it, and no other record is removed for it, until keep(). So a request that is
    // refused in the end has no visible effect.
    // By value on purpose: a caller that keeps its own makes the cache's copies at its call, so that a heap recorder finds
    // their bytes on the line that appends and not somewhere in here.
    [[nodiscard]] Pending append(std::string user_id, std::vector<std::string> events);
    // Exactly one of the two for each appended record, from any thread. The order of keep() is the order of the records.
    void keep(Pending record);
    void take_back(Pending record) noexcept;

    std::vector<std::string> events_of(const std::string& user_id);
    std::size_t sweep();

    struct Size {
        std::size_t entries = 0;  // kept
        Bytes bytes = 0;          // of the pending ones too
    };
    Size size() const;

  private:
    // Removes the record from pending_ and returns it, as a list of one. mutex_ is held.
    CachedRecords settle(Pending record) noexcept;

    mutable std::mutex mutex_;  // guards everything below, but for clock_
    std::unique_ptr<CacheMode> mode_;
    CachedRecords pending_;
    Bytes pending_bytes_ = 0;
    Clock& clock_;
};

std::unique_ptr<CacheMode> make_leaky(const CacheLimits&);
std::unique_ptr<CacheMode> make_bounded(const CacheLimits&);
std::unique_ptr<CacheMode> make_lru(const CacheLimits&);
std::unique_ptr<CacheMode> make_ttl(const CacheLimits&);

}  // namespace leakline::service
