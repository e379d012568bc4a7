// Copies SQLite's write-ahead log back into the database from a thread and a connection of its own. SQLite would do it
// within a commit, every 1,000 pages: two waits for the disk, in which every request that wants to be stored waits too.
//
// While requests keep coming, the log never ends where a checkpoint has come to, and so is never begun anew: it would grow
// without a bound. At its limit writers are held up for what is left to copy, once that is little: each checkpoint without
// holding them up leaves what came while it waited for the disk. Another process that reads an old state of the database can
// stand in the way: nobody is held up for it, and the next pages bring the next try.
//
// What is in the log may still have to find room in the database. A log that had filled the disk could be copied no more, and
// every request would be refused for good: so the less the disk has left, the sooner the log is begun anew.
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
    // limit: of the log. disk_left: what can still be written there, asked from the thread. writing: held by whoever writes to
    // the database, for as long as a transaction takes. Throws Failure.
    WalCheckpointer(const std::string& path, Bytes limit, std::function<Bytes()> disk_left, std::mutex& writing);
    // Returns when a checkpoint that is under way is done.
    ~WalCheckpointer();
    WalCheckpointer(const WalCheckpointer&) = delete;
    WalCheckpointer& operator=(const WalCheckpointer&) = delete;

    // How many pages the log has, after a commit (sqlite3_wal_hook). From any thread; never waits for the disk.
    void log_has(int pages);

  private:
    void run();
    // How many pages of the log are in the database then; -1: the disk is full, or another process stands in the way.
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
