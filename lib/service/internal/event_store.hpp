// The persistent store: every accepted event is written to SQLite by one writer thread, which commits what has accumulated
// while the last commit ran (group commit), so that the cost of a commit is shared by the requests that wait for it.
//
// Thread-safety: save() and counts() from any thread; events_of() too (it waits for a running commit).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantities.hpp"

namespace leakline::service {

// What "saved" means when save() reports success.
enum class Durability {
    none,     // queued: a crash of the service loses what is not written yet
    process,  // committed: survives the end of the process, also by kill -9; a power cut may lose the last commits
    power,    // committed and synced to disk: survives a power cut
};
// Throws Error{usage} with a did-you-mean.
Durability durability_named(std::string_view name);

struct StoreOptions {
    std::string path;  // a file, ":memory:", or "none" (saves nothing and always succeeds)
    Durability durability = Durability::process;
    Nanoseconds busy_timeout = std::chrono::seconds(1);  // how long to wait for a lock of another process
    Bytes size_limit = 0;                                // of the database file; 0: the disk's
    // Approximate size of SQLite's write-ahead log. Restarting it delays requests by a wait for the disk (20 ms are common): at
    // tens of megabytes per second, a log of this size keeps that below a hundredth of the time.
    // At most a quarter of the free disk space.
    Bytes log_limit = Bytes{256} << 20;
    std::function<Bytes()> disk_left;     // beside the database; empty: the file system says
    std::size_t queue_limit = 10'000;     // waiting requests; one more is refused
    Bytes queue_bytes = Bytes{64} << 20;  // of waiting events; when this is reached, further ones are refused
};

struct SaveResult {
    bool saved = true;
    std::string reason;  // if not saved
};

class EventStore {
  public:
    using OnSaved = std::function<void(const SaveResult&)>;

    struct Counts {
        std::uint64_t events_saved = 0, commits = 0, failures = 0;  // failures: requests not saved
        std::size_t queued = 0;
    };

    // Creates the file and its tables where they are missing. Throws Error{input}: the file cannot be opened, is no
    // database, or was written by a newer leakline.
    static std::unique_ptr<EventStore> open(const StoreOptions& options);
    virtual ~EventStore() = default;  // writes what is queued

    // on_saved is called exactly once: from the caller's thread (refused, or nothing to wait for) or from the writer's. Where
    // save() throws (std::bad_alloc), it is not called.
    virtual void save(const std::string& user_id, const std::vector<std::string>& events, Nanoseconds received, OnSaved on_saved) = 0;
    // The user's newest events, oldest first, at most limit.
    virtual std::vector<std::string> events_of(std::string_view user_id, std::size_t limit) = 0;
    virtual Counts counts() const = 0;
    // Returns when everything saved so far has been reported. To be called when no save() can come any more.
    virtual void flush() = 0;
};

}  // namespace leakline::service
