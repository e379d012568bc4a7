// pprof's profile.proto (github.com/google/pprof/proto/profile.proto), gzip-compressed, as `go tool pprof`
// reads it.
//
//   Profile:  1 sample_type*  2 sample*  3 mapping*  4 location*  5 function*  6 string_table*  10
//   duration_nanos
//             13 comment*     14 default_sample_type
//   Sample:   1 location_id* (packed, innermost first)  2 value* (packed, one a sample_type)
//   Mapping:  1 id  5 filename  7 has_functions  8 has_filenames  9 has_line_numbers  10 has_inline_frames
//   Location: 1 id  2 mapping_id  4 line{1 function_id  2 line}
//   Function: 1 id  2 name  3 system_name  4 filename
//
// Values may be negative, as in any pprof profile of a difference.
#include <zlib.h>

#include <map>
#include <vector>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/stacks.hpp"

namespace leakline::report {

namespace {

// One message, in protobuf's wire format (https://protobuf.dev/programming-guides/encoding).
class Message {
  public:
    void number(int field, std::uint64_t value) {
        if (value == 0) return;  // the default of every field used here
        key(field, 0);
        varint(value);
    }
    void bytes(int field, std::string_view value) {
        key(field, 2);
        varint(value.size());
        out_ += value;
    }
    void message(int field, const Message& value) { bytes(field, value.out_); }
    void packed(int field, const std::vector<std::uint64_t>& values) {
        Message inner;
        for (std::uint64_t value : values) inner.varint(value);
        bytes(field, inner.out_);
    }
    const std::string& text() const { return out_; }

  private:
    void key(int field, unsigned wire_type) { varint(static_cast<std::uint64_t>(field) << 3 | wire_type); }
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) out_ += static_cast<char>((value & 0x7f) | 0x80);
        out_ += static_cast<char>(value);
    }

    std::string out_;
};

class Profile {
  public:
    Profile() { string(""); }  // entry 0 of the table is always empty

    std::uint64_t string(std::string_view text) {
        const auto [place, fresh] = strings_.try_emplace(utf8(text), strings_.size());
        if (fresh) table_.push_back(place->first);
        return place->second;
    }
    void sample_type(std::string_view type, std::string_view unit) {
        Message value;
        value.number(1, string(type));
        value.number(2, string(unit));
        profile_.message(1, value);
    }
    void mapping(std::string_view filename) {
        Message value;
        value.number(1, 1);
        value.number(5, string(filename));
        for (int has : {7, 8, 9, 10}) value.number(has, 1);  // nothing is left to symbolize
        profile_.message(3, value);
    }
    void sample(const LineStack& stack) {
        std::vector<std::uint64_t> locations;
        for (const CodeLine& frame : stack.frames) locations.push_back(location(frame));
        Message value;
        value.packed(1, locations);
        value.packed(2, {stack.allocations, stack.allocated_bytes, static_cast<std::uint64_t>(stack.blocks),
                         static_cast<std::uint64_t>(stack.bytes)});
        profile_.message(2, value);
    }
    std::string finish(Nanoseconds duration, std::string_view comment, std::string_view default_type) {
        profile_.number(10, static_cast<std::uint64_t>(duration.count()));
        profile_.number(13, string(comment));
        profile_.number(14, string(default_type));
        for (const std::string& text : table_) profile_.bytes(6, text);
        return profile_.text();
    }

  private:
    std::uint64_t location(const CodeLine& frame) {
        const auto [place, fresh] = locations_.try_emplace(frame, locations_.size() + 1);
        if (!fresh) return place->second;
        Message line;
        line.number(1, function(frame));
        line.number(2, frame.line);
        Message value;
        value.number(1, place->second);
        value.number(2, 1);
        value.message(4, line);
        profile_.message(4, value);
        return place->second;
    }
    std::uint64_t function(const CodeLine& frame) {
        const std::string name = frame.function.empty() ? frame_text(frame) : frame.function;
        const auto [place, fresh] = functions_.try_emplace({name, frame.file}, functions_.size() + 1);
        if (!fresh) return place->second;
        Message value;
        value.number(1, place->second);
        value.number(2, string(name));
        value.number(3, string(name));
        value.number(4, string(frame.file));
        profile_.message(5, value);
        return place->second;
    }
    // A string field must be UTF-8, and names come from foreign debug info: invalid bytes become '?'.
    static std::string utf8(std::string_view text) {
        std::string out;
        for (std::size_t i = 0; i < text.size();) {
            const auto first = static_cast<unsigned char>(text[i]);
            const std::size_t length = first < 0x80                    ? 1
                                       : first >= 0xc2 && first < 0xe0 ? 2
                                       : first >= 0xe0 && first < 0xf0 ? 3
                                       : first >= 0xf0 && first < 0xf5 ? 4
                                                                       : 0;
            bool good = length != 0 && i + length <= text.size();
            for (std::size_t k = 1; good && k < length; ++k) good = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
            if (good && length == 3) {  // overlong forms and surrogates
                const auto second = static_cast<unsigned char>(text[i + 1]);
                good = !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second >= 0xa0);
            }
            if (good && length == 4) {
                const auto second = static_cast<unsigned char>(text[i + 1]);
                good = !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second >= 0x90);
            }
            out += good ? text.substr(i, length) : std::string_view("?");
            i += good ? length : 1;
        }
        return out;
    }

    Message profile_;
    std::map<std::string, std::uint64_t> strings_;
    std::vector<std::string> table_;
    std::map<CodeLine, std::uint64_t> locations_;
    std::map<std::pair<std::string, std::string>, std::uint64_t> functions_;
};

// Without a timestamp, so that equal profiles are equal files.
std::string gzip(const std::string& bytes) {
    z_stream stream{};
    constexpr int kGzipWrapper = 16;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzipWrapper, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw Error(ErrorKind::system, "zlib", "cannot start to compress");
    std::string out(deflateBound(&stream, bytes.size()) + 32, '\0');
    std::string in = bytes;  // zlib's input is not const
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    if (result != Z_STREAM_END) throw Error(ErrorKind::system, "zlib", "cannot compress the profile");
    return out;
}

}  // namespace

std::string render_pprof(const Document& document, const RenderOptions&) {
    const LineReport& report = lines_of(document, "pprof");
    Profile profile;
    profile.sample_type("alloc_objects", "count");
    profile.sample_type("alloc_space", "bytes");
    profile.sample_type("inuse_objects", "count");
    profile.sample_type("inuse_space", "bytes");
    profile.mapping(report.command.substr(0, report.command.find(' ')));
    for (const LineStack& stack : stacks_of(report)) profile.sample(stack);
    return gzip(profile.finish(report.window_end - report.window_begin, "growth of live heap bytes within the window: " + report.command,
                               "inuse_space"));
}

}  // namespace leakline::report
