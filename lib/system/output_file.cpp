#include "system/output_file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "system/descriptor_name.hpp"
#include "system/internal/cleanup_registry.hpp"
#include "system/reader_gone.hpp"
#include "system/stop.hpp"

namespace leakline {

namespace {

// The target of path's links, even if it does not exist yet.
std::string followed(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    fs::path at = path;
    for (int links = 0; links < 40 && fs::is_symlink(fs::symlink_status(at, error)); ++links) {
        const fs::path target = fs::read_symlink(at, error);
        if (error) break;
        at = target.is_absolute() ? target : at.parent_path() / target;
    }
    return at.string();
}

void refuse_foreign_link(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return;
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor >= 0)
        ::close(descriptor);
    else if (errno != ENOENT)
        throw os_error(ErrorKind::input, path, "cannot write through this link", errno);
}

}  // namespace

OutputFile::OutputFile(std::string path, std::stop_token stop) : path_(std::move(path)), stop_(std::move(stop)) {
    struct stat status {};
    if (const auto open = descriptor_to_write(path_)) {
        // Opening the file again by its name would write from its start, and renaming over it would lose it.
        descriptor_ = ::fcntl(*open, F_DUPFD_CLOEXEC, 3);
    } else if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        if (S_ISDIR(status.st_mode)) throw Error(ErrorKind::input, path_, "is a directory", "name a file in it");
        open_special();
    } else {
        // The temporary stands in the same folder, so that the rename cannot cross file systems. Through a link, the
        // file that it leads to is the one to replace; not before the kernel follows the link for us, which it refuses to do
        // in a folder of all users for a link of another (fs.protected_symlinks).
        refuse_foreign_link(path_);
        target_ = followed(path_);
        temporary_ = target_ + ".XXXXXX";
        descriptor_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
        if (descriptor_ < 0)
            temporary_.clear();
        else
            cleanup_registry::remember(temporary_, cleanup_registry::Kind::file);
        // mkostemp makes it private; a report has the mode of any file that this user makes.
        const mode_t mask = ::umask(0);
        ::umask(mask);
        const bool exists = ::stat(path_.c_str(), &status) == 0;
        if (descriptor_ >= 0 && exists) {
            [[maybe_unused]] const int ignored = ::fchown(descriptor_, status.st_uid, status.st_gid);  // root writes for others
        }
        if (descriptor_ >= 0) ::fchmod(descriptor_, exists ? status.st_mode & 07777 : 0666 & ~mask);
    }
    if (descriptor_ < 0) {
        const int reason = errno;
        throw os_error(ErrorKind::input, path_, "cannot write", reason, reason == ENOENT ? "create the directory first" : std::string());
    }
}

void OutputFile::open_special() {
    constexpr Nanoseconds kPause = std::chrono::milliseconds(10);
    if (!stop_.stop_possible()) {
        descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
        return;
    }
    // A pipe without a reader yet: the kernel does not report when one opens it.
    while ((descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK)) < 0 && errno == ENXIO)
        if (!sleep_for(stop_, kPause)) throw Error(ErrorKind::input, path_, "interrupted before anyone read from it");
    if (descriptor_ >= 0) ::fcntl(descriptor_, F_SETFL, 0);
}

OutputFile::~OutputFile() { discard(); }

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      stop_(std::move(other.stop_)),
      descriptor_(other.descriptor_) {
    other.descriptor_ = -1;
    other.temporary_.clear();
}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
    if (this != &other) {
        discard();
        path_ = std::move(other.path_);
        target_ = std::move(other.target_);
        temporary_ = std::move(other.temporary_);
        stop_ = std::move(other.stop_);
        descriptor_ = other.descriptor_;
        other.descriptor_ = -1;
        other.temporary_.clear();
    }
    return *this;
}

void OutputFile::write(std::string_view bytes) {
    if (!stop_.stop_possible() || !temporary_.empty()) {
        while (!bytes.empty()) write_some(bytes);
        return;
    }
    // A pipe that has room for anything has room for this much, and write(2) does not wait.
    const StopDescriptor wake(stop_);
    while (!bytes.empty()) {
        if (!wait_writable(descriptor_, wake)) throw Error(ErrorKind::system, path_, "interrupted while writing");
        std::string_view part = bytes.substr(0, PIPE_BUF);
        bytes.remove_prefix(part.size());
        while (!part.empty()) write_some(part);
    }
}

void OutputFile::write_some(std::string_view& bytes) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) return bytes.remove_prefix(static_cast<std::size_t>(written));
    if (errno == EINTR) return;
    if (errno == EPIPE && descriptor_to_write(path_) == STDOUT_FILENO) throw ReaderGone();
    throw os_error(ErrorKind::system, path_, "cannot write", errno);
}

void OutputFile::commit() {
    if (descriptor_ < 0) return;
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0 && errno != EINTR) {
        const int reason = errno;
        discard();
        throw os_error(ErrorKind::system, path_, "cannot write", reason);
    }
    if (!temporary_.empty() && ::rename(temporary_.c_str(), target_.c_str()) != 0) {
        const int reason = errno;
        discard();
        throw os_error(ErrorKind::system, path_, "cannot write", reason);
    }
    if (!temporary_.empty()) cleanup_registry::forget(temporary_);
    temporary_.clear();
}

void OutputFile::discard() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    if (!temporary_.empty()) {
        ::unlink(temporary_.c_str());
        cleanup_registry::forget(temporary_);
    }
    temporary_.clear();
}

}  // namespace leakline
