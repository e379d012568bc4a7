// Copies SQLite's write-ahead log back into the database from a thread and a connection of its own. SQLite would do it
// within a commit, every 1,000 pages: two waits for the disk, during which all requests that store events wait too.
//
// While requests keep arriving, a checkpoint never reaches the end of the log, so the log is never restarted and would grow
// without a bound. At its limit writers are delayed for the rest of the copy, once that is small: each checkpoint without
// a delay leaves what arrived while it waited for the disk. Another process that reads an old state of the database can
// block a checkpoint: then writers are not delayed, and it is tried again after the next pages.
//
// The content of the log may still need space in the database. A log that had filled the disk could not be copied, and
// all further requests would be refused: so the less space the disk has, the earlier the log is restarted.
//
// Internal to event_store.cpp.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/quantities.hpp"
#include "service/internal/sqlite.hpp"

namespace leakline::service::sqlite {

class WalCheckpointer {
  public:
    // limit: of the log. disk_left: what can still be written there, called from the thread. writing: held by writers to
    // the database, for as long as a transaction takes. Throws Failure.
    WalCheckpointer(const std::string& path, Bytes limit, std::function<Bytes()> disk_left, std::mutex& writing);
    // Returns when a checkpoint in progress is done.
    ~WalCheckpointer();
    WalCheckpointer(const WalCheckpointer&) = delete;
    WalCheckpointer& operator=(const WalCheckpointer&) = delete;

    // How many pages the log has, after a commit (sqlite3_wal_hook). From any thread; never waits for the disk.
    void log_has(int pages);

  private:
    void run();
    // How many pages of the log are in the database then; -1: the disk is full, or another process blocks it.
    int checkpoint(int mode);
    bool begin_anew(int copied);  // the log, of which this much is in the database; false: as above
    void sync_database();
    int pages();
    int limit();  // in pages, with what the disk has left now

    Database database_;
    std::function<Bytes()> disk_left_;
    std::mutex& writing_;
    std::mutex mutex_;  // guards the three members below
    std::condition_variable changed_;
    int pages_ = 0, next_;
    bool closing_ = false;
    Bytes limit_, page_size_;
    std::thread thread_;
};

}  // namespace leakline::service::sqlite
