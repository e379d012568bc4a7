#include "system/internal/cleanup_registry.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>

#include "system/guard.hpp"

namespace leakline::cleanup_registry {

namespace {

constexpr std::size_t kLongestPath = 4096;

// A signal handler must neither allocate nor wait for a lock: it reads only the complete slots of a fixed table.
struct Slot {
    std::atomic<pid_t> owner{0};  // 0: free; -1: being filled in
    Kind kind = Kind::file;
    char path[kLongestPath] = {};
};

using Slots = std::array<Slot, 64>;
std::mutex writing;  // of slots, by remember and forget

Slots& slots() {
    static Slots& table = shared_with_guard<Slots>();
    return table;
}

constexpr int kDeepest = 8;  // folders in folders: each takes its buffer from the handler's stack

// readdir allocates; the system call below it does not.
void empty(int folder, int depth) {
    alignas(dirent64) char buffer[2048];
    for (;;) {
        const long got = ::syscall(SYS_getdents64, folder, buffer, sizeof buffer);
        if (got <= 0) return;
        for (long at = 0; at < got;) {
            const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
            at += entry->d_reclen;
            if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
            if (::unlinkat(folder, entry->d_name, 0) == 0 || depth == kDeepest) continue;
            const int inner = ::openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (inner < 0) continue;
            empty(inner, depth + 1);
            ::close(inner);
            ::unlinkat(folder, entry->d_name, AT_REMOVEDIR);
        }
    }
}

void remove_folder(const char* path) {
    // A process that was just killed may have created another file in the meantime.
    for (int attempt = 0; attempt < 3; ++attempt) {
        const int folder = ::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder < 0) return;
        empty(folder, 0);
        ::close(folder);
        if (::rmdir(path) == 0) return;
    }
}

}  // namespace

void remember(const std::string& path, Kind kind) {
    const std::lock_guard lock(writing);
    if (path.size() >= kLongestPath) return;
    for (Slot& slot : slots()) {
        // A forked process of ours may be filling in another: the mutex does not keep it out.
        if (pid_t free = 0; !slot.owner.compare_exchange_strong(free, -1)) continue;
        slot.kind = kind;
        std::memcpy(slot.path, path.c_str(), path.size() + 1);
        slot.owner.store(::getpid());
        return;
    }
}

void forget(const std::string& path) {
    const std::lock_guard lock(writing);
    for (Slot& slot : slots())
        if (slot.owner.load() == ::getpid() && path == slot.path) return slot.owner.store(0);
}

void remove_all(int owner) {
    for (const Slot& slot : slots()) {
        if (slot.owner.load() != owner) continue;
        if (slot.kind == Kind::file)
            ::unlink(slot.path);
        else
            remove_folder(slot.path);
    }
}

}  // namespace leakline::cleanup_registry
