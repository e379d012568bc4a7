#include "replay/internal/envelope.hpp"

#include <algorithm>
#include <cstring>

namespace leakline::replay {

namespace {

constexpr std::size_t kMaxJoined = ChunkBuffer::kMaxPiece;

template <int index>
std::unique_ptr<Unwrapper> make_json(std::string_view) {
    constexpr std::string_view kMembers[] = {"MESSAGE", "log",  "message",  "msg",     "textPayload", "line",
                                             "_source", "Line", "@message", "Message", "Content"};
    return std::make_unique<JsonUnwrapper>(kMembers[index]);
}

constexpr EnvelopeRow kEnvelopes[] = {
    {"CRI", true, make_cri},
    {"kubectl logs --prefix", true, make_kubectl},
    {"docker compose", true, make_compose},
    {"syslog (RFC 5424)", true, make_syslog_5424},
    {"syslog (RFC 3164)", true, make_syslog_3164},
    {"syslog", true, make_iso_syslog},
    {"lines with a time", true, make_iso_time},
    {"journal export", true, make_journal_export},
    {"Docker json-file", false, make_docker},
    {"journal JSON", false, make_json<0>},
    {"JSON \"log\"", false, make_json<1>},
    {"JSON \"message\"", false, make_json<2>},
    {"JSON \"msg\"", false, make_json<3>},
    {"JSON \"textPayload\"", false, make_json<4>},
    {"JSON \"line\"", false, make_json<5>},
    {"Elasticsearch hits", false, make_json<6>},
    {"JSON \"Line\"", false, make_json<7>},
    {"JSON \"@message\"", false, make_json<8>},
    {"JSON \"Message\"", false, make_json<9>},
    {"JSON \"Content\"", false, make_json<10>},
    {"CSV", true, make_csv},
    {"logfmt", false, make_logfmt},
    {"LTSV", false, make_ltsv},
    {"text before JSON", false, make_text_before_json},
    {"", false, make_colors},
};

}  // namespace

std::span<const EnvelopeRow> envelopes() { return kEnvelopes; }

EnvelopeSource::EnvelopeSource(ChunkBuffer lines, std::unique_ptr<Unwrapper> unwrapper, std::shared_ptr<LineTimes> times)
    : lines_(std::move(lines)), unwrapper_(std::move(unwrapper)), times_(std::move(times)) {}

// An embedded line end would make two lines of one, and a stack trace is not a request anyway.
void EnvelopeSource::append_line(std::string_view text) {
    const std::size_t start = ready_.size();
    ready_ += text;
    std::replace(ready_.begin() + static_cast<std::ptrdiff_t>(start), ready_.end(), '\n', ' ');
}

bool EnvelopeSource::fill() {
    const std::optional<std::string_view> line = lines_.next("\n");
    if (!line) {
        bool more = false;
        for (std::string& parts : parts_) {
            if (parts.empty()) continue;
            append_line(parts);  // its end is missing: a cut last line
            parts.clear();
            more = true;
        }
        return more;
    }
    std::optional<Enveloped> held = lines_.too_long() ? std::nullopt : unwrapper_->unwrap(*line);
    if (!held) {
        append_line(*line);
    } else {
        if (times_ && !held->time.empty()) times_->add(lines_.pieces(), held->time);
        std::string& parts = parts_[held->stream];
        if (held->partial && parts.size() + held->text.size() <= kMaxJoined) {
            parts += held->text;
        } else {
            append_line(parts);
            append_line(held->text);
            parts.clear();
        }
    }
    if (!lines_.torn()) ready_ += '\n';
    return true;
}

std::size_t EnvelopeSource::read(std::span<char> buffer) {
    constexpr std::size_t kKept = std::size_t{1} << 20;
    if (taken_ == ready_.size()) {
        taken_ = 0;
        if (ready_.capacity() > kKept) std::string().swap(ready_);  // frees the memory of one huge line
        ready_.clear();
        // Read no more from a pipe than one line needs.
        do {
            if (!fill()) break;
        } while (ready_.empty() || (ready_.size() < buffer.size() && lines_.window().find('\n') != std::string_view::npos));
    }
    const std::size_t count = std::min(buffer.size(), ready_.size() - taken_);
    std::memcpy(buffer.data(), ready_.data() + taken_, count);
    taken_ += count;
    return count;
}

}  // namespace leakline::replay
