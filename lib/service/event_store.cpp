#include "service/internal/event_store.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "base/did_you_mean.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "service/internal/sqlite.hpp"
#include "service/internal/wal_checkpointer.hpp"

namespace leakline::service {

namespace {

constexpr std::int64_t kSchema = 1;  // PRAGMA user_version
// Requests in one transaction: enough to share a commit's cost, few enough that readers do not wait long.
constexpr std::size_t kBatch = 512;

std::function<Bytes()> disk_left_beside(const std::string& path) {
    return [path]() -> Bytes {
        std::error_code unknown;
        return std::filesystem::space(path, unknown).available;  // if unknown, more than any disk has
    };
}

void report_to(const EventStore::OnSaved& on_saved, const SaveResult& result) {
    try {
        on_saved(result);
    } catch (const std::exception&) {
        // Without an answer, the connection closes.
    }
}

class NoStore : public EventStore {
  public:
    void save(const std::string&, const std::vector<std::string>&, Nanoseconds, OnSaved on_saved) override { report_to(on_saved, {}); }
    std::vector<std::string> events_of(std::string_view, std::size_t) override { return {}; }
    Counts counts() const override { return {}; }
    void flush() override {}
};

class SqliteStore : public EventStore {
  public:
    explicit SqliteStore(const StoreOptions& options);
    ~SqliteStore() override;

    void save(const std::string& user_id, const std::vector<std::string>& events, Nanoseconds received, OnSaved on_saved) override;
    std::vector<std::string> events_of(std::string_view user_id, std::size_t limit) override;
    Counts counts() const override;
    void flush() override;

  private:
    struct Job {
        std::string user_id;
        std::vector<std::string> events;
        std::int64_t received_ns;
        OnSaved on_saved;  // empty if the caller has already been answered
    };

    void prepare_schema();
    void write_loop();
    std::uint64_t write(std::span<const Job> batch);
    std::string explain(const sqlite::Failure& failure) const;

    const StoreOptions options_;
    mutable std::mutex database_mutex_;  // guards the database and its statements
    sqlite::Database database_;
    std::optional<sqlite::Statement> begin_, insert_, commit_, select_;
    std::optional<sqlite::WalCheckpointer> checkpointer_;

    mutable std::mutex queue_mutex_;  // guards queue_, in_flight_ and closing_
    std::condition_variable queue_filled_, queue_drained_;
    std::vector<Job> queue_;
    std::size_t in_flight_ = 0, queued_bytes_ = 0;
    bool closing_ = false;

    std::atomic<std::uint64_t> events_saved_{0}, commits_{0}, failures_{0};
    std::thread writer_;
};

SqliteStore::SqliteStore(const StoreOptions& options) : options_(options), database_(options.path) {
    sqlite3_busy_timeout(database_.get(),
                         static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(options.busy_timeout).count()));
    const bool has_log = database_.text("PRAGMA journal_mode = WAL") == "wal";  // a database in memory has none
    // In WAL mode NORMAL writes a commit without waiting for the disk: it is in the kernel by then, and the kernel
    // outlives the process. FULL waits for the disk.
    database_.run(options.durability == Durability::power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    if (options.size_limit > 0)
        database_.run(
            ("PRAGMA max_page_count = " + std::to_string(options.size_limit / static_cast<Bytes>(database_.number("PRAGMA page_size"))))
                .c_str());
    prepare_schema();
    begin_.emplace(database_, "BEGIN IMMEDIATE");
    insert_.emplace(database_, "INSERT INTO events (user_id, received_ns, event) VALUES (?1, ?2, ?3)");
    commit_.emplace(database_, "COMMIT");
    select_.emplace(database_,
                    "SELECT event FROM (SELECT id, event FROM events WHERE user_id = ?1 ORDER BY id DESC LIMIT ?2) "
                    "ORDER BY id");
    if (has_log) {
        // Another reading process can make the log grow without a bound; its file would stay that long. It is not cut at the
        // limit itself: then each restart would free a little, only to allocate it again.
        database_.run(("PRAGMA journal_size_limit = " + std::to_string(2 * options.log_limit)).c_str());
        checkpointer_.emplace(options.path, options.log_limit, options.disk_left ? options.disk_left : disk_left_beside(options.path),
                              database_mutex_);
        const auto on_commit = [](void* checkpointer, sqlite3*, const char*, int pages) {
            static_cast<sqlite::WalCheckpointer*>(checkpointer)->log_has(pages);
            return SQLITE_OK;
        };
        sqlite3_wal_hook(database_.get(), on_commit, &*checkpointer_);  // instead of checkpoints within commits
    }
    writer_ = std::thread([this] { write_loop(); });
}

void SqliteStore::prepare_schema() {
    const std::int64_t version = database_.number("PRAGMA user_version");
    if (version > kSchema)
        throw Error(ErrorKind::input, options_.path,
                    "the database has schema " + std::to_string(version) + "; this build writes schema " + std::to_string(kSchema),
                    "written by a newer trackd: use that version, or another --db FILE");
    if (version == kSchema) return;
    database_.run(
        "BEGIN;"
        "CREATE TABLE IF NOT EXISTS events ("
        "  id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, received_ns INTEGER NOT NULL, event TEXT NOT NULL);"
        "CREATE INDEX IF NOT EXISTS events_by_user ON events (user_id);"
        "PRAGMA user_version = 1;"
        "COMMIT");
}

SqliteStore::~SqliteStore() {
    {
        const std::lock_guard lock(queue_mutex_);
        closing_ = true;
    }
    queue_filled_.notify_one();
    writer_.join();
}

void SqliteStore::save(const std::string& user_id, const std::vector<std::string>& events, Nanoseconds received, OnSaved on_saved) {
    const bool answer_now = options_.durability == Durability::none;
    bool wake = false, refused = false, too_many = false;
    {
        const std::lock_guard lock(queue_mutex_);
        too_many = queue_.size() >= options_.queue_limit;
        refused = too_many || queued_bytes_ >= options_.queue_bytes;
        if (!refused) {
            for (const std::string& event : events) queued_bytes_ += event.size();
            wake = queue_.empty();
            queue_.push_back({user_id, events, received.count(), OnSaved()});
            if (!answer_now) queue_.back().on_saved = std::move(on_saved);
        }
    }
    if (refused) {
        ++failures_;
        report_to(on_saved, {false, "the event store is behind: " +
                                        (too_many ? std::to_string(options_.queue_limit) + " requests wait"
                                                  : format_bytes(static_cast<double>(options_.queue_bytes)) + " of events wait")});
        return;
    }
    if (wake) queue_filled_.notify_one();
    if (answer_now) report_to(on_saved, {});
}

void SqliteStore::write_loop() {
    std::vector<Job> batch;
    for (;;) {
        {
            std::unique_lock lock(queue_mutex_);
            in_flight_ = 0;
            if (queue_.empty()) queue_drained_.notify_all();
            queue_filled_.wait(lock, [&] { return closing_ || !queue_.empty(); });
            if (queue_.empty()) return;  // closing, and all is written
            std::swap(batch, queue_);
            queued_bytes_ = 0;
            in_flight_ = batch.size();
        }
        for (std::size_t begin = 0; begin < batch.size(); begin += kBatch) {
            const std::span<Job> part(batch.data() + begin, std::min(kBatch, batch.size() - begin));
            SaveResult result;
            try {
                events_saved_ += write(part);
                ++commits_;
            } catch (const sqlite::Failure& failure) {
                failures_ += part.size();
                result = {false, explain(failure)};
            } catch (const std::bad_alloc&) {
                failures_ += part.size();
                result.saved = false;
            }
            for (const Job& job : part)
                if (job.on_saved) report_to(job.on_saved, result);
        }
        batch.clear();
    }
}

// All or nothing. Returns how many events were written.
std::uint64_t SqliteStore::write(std::span<const Job> batch) {
    const std::lock_guard lock(database_mutex_);
    // A file that was deleted or replaced accepts commits that can never be read.
    int moved = 0;
    if (sqlite3_file_control(database_.get(), nullptr, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0)
        throw sqlite::Failure{SQLITE_READONLY_DBMOVED, "its file was deleted or moved"};
    std::uint64_t written = 0;
    try {
        begin_->step();
        for (const Job& job : batch)
            for (const std::string& event : job.events) {
                insert_->bind(1, job.user_id).bind(2, job.received_ns).bind(3, event).step();
                ++written;
            }
        commit_->step();
    } catch (const sqlite::Failure&) {
        // A full disk may have rolled it back already.
        if (database_.in_transaction()) sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
        throw;
    }
    return written;
}

std::string SqliteStore::explain(const sqlite::Failure& failure) const {
    switch (failure.code) {
        case SQLITE_FULL:
            return options_.size_limit > 0 ? "the event store is full: " + format_bytes(static_cast<double>(options_.size_limit)) +
                                                 " at most, or the disk is full"
                                           : "the disk of the event store is full";
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return "the event store was locked by another process for " + format_duration(options_.busy_timeout);
        case SQLITE_READONLY_DBMOVED: return "the file of the event store was deleted or moved: restart the service";
        case SQLITE_READONLY: return "the event store is read-only";
        default: return "the event store failed: " + failure.message;
    }
}

std::vector<std::string> SqliteStore::events_of(std::string_view user_id, std::size_t limit) {
    std::vector<std::string> events;
    const std::lock_guard lock(database_mutex_);
    try {
        select_->bind(1, user_id).bind(2, static_cast<std::int64_t>(limit));
        while (select_->step()) events.emplace_back(select_->text(0));
    } catch (const sqlite::Failure& failure) {
        throw Error(ErrorKind::system, options_.path, explain(failure));
    }
    return events;
}

EventStore::Counts SqliteStore::counts() const {
    const std::lock_guard lock(queue_mutex_);
    return {events_saved_, commits_, failures_, queue_.size() + in_flight_};
}

void SqliteStore::flush() {
    std::unique_lock lock(queue_mutex_);
    queue_drained_.wait(lock, [&] { return queue_.empty() && in_flight_ == 0; });
}

}  // namespace

Durability durability_named(std::string_view name) {
    static const std::vector<std::string> kNames = {"none", "process", "power"};
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end())
        throw Error(ErrorKind::usage, "--durability", "unknown level '" + printable(name) + "'" + did_you_mean_text(name, kNames),
                    "the levels are none, process and power");
    return static_cast<Durability>(found - kNames.begin());
}

std::unique_ptr<EventStore> EventStore::open(const StoreOptions& options) {
    if (options.path == "none") return std::make_unique<NoStore>();
    try {
        return std::make_unique<SqliteStore>(options);
    } catch (const sqlite::Failure& failure) {
        throw Error(ErrorKind::input, options.path, "cannot use it as the event store: " + failure.message,
                    "--db takes a file, :memory: or none; without --db a temporary file is used");
    }
}

}  // namespace leakline::service
