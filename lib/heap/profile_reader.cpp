#include "heap/profile_reader.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "heap/heaptrack_file.hpp"
#include "heap/mark_schedule.hpp"
#include "heap/recording_file.hpp"

namespace leakline::heap {

namespace {

constexpr std::size_t kHead = 64 << 10;

// The first bytes of a source, then the source itself.
class Peeked : public ByteSource {
  public:
    explicit Peeked(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

    // At least `size` bytes of the start where there are so many.
    std::string_view peek(std::size_t size) {
        while (head_.size() < size) {
            const std::size_t before = head_.size();
            head_.resize(size);
            const std::size_t count = source_->read({head_.data() + before, size - before});
            head_.resize(before + count);
            if (count == 0) break;
        }
        return head_;
    }
    void skip(std::size_t size) { at_ += size; }

    std::size_t read(std::span<char> buffer) override {
        if (at_ == head_.size()) return source_->read(buffer);
        const std::size_t count = std::min(buffer.size(), head_.size() - at_);
        std::copy_n(head_.data() + at_, count, buffer.data());
        at_ += count;
        return count;
    }
    StreamEnd end() const override { return source_->end(); }
    std::string_view encoding() const override { return source_->encoding(); }
    std::uint64_t consumed() const override { return source_->consumed(); }
    std::optional<std::uint64_t> total() const override { return source_->total(); }

  private:
    std::unique_ptr<ByteSource> source_;
    std::string head_;
    std::size_t at_ = 0;
};

}  // namespace

HeapProfile read_profile(const std::string& path, const ReadOptions& options) {
    Peeked source(open_source(path));
    const std::string name = path == "-" ? "standard input" : path;
    const std::string_view head = source.peek(kHead);
    HeapProfile profile;
    const HeaptrackKind kind = heaptrack_kind(head);
    if (head.starts_with(kRecordingMagic)) {
        source.skip(kRecordingMagic.size());
        profile = read_recording(source, name);
    } else if (kind == HeaptrackKind::raw) {
        profile = read_raw(source, name, options);
    } else if (kind == HeaptrackKind::interpreted) {
        profile = read_interpreted(source, name, options);
    } else if (head.empty()) {
        throw Error(ErrorKind::input, name, "is empty", "the recorder was killed before it wrote anything");
    } else if (head.starts_with("leakline heap ")) {
        throw Error(ErrorKind::input, name, "is a recording of a newer leakline; this build reads format 1",
                    "read it with the leakline that wrote it");
    } else {
        throw Error(ErrorKind::input, name, "is no heap recording",
                    "give a file of `leakline record -o FILE` or one that heaptrack wrote");
    }
    thin_marks(profile.marks, options.max_marks);
    thin_rss(profile.rss);
    if (profile.marks.empty() || profile.events == 0)
        throw Error(ErrorKind::input, name, "holds no allocation",
                    "the process may have ended before it did anything, or never loaded the tracker");
    return profile;
}

}  // namespace leakline::heap
