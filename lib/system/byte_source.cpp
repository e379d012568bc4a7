// The three encodings behind ByteSource. gzip through zlib, zstd through libzstd; both read on over concatenated
// members and frames, as `cat a.gz b.gz` and long-running writers make them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "system/byte_source.hpp"
#include "system/stop.hpp"

namespace leakline {

namespace {

// Bytes as they stand in the file.
class Input {
  public:
    Input(int descriptor, std::string name, const std::stop_token& stop, std::function<bool()> wait = {})
        : descriptor_(descriptor), name_(std::move(name)), wait_(std::move(wait)) {
        if (stop.stop_possible()) stop_.emplace(stop);
        struct stat status {};
        if (::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode)) total_ = static_cast<std::uint64_t>(status.st_size);
    }
    explicit Input(std::string_view bytes) : memory_(bytes), total_(bytes.size()) {}
    ~Input() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    // 0: the end, or stopped().
    std::size_t read(std::span<char> buffer) {
        std::size_t got = 0;
        if (!pushed_back_.empty()) {
            got = std::min(buffer.size(), pushed_back_.size());
            std::memcpy(buffer.data(), pushed_back_.data(), got);
            pushed_back_.erase(0, got);
            return got;
        }
        if (descriptor_ < 0) {
            got = std::min(buffer.size(), memory_.size());
            if (got > 0) std::memcpy(buffer.data(), memory_.data(), got);
            memory_.remove_prefix(got);
        } else {
            stopped_ = stopped_ || (wait_ && !wait_());
            if (stopped_) return 0;
            ssize_t result = 0;
            do {
                // Of a pipe whose writer is silent, read(2) would not return.
                if (stop_ && (stop_->requested() || (!total_ && !wait_readable(descriptor_, *stop_))))
                    throw Error(ErrorKind::input, name_, "interrupted while reading");
                result = ::read(descriptor_, buffer.data(), buffer.size());
            } while (result < 0 && errno == EINTR);
            if (result < 0) throw os_error(ErrorKind::input, name_, "cannot read", errno);
            got = static_cast<std::size_t>(result);
        }
        consumed_ += got;
        return got;
    }
    // The first bytes, without consuming them.
    std::string peek(std::size_t size) {
        std::string head;
        char buffer[16];
        while (head.size() < size) {
            const std::size_t got = read(std::span(buffer, std::min(sizeof buffer, size - head.size())));
            if (got == 0) break;
            head.append(buffer, got);
        }
        pushed_back_ = head;
        return head;
    }
    bool stopped() const { return stopped_; }
    std::uint64_t consumed() const { return consumed_; }
    std::optional<std::uint64_t> total() const { return total_; }

  private:
    int descriptor_ = -1;
    std::string name_;
    std::function<bool()> wait_;
    std::optional<StopDescriptor> stop_;
    bool stopped_ = false;
    std::string_view memory_;
    std::string pushed_back_;
    std::uint64_t consumed_ = 0;
    std::optional<std::uint64_t> total_;
};

class SourceBase : public ByteSource {
  public:
    explicit SourceBase(std::unique_ptr<Input> input) : input_(std::move(input)) {}
    StreamEnd end() const override { return end_; }
    std::uint64_t consumed() const override { return input_->consumed(); }
    std::optional<std::uint64_t> total() const override { return input_->total(); }

  protected:
    // Nothing more was there to be read.
    void end_as(StreamEnd end) {
        if (!input_->stopped()) end_ = end;
    }

    std::unique_ptr<Input> input_;
    StreamEnd end_ = StreamEnd::open;
};

class PlainSource : public SourceBase {
  public:
    using SourceBase::SourceBase;
    std::size_t read(std::span<char> buffer) override {
        const std::size_t got = input_->read(buffer);
        if (got == 0 && !buffer.empty()) end_as(StreamEnd::clean);
        return got;
    }
    std::string_view encoding() const override { return "plain"; }
};

constexpr std::size_t kCompressedChunk = std::size_t{256} << 10;

class GzipSource : public SourceBase {
  public:
    explicit GzipSource(std::unique_ptr<Input> input) : SourceBase(std::move(input)), chunk_(kCompressedChunk) {
        if (::inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
    }
    ~GzipSource() override { ::inflateEnd(&stream_); }
    std::string_view encoding() const override { return "gzip"; }

    std::size_t read(std::span<char> buffer) override {
        if (end_ != StreamEnd::open || buffer.empty()) return 0;
        stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
        stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(buffer.size(), std::size_t{1} << 30));
        const uInt room = stream_.avail_out;
        while (stream_.avail_out == room) {
            // A full output buffer can leave the end of a match inside the stream: it comes out before more is read.
            if (stream_.avail_in == 0 && !pending_) {
                const std::size_t got = input_->read(chunk_);
                if (got == 0) {
                    end_as(inside_member_ ? StreamEnd::truncated : StreamEnd::clean);
                    break;
                }
                stream_.next_in = reinterpret_cast<Bytef*>(chunk_.data());
                stream_.avail_in = static_cast<uInt>(got);
            }
            if (!inside_member_) {
                ::inflateReset(&stream_);
                inside_member_ = true;
            }
            const int result = ::inflate(&stream_, Z_NO_FLUSH);
            pending_ = stream_.avail_out == 0 && result != Z_STREAM_END;
            if (result == Z_STREAM_END) {
                inside_member_ = false;
            } else if (result != Z_OK && result != Z_BUF_ERROR) {
                end_ = StreamEnd::damaged;
                break;
            }
        }
        return room - stream_.avail_out;
    }

  private:
    z_stream stream_{};
    std::vector<char> chunk_;
    bool inside_member_ = true, pending_ = false;
};

class ZstdSource : public SourceBase {
  public:
    explicit ZstdSource(std::unique_ptr<Input> input)
        : SourceBase(std::move(input)), stream_(::ZSTD_createDStream()), chunk_(kCompressedChunk) {
        if (stream_ == nullptr) throw std::bad_alloc();
        wanted_ = ::ZSTD_initDStream(stream_);
    }
    ~ZstdSource() override { ::ZSTD_freeDStream(stream_); }
    std::string_view encoding() const override { return "zstd"; }

    std::size_t read(std::span<char> buffer) override {
        if (end_ != StreamEnd::open || buffer.empty()) return 0;
        ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
        while (out.pos == 0) {
            // A full output buffer can leave decoded bytes inside the stream: they come out before more is read.
            if (in_.pos == in_.size && !pending_) {
                const std::size_t got = input_->read(chunk_);
                if (got == 0) {
                    end_as(inside_frame_ ? StreamEnd::truncated : StreamEnd::clean);
                    break;
                }
                in_ = {chunk_.data(), got, 0};
            }
            // A call that finds damage loses all that it has decoded, so each gets at most one block.
            ZSTD_inBuffer block{in_.src, std::min(in_.size, in_.pos + wanted_), in_.pos};
            const std::size_t result = ::ZSTD_decompressStream(stream_, &out, &block);
            in_.pos = block.pos;
            if (::ZSTD_isError(result) != 0) {
                end_ = StreamEnd::damaged;
                break;
            }
            inside_frame_ = result != 0;
            wanted_ = std::max<std::size_t>(result, 1);  // 0: between frames
            pending_ = out.pos == out.size;
        }
        return out.pos;
    }

  private:
    ZSTD_DStream* stream_;
    std::vector<char> chunk_;
    ZSTD_inBuffer in_{nullptr, 0, 0};
    std::size_t wanted_ = 0;  // bytes until the end of the next block
    bool inside_frame_ = true, pending_ = false;
};

std::unique_ptr<ByteSource> sniff(std::unique_ptr<Input> input) {
    const std::string head = input->peek(4);
    if (head.starts_with("\x1f\x8b")) return std::make_unique<GzipSource>(std::move(input));
    if (head == "\x28\xb5\x2f\xfd") return std::make_unique<ZstdSource>(std::move(input));
    return std::make_unique<PlainSource>(std::move(input));
}

}  // namespace

std::unique_ptr<ByteSource> open_source(const std::string& path, const std::stop_token& stop) {
    if (path == "-") return sniff(std::make_unique<Input>(::dup(STDIN_FILENO), "standard input", stop));
    // open(2) of a pipe waits for a writer, and a stop does not end it: then it is the first read that waits.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (stop.stop_possible() ? O_NONBLOCK : 0));
    if (descriptor < 0) throw os_error(ErrorKind::input, path, "cannot open", errno);
    if (stop.stop_possible()) ::fcntl(descriptor, F_SETFL, 0);
    auto input = std::make_unique<Input>(descriptor, path, stop);
    struct stat status {};
    if (::fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode))
        throw Error(ErrorKind::input, path, "is a directory", "name a file in it");
    return sniff(std::move(input));
}

std::unique_ptr<ByteSource> memory_source(std::string_view bytes) { return sniff(std::make_unique<Input>(bytes)); }

std::unique_ptr<ByteSource> descriptor_source(int descriptor, std::function<bool()> wait) {
    return sniff(std::make_unique<Input>(descriptor, "descriptor", std::stop_token(), std::move(wait)));
}

std::string read_file(const std::string& path, std::size_t limit, const std::stop_token& stop) {
    return read_all(*open_source(path, stop), path, limit);
}

std::string read_all(ByteSource& source, const std::string& name, std::size_t limit) {
    std::string content;
    std::string chunk(std::size_t{1} << 16, '\0');
    while (const std::size_t got = source.read(chunk)) {
        if (content.size() + got > limit)
            throw Error(ErrorKind::input, name, "larger than " + format_bytes(static_cast<double>(limit)), "is this the right file?");
        content.append(chunk, 0, got);
    }
    return content;
}

}  // namespace leakline
