#include "service/internal/wal_checkpointer.hpp"

#include <algorithm>
#include <utility>

namespace leakline::service::sqlite {

namespace {

constexpr int kEvery = 1000;  // pages, as SQLite has it
constexpr int kLittle = 200;

}  // namespace

WalCheckpointer::WalCheckpointer(const std::string& path, Bytes limit, std::function<Bytes()> disk_left, std::mutex& writing)
    : database_(path), disk_left_(std::move(disk_left)), writing_(writing), next_(kEvery), limit_(limit) {
    page_size_ = static_cast<Bytes>(database_.number("PRAGMA page_size"));
    database_.number("PRAGMA user_version");  // a connection that has read nothing yet knows of no log, and copies none
    thread_ = std::thread([this] { run(); });
}

WalCheckpointer::~WalCheckpointer() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void WalCheckpointer::log_has(int pages) {
    bool due;
    {
        const std::lock_guard lock(mutex_);
        if (pages < pages_) next_ = kEvery;  // begun anew
        pages_ = pages;
        due = pages_ >= next_;
    }
    if (due) changed_.notify_one();
}

void WalCheckpointer::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return closing_ || pages_ >= next_; });
        if (closing_) return;
        const int had = pages_;
        lock.unlock();
        const bool full = had >= limit();
        const int copied = checkpoint(SQLITE_CHECKPOINT_PASSIVE);
        const bool begun_anew = full && copied >= 0 && begin_anew(copied);
        lock.lock();
        if (begun_anew) pages_ = 0;
        next_ = (begun_anew ? 0 : pages_) + kEvery;
    }
}

bool WalCheckpointer::begin_anew(int copied) {
    sync_database();
    // As long as it helps: in the end, the rest is what arrives during a wait for the disk.
    for (int left = pages() - copied, before = 2 * left + 1; copied >= 0 && left > kLittle && left <= before / 2;) {
        copied = checkpoint(SQLITE_CHECKPOINT_PASSIVE);
        sync_database();
        before = std::exchange(left, pages() - copied);
    }
    const std::lock_guard no_writer(writing_);
    return checkpoint(SQLITE_CHECKPOINT_RESTART) >= 0;
}

int WalCheckpointer::checkpoint(int mode) {
    int copied = 0;
    return sqlite3_wal_checkpoint_v2(database_.get(), nullptr, mode, nullptr, &copied) == SQLITE_OK ? copied : -1;
}

// A checkpoint that does not reach the end of the log leaves its writes to the kernel. The one that does waits for all of
// them; to keep that short, wait for them before.
void WalCheckpointer::sync_database() {
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK && file->pMethods != nullptr)
        file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);  // if it fails, the checkpoint's own sync reports it
}

int WalCheckpointer::limit() {
    constexpr Bytes kShare = 4;
    return static_cast<int>(std::clamp<Bytes>(std::min(limit_, disk_left_() / kShare) / page_size_, kEvery, 1 << 30));
}

int WalCheckpointer::pages() {
    const std::lock_guard lock(mutex_);
    return pages_;
}

}  // namespace leakline::service::sqlite
