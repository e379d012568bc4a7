#include "service/internal/event_store.hpp"
#include "base/error.hpp"
#include "base/quantities.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

namespace leakline::service {
namespace {

using namespace std::chrono_literals;

// Saves and waits for the answer.
SaveResult save(EventStore& store, const std::string& user, const std::vector<std::string>& events) {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<SaveResult> result;
    store.save(user, events, 5ns, [&](const SaveResult& given) {
        const std::lock_guard lock(mutex);
        result = given;
        answered.notify_one();
    });
    std::unique_lock lock(mutex);
    REQUIRE(answered.wait_for(lock, 60s, [&] { return result.has_value(); }));
    return *result;
}

// A second program's view of the file.
class OtherProcess {
  public:
    explicit OtherProcess(const std::string& path) {
        REQUIRE(sqlite3_open(path.c_str(), &database_) == SQLITE_OK);
        sqlite3_busy_timeout(database_, 5000);
    }
    ~OtherProcess() { sqlite3_close(database_); }
    void run(const std::string& sql) { REQUIRE(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK); }
    int number(const std::string& sql) {
        int value = -1;
        const auto read = [](void* out, int, char** texts, char**) {
            *static_cast<int*>(out) = std::stoi(texts[0]);
            return 0;
        };
        REQUIRE(sqlite3_exec(database_, sql.c_str(), read, &value, nullptr) == SQLITE_OK);
        return value;
    }

  private:
    sqlite3* database_ = nullptr;
};

StoreOptions in(const TemporaryDirectory& directory) {
    StoreOptions options;
    options.path = directory.path() + "/events.db";
    return options;
}

TEST_CASE("what was saved is read back, in memory and from a file") {
    const TemporaryDirectory directory;
    for (const std::string& path : {std::string(":memory:"), directory.path() + "/a.db"}) {
        StoreOptions options;
        options.path = path;
        const auto store = EventStore::open(options);
        CHECK(save(*store, "u", {"{\"n\":1}", "{\"n\":2}"}).saved);
        CHECK(save(*store, "v", {"{\"n\":3}"}).saved);
        CHECK(save(*store, "u", {"{\"n\":4}"}).saved);
        CHECK(store->events_of("u", 10) == std::vector<std::string>{"{\"n\":1}", "{\"n\":2}", "{\"n\":4}"});
        CHECK(store->events_of("u", 2) == std::vector<std::string>{"{\"n\":2}", "{\"n\":4}"});
        CHECK(store->events_of("w", 10).empty());
        CHECK(store->counts().events_saved == 4);
    }
}

TEST_CASE("another process sees a request as soon as it was reported saved") {
    const TemporaryDirectory directory;
    const auto store = EventStore::open(in(directory));
    OtherProcess other(in(directory).path);
    for (int i = 1; i <= 20; ++i) {
        CHECK(save(*store, "u", {"{}"}).saved);
        CHECK(other.number("SELECT count(*) FROM events") == i);
    }
}

TEST_CASE("requests that wait for the same commit share it") {
    const TemporaryDirectory directory;
    OtherProcess other(in(directory).path);
    const auto store = EventStore::open(in(directory));
    other.run("BEGIN IMMEDIATE");  // holds the first commit up while the others gather
    std::mutex mutex;
    int saved = 0;
    for (int i = 0; i < 300; ++i)
        store->save("u", {"{}"}, 0ns, [&](const SaveResult& result) {
            const std::lock_guard lock(mutex);
            saved += result.saved;
        });
    other.run("COMMIT");
    store->flush();
    CHECK(saved == 300);
    CHECK(store->counts().commits <= 3);
    CHECK(other.number("SELECT count(*) FROM events") == 300);
}

// How often the write-ahead log was begun anew: a counter in its header (sqlite.org/fileformat2.html, 4.1).
std::uint32_t times_begun_anew(const std::string& log) {
    std::ifstream file(log, std::ios::binary);
    unsigned char head[16] = {};
    file.read(reinterpret_cast<char*>(head), sizeof head);
    return std::uint32_t{head[12]} << 24 | std::uint32_t{head[13]} << 16 | std::uint32_t{head[14]} << 8 | head[15];
}

TEST_CASE("the write-ahead log is begun anew while requests never pause, and nothing is lost with it") {
    const TemporaryDirectory directory;
    StoreOptions options = in(directory);
    SUBCASE("at its own limit") { options.log_limit = Bytes{8} << 20; }
    SUBCASE("by what the disk has left") {
        options.disk_left = [] { return Bytes{32} << 20; };
    }
    options.queue_limit = 256;
    int sent = 0;
    {
        const auto store = EventStore::open(options);
        std::atomic<int> saved = 0;
        const std::string log = options.path + "-wal";
        const auto deadline = std::chrono::steady_clock::now() + 200s;
        for (; times_begun_anew(log) < 3 && std::chrono::steady_clock::now() < deadline; ++sent) {
            while (store->counts().queued >= 200) std::this_thread::yield();
            store->save(std::to_string(sent % 997), {std::string(2000, 'x')}, 5ns,
                        [&](const SaveResult& result) { saved += result.saved; });
        }
        CHECK(times_begun_anew(log) >= 3);
        store->flush();
        CHECK(saved == sent);
    }
    CHECK(OtherProcess(options.path).number("SELECT count(*) FROM events") == sent);
}

TEST_CASE("a log that grew while another process read an old state is given back once it has read") {
    const TemporaryDirectory directory;
    StoreOptions options = in(directory);
    options.log_limit = Bytes{4} << 20;
    const auto store = EventStore::open(options);
    const auto log_size = [&] { return std::filesystem::file_size(options.path + "-wal"); };
    const std::string event(100'000, 'x');
    REQUIRE(save(*store, "u", {event}).saved);
    std::int64_t saved = 1;
    OtherProcess other(options.path);
    other.run("BEGIN");
    CHECK(other.number("SELECT count(*) FROM events") == 1);
    for (int i = 0; i < 300; ++i) saved += save(*store, "u", {event}).saved ? 1 : 0;
    CHECK(log_size() > 24 << 20);
    other.run("COMMIT");
    // The log is begun anew, and cut, behind a checkpoint: it takes 1,000 pages to bring one, and some time to come to its end.
    for (int i = 0; i < 10000 && log_size() > 12 << 20; ++i) {
        saved += save(*store, "u", {event}).saved ? 1 : 0;
        std::this_thread::sleep_for(5ms);
    }
    CHECK(log_size() <= 12 << 20);
    CHECK(other.number("SELECT count(*) FROM events") == saved);
}

TEST_CASE("a locked database fails requests with the reason, and is used again when it is free") {
    const TemporaryDirectory directory;
    StoreOptions options = in(directory);
    options.busy_timeout = 50ms;
    const auto store = EventStore::open(options);
    OtherProcess other(options.path);
    other.run("BEGIN IMMEDIATE");
    const SaveResult refused = save(*store, "u", {"{}"});
    CHECK_FALSE(refused.saved);
    CHECK(refused.reason == "the event store was locked by another process for 50ms");
    other.run("COMMIT");
    CHECK(save(*store, "u", {"{}"}).saved);
    CHECK(other.number("SELECT count(*) FROM events") == 1);
    CHECK(store->counts().failures == 1);
}

TEST_CASE("a full store fails requests with the reason and keeps what it has") {
    const TemporaryDirectory directory;
    StoreOptions options = in(directory);
    options.size_limit = 64 << 10;
    const auto store = EventStore::open(options);
    const std::string event = "{\"x\":\"" + std::string(1000, 'x') + "\"}";
    int saved = 0;
    SaveResult result;
    while (saved < 1000 && (result = save(*store, "u", {event})).saved) ++saved;
    CHECK(saved > 20);
    CHECK(saved < 64);
    CHECK(result.reason == "the event store is full: 64 KiB at most, or the disk is full");
    OtherProcess other(options.path);
    CHECK(other.number("SELECT count(*) FROM events") == saved);
    CHECK(store->events_of("u", 1) == std::vector<std::string>{event});
}

TEST_CASE("more than the queue takes is refused at once") {
    const TemporaryDirectory directory;
    StoreOptions options = in(directory);
    options.queue_limit = 5;
    const auto store = EventStore::open(options);
    OtherProcess other(options.path);
    other.run("BEGIN IMMEDIATE");
    std::mutex mutex;
    std::vector<std::string> reasons;
    int saved = 0;
    for (int i = 0; i < 50; ++i)
        store->save("u", {"{}"}, 0ns, [&](const SaveResult& result) {
            const std::lock_guard lock(mutex);
            if (result.saved)
                ++saved;
            else
                reasons.push_back(result.reason);
        });
    {
        const std::lock_guard lock(mutex);
        CHECK(reasons.size() >= 40);
        CHECK(reasons.front() == "the event store is behind: 5 requests wait");
    }
    other.run("COMMIT");
    store->flush();
    CHECK(saved + static_cast<int>(reasons.size()) == 50);
    CHECK(other.number("SELECT count(*) FROM events") == saved);
}

TEST_CASE("events that wait for more than the queue's bytes are refused") {
    const TemporaryDirectory directory;
    StoreOptions options = in(directory);
    options.queue_bytes = 100'000;
    const auto store = EventStore::open(options);
    OtherProcess other(options.path);
    other.run("BEGIN IMMEDIATE");
    std::mutex mutex;
    std::string reason;
    int refused = 0;
    for (int i = 0; i < 20; ++i)
        store->save("u", {std::string(30'000, 'x')}, 0ns, [&](const SaveResult& result) {
            const std::lock_guard lock(mutex);
            if (result.saved) return;
            ++refused;
            reason = result.reason;
        });
    {
        const std::lock_guard lock(mutex);
        CHECK(refused >= 10);
        CHECK(reason == "the event store is behind: 97.7 KiB of events wait");
    }
    other.run("COMMIT");
    store->flush();
}

TEST_CASE("a file that was deleted, or has another one in its place, takes no more events") {
    for (const bool replaced : {false, true}) {
        const TemporaryDirectory directory;
        const StoreOptions options = in(directory);
        const auto store = EventStore::open(options);
        CHECK(save(*store, "u", {"{}"}).saved);
        std::filesystem::remove(options.path);
        if (replaced) std::ofstream(options.path) << "another";
        const SaveResult result = save(*store, "u", {"{}"});
        CHECK_FALSE(result.saved);
        CHECK(result.reason == "the file of the event store was deleted or moved: restart the service");
        CHECK(store->counts().failures == 1);
    }
}

TEST_CASE("with durability none a request is answered at once and written later") {
    const TemporaryDirectory directory;
    StoreOptions options = in(directory);
    options.durability = Durability::none;
    const auto store = EventStore::open(options);
    OtherProcess other(options.path);
    other.run("BEGIN IMMEDIATE");
    bool answered = false;
    store->save("u", {"{}"}, 0ns, [&](const SaveResult& result) { answered = result.saved; });
    CHECK(answered);
    other.run("COMMIT");
    store->flush();
    CHECK(other.number("SELECT count(*) FROM events") == 1);
}

TEST_CASE("a database of a newer schema is refused and left alone") {
    const TemporaryDirectory directory;
    const std::string path = in(directory).path;
    OtherProcess(path).run("PRAGMA user_version = 7");
    CHECK_THROWS_WITH(
        EventStore::open(in(directory)),
        (path +
         ": the database has schema 7; this build writes schema 1\n  hint: written by a newer trackd: use that version, or another --db FILE")
            .c_str());
    CHECK(OtherProcess(path).number("PRAGMA user_version") == 7);
}

TEST_CASE("what is no database, or lies nowhere, is said so") {
    const TemporaryDirectory directory;
    StoreOptions options = in(directory);
    {
        OutputFile file(options.path);
        file.write(std::string(4096, 'x'));
        file.commit();
    }
    CHECK_THROWS_WITH(EventStore::open(options),
                      (options.path + ": cannot use it as the event store: file is not a database\n  hint: --db takes a "
                                      "file, :memory: or none; without --db a temporary file is used")
                          .c_str());
    options.path = directory.path() + "/no/such/folder.db";
    CHECK_THROWS_AS(EventStore::open(options), Error);
}

TEST_CASE("levels of durability are known by name") {
    CHECK(durability_named("power") == Durability::power);
    CHECK_THROWS_WITH(durability_named("proces"),
                      "--durability: unknown level 'proces'; did you mean 'process'?\n  hint: the levels are none, process "
                      "and power");
}

}  // namespace
}  // namespace leakline::service
