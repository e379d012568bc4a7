#include "memory/samples_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"
#include "system/descriptor.hpp"
#include "system/output_file.hpp"
#include "system/reader_gone.hpp"

namespace leakline::memory {

namespace {

// The part of a row that identifies its tick: CSV's first cell, the time at the end of the other formats' lines.
std::string_view tick_of(SampleFormat format, std::string_view row) {
    if (format == SampleFormat::csv) return row.substr(0, row.find(','));
    const std::size_t space = row.rfind(' ');
    return space == std::string_view::npos ? row : row.substr(space + 1);
}

}  // namespace

SampleFile::SampleFile(std::string path, Retention retention) : path_(std::move(path)), retention_(retention) { open(); }

SampleFile::~SampleFile() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

void SampleFile::open() {
    if (path_ == "-") {
        descriptor_ = STDOUT_FILENO;
        return;
    }
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) throw os_error(ErrorKind::input, path_, "cannot write", errno);
    struct stat status {};
    regular_ = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
}

void SampleFile::begin(SampleLayout layout) {
    layout_ = std::move(layout);
    start();
}

void SampleFile::start() {
    if (regular_ && ::ftruncate(descriptor_, 0) != 0) throw os_error(ErrorKind::system, path_, "cannot empty the file", errno);
    size_ = 0;
    write(samples_head(layout_));
}

void SampleFile::add(const Subject& subject, const MemorySample& sample) {
    if (ticks_ % every_ == 0) append_sample(pending_, layout_, subject, sample);
}

void SampleFile::end_tick() {
    ++ticks_;
    if (pending_.empty()) return;
    write(pending_);
    pending_.clear();
    if (!regular_ || retention_.mode == Retention::Mode::all || size_ < retention_.max_bytes) return;
    if (retention_.mode == Retention::Mode::rotate)
        rotate();
    else
        thin();
}

void SampleFile::finish() { write(samples_foot(layout_)); }

void SampleFile::write(std::string_view bytes) {
    if (const std::size_t done = write_all(descriptor_, bytes); done != bytes.size()) {
        const int reason = errno;
        if (reason == EPIPE && path_ == "-") throw ReaderGone();
        // Remove a partial tick: a reader would read a cut number as a number.
        if (regular_ && done > 0 && ::ftruncate(descriptor_, static_cast<off_t>(size_)) == 0)
            ::lseek(descriptor_, static_cast<off_t>(size_), SEEK_SET);
        throw os_error(ErrorKind::system, path_, "cannot write the samples", reason, "what was written before is whole and can be read");
    }
    size_ += bytes.size();
}

void SampleFile::rotate() {
    write(samples_foot(layout_));
    for (int i = retention_.kept; i >= 1; --i) {
        const std::string from = i == 1 ? path_ : path_ + "." + std::to_string(i - 1);
        const std::string to = path_ + "." + std::to_string(i);
        if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
            throw os_error(ErrorKind::system, from, "cannot rotate to " + to, errno);
    }
    ::close(descriptor_);
    descriptor_ = -1;
    open();
    start();
}

void SampleFile::thin() {
    const std::string text = read_file(path_, std::size_t{4} << 30);
    const std::string head = samples_head(layout_);
    std::string kept = head;
    kept.reserve(text.size() / 2 + head.size());
    std::string_view rows = std::string_view(text).substr(std::min(head.size(), text.size()));
    std::string_view tick;
    std::uint64_t index = 0;
    while (!rows.empty()) {
        const std::string_view row = take_line(rows);
        const std::string_view row_tick = tick_of(layout_.format, row);
        if (row_tick != tick) {
            ++index;
            tick = row_tick;
        }
        if (index % 2 == 1) (kept += row) += '\n';  // the first tick stays
    }
    {
        OutputFile replacement(path_);
        replacement.write(kept);
        replacement.commit();
    }
    ::close(descriptor_);
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (descriptor_ < 0) throw os_error(ErrorKind::system, path_, "cannot go on writing", errno);
    size_ = kept.size();
    every_ *= 2;
}

}  // namespace leakline::memory
