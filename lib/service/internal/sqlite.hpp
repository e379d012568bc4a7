// The parts of SQLite that the store needs, with errors as exceptions and owning handles. Internal to
// event_store.cpp. One object, one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace leakline::service::sqlite {

// A failed call; code is SQLite's primary result code (SQLITE_FULL, SQLITE_BUSY, ...).
struct Failure {
    int code = 0;
    std::string message;
};

class Database {
  public:
    // Throws Failure.
    explicit Database(const std::string& path);
    void run(const char* sql);             // statements without results
    std::string text(const char* sql);     // the first column of the first row; empty where there is none
    std::int64_t number(const char* sql);  // the same as a number
    bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
    sqlite3* get() const { return handle_.get(); }
    [[noreturn]] void fail(int code) const;

  private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

// A prepared statement. Bound texts must outlive the step (they are not copied).
class Statement {
  public:
    Statement(Database& database, const char* sql);
    Statement& bind(int index, std::string_view text);
    Statement& bind(int index, std::int64_t number);
    bool step();  // true: a row. At the end, and on a Failure, the statement is reset and can be bound again
    std::string_view text(int column) const;

  private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    Database& database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace leakline::service::sqlite
