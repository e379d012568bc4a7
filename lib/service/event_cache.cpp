#include "service/event_cache.hpp"

#include <array>

#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "base/strings.hpp"

namespace leakline::service {

namespace {

constexpr std::array kModes = {
    CacheModeRow{"leaky", "keep every record (the memory leak)", "none: grows with every request", make_leaky},
    CacheModeRow{"bounded", "keep the newest --capacity records", "capacity x (largest record + one slot)", make_bounded},
    CacheModeRow{"lru", "keep the most recently used users, up to --capacity records and --cache-bytes",
                 "entries <= capacity and bytes <= cache-bytes", make_lru},
    CacheModeRow{"ttl", "discard records older than --ttl every --sweep-every", "the records of ttl + one sweep interval, each with a node",
                 make_ttl},
};

}  // namespace

std::span<const CacheModeRow> cache_modes() { return kModes; }

const CacheModeRow& cache_mode_named(std::string_view name) {
    std::vector<std::string> names;
    for (const CacheModeRow& row : kModes) {
        if (row.name == name) return row;
        names.emplace_back(row.name);
    }
    std::string known;
    for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
    throw Error(ErrorKind::usage, "--mode", "unknown cache mode '" + printable(name) + "'" + did_you_mean_text(name, names),
                "the modes are " + known);
}

// A short string is stored inside the object; a longer one has a buffer of capacity + 1 bytes.
Bytes heap_bytes(const std::string& text) {
    static const std::size_t kInside = std::string().capacity();
    return text.capacity() > kInside ? text.capacity() + 1 : 0;
}

Bytes heap_bytes(const std::vector<std::string>& texts) {
    Bytes total = texts.capacity() * sizeof(std::string);
    for (const std::string& text : texts) total += heap_bytes(text);
    return total;
}

Bytes heap_bytes(const CachedEvents& record) { return heap_bytes(record.user_id) + heap_bytes(record.events); }

EventCache::Pending EventCache::append(std::string user_id, std::vector<std::string> events) {
    CachedRecords record;
    record.push_back({std::move(user_id), std::move(events)});
    const Bytes bytes = kRecordNode + heap_bytes(record.front());
    const Pending pending = record.begin();
    const std::lock_guard lock(mutex_);
    pending_.splice(pending_.end(), record);
    pending_bytes_ += bytes;
    return pending;
}

CachedRecords EventCache::settle(Pending record) noexcept {
    pending_bytes_ -= kRecordNode + heap_bytes(*record);
    CachedRecords one;
    one.splice(one.begin(), pending_, record);
    return one;
}

void EventCache::keep(Pending record) {
    const std::lock_guard lock(mutex_);
    mode_->insert(settle(record), clock_.monotonic());
}

void EventCache::take_back(Pending record) noexcept {
    CachedRecords one;  // freed without the lock
    const std::lock_guard lock(mutex_);
    one = settle(record);
}

std::vector<std::string> EventCache::events_of(const std::string& user_id) {
    std::vector<std::string> events;
    const std::lock_guard lock(mutex_);
    mode_->collect(user_id, clock_.monotonic(), events);
    return events;
}

std::size_t EventCache::sweep() {
    const std::lock_guard lock(mutex_);
    return mode_->sweep(clock_.monotonic());
}

EventCache::Size EventCache::size() const {
    const std::lock_guard lock(mutex_);
    return {mode_->entries(), mode_->bytes() + pending_bytes_};
}

}  // namespace leakline::service
