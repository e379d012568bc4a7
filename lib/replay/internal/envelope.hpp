// Formats in which other programs wrap the lines of a log: container runtimes, syslog, the journal, shippers. The inner lines
// have any format of log_formats(), or another envelope.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json_scan.hpp"
#include "replay/internal/line_times.hpp"
#include "system/byte_source.hpp"
#include "system/chunk_buffer.hpp"

namespace leakline::replay {

// The content of one line of the envelope.
struct Enveloped {
    std::string_view text;  // valid until the next call, and as long as the line
    bool partial = false;   // the rest follows in another line of the same stream
    unsigned stream = 0;    // below Unwrapper::kStreams
    std::string_view time;  // when the line was written, if the envelope has it; valid as text is
};

class Unwrapper {
  public:
    static constexpr unsigned kStreams = 2;

    virtual ~Unwrapper() = default;
    // Nothing if the line is not of this envelope. Lines come without their ends, "\r" included.
    virtual std::optional<Enveloped> unwrap(std::string_view line) = 0;
};

// A row of the table of envelopes.
struct EnvelopeRow {
    const char* name;  // for messages; "": not mentioned
    // Text envelopes are tried before the formats, which find their line after any prefix; JSON envelopes after them, since a
    // format with known JSON members is more specific than a member with some message.
    bool before_formats;
    // prefix: the first bytes of the log, from which an unwrapper may learn how lines end.
    std::unique_ptr<Unwrapper> (*make)(std::string_view prefix);
};
std::span<const EnvelopeRow> envelopes();

// The lines within, as a source of bytes: one line out for each line in, so that numbers of lines stay. Parts of a line are
// joined, at the place of the last. A line that is not of the envelope passes as it is.
class EnvelopeSource : public ByteSource {
  public:
    // times, unless null, gets those of the lines.
    EnvelopeSource(ChunkBuffer lines, std::unique_ptr<Unwrapper> unwrapper, std::shared_ptr<LineTimes> times = nullptr);
    std::size_t read(std::span<char> buffer) override;
    StreamEnd end() const override { return lines_.source().end(); }
    std::string_view encoding() const override { return lines_.source().encoding(); }
    std::uint64_t consumed() const override { return lines_.source().consumed(); }
    std::optional<std::uint64_t> total() const override { return lines_.source().total(); }

  private:
    bool fill();  // one line more into ready_; false at the end
    void append_line(std::string_view text);

    ChunkBuffer lines_;
    std::unique_ptr<Unwrapper> unwrapper_;
    std::shared_ptr<LineTimes> times_;
    std::string ready_, parts_[Unwrapper::kStreams];
    std::size_t taken_ = 0;  // of ready_
};

// The rows' unwrappers, by file.
std::unique_ptr<Unwrapper> make_cri(std::string_view prefix);
std::unique_ptr<Unwrapper> make_docker(std::string_view prefix);
std::unique_ptr<Unwrapper> make_kubectl(std::string_view prefix);
std::unique_ptr<Unwrapper> make_compose(std::string_view prefix);
std::unique_ptr<Unwrapper> make_syslog_5424(std::string_view prefix);
std::unique_ptr<Unwrapper> make_syslog_3164(std::string_view prefix);
std::unique_ptr<Unwrapper> make_iso_syslog(std::string_view prefix);
std::unique_ptr<Unwrapper> make_iso_time(std::string_view prefix);
std::unique_ptr<Unwrapper> make_journal_export(std::string_view prefix);
std::unique_ptr<Unwrapper> make_csv(std::string_view prefix);
std::unique_ptr<Unwrapper> make_logfmt(std::string_view prefix);
std::unique_ptr<Unwrapper> make_ltsv(std::string_view prefix);
std::unique_ptr<Unwrapper> make_text_before_json(std::string_view prefix);
// Removes the escape sequences that color text. The table has it for logs whose first lines have colors, and it is put around any text
// format, since later lines may have some.
std::unique_ptr<Unwrapper> make_colors(std::string_view prefix = {});
bool has_colors(std::string_view text);

// A JSON object with the line in a member of this name, at the top: a text, an object (whose text is the line), or (journalctl -o
// json) an array of bytes.
class JsonUnwrapper : public Unwrapper {
  public:
    explicit JsonUnwrapper(std::string_view member) : member_(member) {}
    std::optional<Enveloped> unwrap(std::string_view line) override;

  protected:
    std::string_view time() const { return time_; }
    std::optional<std::string_view> member_text(std::string_view line);  // with the ends of lines that it has
    virtual void take_other(std::string_view, std::string_view) {}       // of the other members: name and text

  private:
    std::string member_, bytes_;
    std::string_view time_;  // of the last line
    Scratch scratch_;
};

}  // namespace leakline::replay
