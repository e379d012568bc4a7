#include "service/internal/sqlite.hpp"

namespace leakline::service::sqlite {

Database::Database(const std::string& path) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    handle_.reset(handle);  // SQLite hands one out on most failures too
    if (code != SQLITE_OK) fail(code);
}

void Database::fail(int code) const { throw Failure{code & 0xFF, handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code)}; }

void Database::run(const char* sql) {
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(code);
}

std::string Database::text(const char* sql) {
    Statement statement(*this, sql);
    return statement.step() ? std::string(statement.text(0)) : std::string();
}

std::int64_t Database::number(const char* sql) {
    const std::string result = text(sql);
    return result.empty() ? 0 : std::stoll(result);
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(database.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    statement_.reset(statement);
    if (code != SQLITE_OK) database.fail(code);
}

Statement& Statement::bind(int index, std::string_view text) {
    const int code = sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    if (code != SQLITE_OK) database_.fail(code);
    return *this;
}

Statement& Statement::bind(int index, std::int64_t number) {
    const int code = sqlite3_bind_int64(statement_.get(), index, number);
    if (code != SQLITE_OK) database_.fail(code);
    return *this;
}

bool Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(statement_.get());
        return false;
    }
    const Failure failure{code & 0xFF, sqlite3_errmsg(database_.get())};
    sqlite3_reset(statement_.get());
    throw failure;
}

std::string_view Statement::text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

}  // namespace leakline::service::sqlite
