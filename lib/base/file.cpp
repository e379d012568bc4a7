#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/descriptor_name.hpp"
#include "base/error.hpp"
#include "base/leftovers.hpp"
#include "base/process.hpp"
#include "base/reader_gone.hpp"
#include "base/text.hpp"

namespace leakline {

std::string read_file(const std::string& path, std::size_t limit) {
    return read_all(*open_source(path), path, limit);
}

std::string read_all(ByteSource& source, const std::string& name, std::size_t limit) {
    std::string content;
    std::string chunk(std::size_t{1} << 16, '\0');
    while (const std::size_t got = source.read(chunk)) {
        if (interruption::received() != 0) throw Error(ErrorKind::input, name, "interrupted while reading");
        if (content.size() + got > limit)
            throw Error(ErrorKind::input, name, "larger than " + format_bytes(static_cast<double>(limit)), "is this the right file?");
        content.append(chunk, 0, got);
    }
    return content;
}

std::optional<std::string> read_small_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return std::nullopt;
    std::string content;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(descriptor, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0) content.append(buffer, static_cast<std::size_t>(got));
    ::close(descriptor);
    if (got < 0) return std::nullopt;
    return content;
}

LineReader::LineReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {
    buffer_.resize(std::size_t{1} << 16);
}

LineReader::~LineReader() = default;

// Makes room and reads more behind what is there; false at the end.
bool LineReader::fill() {
    if (at_end_) return false;
    if (begin_ > 0) {
        std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    const std::size_t got = source_->read(std::span(buffer_.data() + end_, buffer_.size() - end_));
    if (got == 0) at_end_ = true;
    end_ += got;
    return got > 0;
}

std::optional<std::string_view> LineReader::next() {
    std::size_t scanned = 0;
    for (;;) {
        const char* from = buffer_.data() + begin_ + scanned;
        const auto* newline = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_ - scanned));
        std::size_t length = end_ - begin_;
        std::size_t skip = 0;
        if (newline != nullptr) {
            length = static_cast<std::size_t>(newline - buffer_.data()) - begin_;
            skip = 1;
        } else if (length > kMaxLine) {
            // Too long to be a line of anything we read: what is there is returned, the rest of it is dropped.
            std::string head(buffer_, begin_, kMaxLine);
            begin_ = end_ = 0;
            bool found = false;
            while (!found && fill()) {
                const auto* end = static_cast<const char*>(std::memchr(buffer_.data(), '\n', end_));
                found = end != nullptr;
                begin_ = found ? static_cast<std::size_t>(end - buffer_.data()) + 1 : end_;
            }
            std::string rest(buffer_, begin_, end_ - begin_);
            buffer_ = head + rest;
            buffer_.resize(std::max<std::size_t>(buffer_.size(), std::size_t{1} << 16));
            begin_ = head.size();
            end_ = head.size() + rest.size();
            ++number_;
            return std::string_view(buffer_.data(), head.size());
        } else {
            scanned = length;
            if (fill()) continue;
            if (length == 0) return std::nullopt;
            torn_ = true;
        }
        std::string_view line(buffer_.data() + begin_, length);
        begin_ += length + skip;
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        line = line.substr(0, kMaxLine);
        ++number_;
        return line;
    }
}

namespace {

// Where the links of path lead to, also where nothing is there yet.
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
    if (descriptor >= 0) ::close(descriptor);
    else if (errno != ENOENT) throw os_error(ErrorKind::input, path, "cannot write through this link", errno);
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
    struct stat status {};
    if (const auto open = descriptor_to_write(path_)) {
        // Opened by its name once more, a file would be written from its start, and renamed over, it would be lost.
        descriptor_ = ::fcntl(*open, F_DUPFD_CLOEXEC, 3);
    } else if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        if (S_ISDIR(status.st_mode)) throw Error(ErrorKind::input, path_, "is a directory", "name a file in it");
        descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
        // The temporary stands in the same folder, so that the rename cannot cross file systems. Through a link, the
        // file that it leads to is the one to replace; not before the kernel follows the link for us, which it refuses to do
        // in a folder of all users for a link of another (fs.protected_symlinks).
        refuse_foreign_link(path_);
        target_ = followed(path_);
        temporary_ = target_ + ".XXXXXX";
        descriptor_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
        if (descriptor_ < 0) temporary_.clear();
        else leftovers::remember(temporary_, leftovers::Kind::file);
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
        throw os_error(ErrorKind::input, path_, "cannot write", reason,
                       reason == ENOENT ? "make the folder first" : std::string());
    }
}

OutputFile::~OutputFile() { discard(); }

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
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
        descriptor_ = other.descriptor_;
        other.descriptor_ = -1;
        other.temporary_.clear();
    }
    return *this;
}

void OutputFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR && interruption::received() == 0) continue;
            if (errno == EPIPE && descriptor_to_write(path_) == STDOUT_FILENO) throw ReaderGone();
            throw os_error(ErrorKind::system, path_, "cannot write", errno);
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
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
    if (!temporary_.empty()) leftovers::forget(temporary_);
    temporary_.clear();
}

void OutputFile::discard() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    if (!temporary_.empty()) {
        ::unlink(temporary_.c_str());
        leftovers::forget(temporary_);
    }
    temporary_.clear();
}

TemporaryDirectory::TemporaryDirectory() {
    const std::string_view root = environment_variable("TMPDIR");
    std::string path = std::string(root.empty() ? "/tmp" : root) + "/leakline.XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
        throw os_error(ErrorKind::system, path, "cannot make a temporary folder", errno, "set TMPDIR to a writable one");
    path_ = path;
    leftovers::remember(path_, leftovers::Kind::folder);
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    leftovers::forget(path_);
}

}  // namespace leakline
