// Envelopes that are a prefix of the line.
//
//   CRI        = ISO-time " " ("stdout" / "stderr") " " ("F" / "P") *(":" tag) " " line         (P: the rest follows)
//   kubectl    = "[pod/" name "/" container "] " line                                            (kubectl logs --prefix)
//   compose    = name *" " "| " line                                                             (docker compose logs)
//   RFC 5424   = ["<" PRI ">"] "1 " ISO-time " " host " " app " " process " " message-id " " ("-" / 1*("[" ... "]")) " " line
//   RFC 3164   = ["<" PRI ">"] "Mmm DD HH:MM:SS[.ffffff] " [host " "] tag ["[" pid "]"] ": " line
//   syslog ISO = ["<" PRI ">"] ISO-time " " [host " "] tag ["[" pid "]"] ": " line               (rsyslog, journalctl -o short-iso)
//   ISO        = ISO-time " " line                                                               (docker logs -t, CloudWatch)
//
// The journal's export format (systemd.io/JOURNAL_EXPORT_FORMATS) has one field per line, NAME=VALUE, and ends an entry with a
// blank line; a value that is not text is written as NAME "\n" 8 bytes of length, little-endian, then its bytes and "\n".
#include <algorithm>
#include <cstdint>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "replay/internal/envelope.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

// "2024-06-07T12:30:00", with any fraction and zone.
bool is_iso_time(std::string_view word) {
    constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
    return has_form(word, kForm) && word.find_first_not_of("0123456789.,:+-Zz", kForm.size()) == word.npos;
}

void take_priority(std::string_view& line) {
    if (!line.starts_with('<')) return;
    const std::size_t end = line.find('>');
    if (end == line.npos || end < 2 || end > 4 || !std::all_of(line.begin() + 1, line.begin() + static_cast<std::ptrdiff_t>(end), is_digit))
        return;
    line.remove_prefix(end + 1);
}

// "tag[pid]: " or "host tag[pid]: "; false if there is neither.
bool take_tag(std::string_view& line) {
    const auto is_tag = [](std::string_view word) {
        return word.size() > 1 && word.ends_with(':') && word.find_first_of("\"{}") == word.npos;
    };
    std::string_view rest = line;
    const std::string_view first = take_until_blank(rest);
    if (is_tag(first)) return line = rest, true;
    const std::string_view second = take_until_blank(rest);
    if (first.empty() || !is_tag(second)) return false;
    return line = rest, true;
}

// "Jun  7 12:30:00", "Jun 07 12:30:00.123456"
bool take_old_time(std::string_view& line) {
    constexpr std::string_view kMonths = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    constexpr std::string_view kForm = "aaa _d dd:dd:dd";
    if (!has_form(line, kForm) || kMonths.find(line.substr(0, 3)) == kMonths.npos) return false;
    line.remove_prefix(kForm.size());
    if (line.starts_with('.')) line.remove_prefix(std::min(line.find(' '), line.size()));
    if (!line.starts_with(' ')) return false;
    line.remove_prefix(1);
    return true;
}

using Strip = std::optional<Enveloped> (*)(std::string_view line);

std::optional<Enveloped> strip_cri(std::string_view line) {
    const std::string_view time = take_until_blank(line);
    if (!is_iso_time(time)) return std::nullopt;
    const std::string_view stream = take_until_blank(line), tags = take_until_blank(line);
    const std::string_view first = tags.substr(0, tags.find(':'));
    if ((stream != "stdout" && stream != "stderr") || (first != "F" && first != "P")) return std::nullopt;
    return Enveloped{line, first == "P", stream == "stderr" ? 1U : 0U, time};
}

std::optional<Enveloped> strip_kubectl(std::string_view line) {
    if (!line.starts_with("[pod/")) return std::nullopt;
    const std::size_t end = line.find("] ");
    if (end == line.npos || line.substr(0, end).find(' ') != line.npos) return std::nullopt;
    return Enveloped{line.substr(end + 2), false, 0, {}};
}

std::optional<Enveloped> strip_compose(std::string_view line) {
    std::size_t at = 0;
    const auto is_name = [](char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '_' || c == '.'; };
    while (at < line.size() && is_name(line[at])) ++at;
    const std::size_t name = at;
    while (at < line.size() && line[at] == ' ') ++at;
    if (name == 0 || at == name || !line.substr(at).starts_with("| ")) return std::nullopt;
    return Enveloped{line.substr(at + 2), false, 0, {}};
}

std::optional<Enveloped> strip_5424(std::string_view line) {
    take_priority(line);
    const bool version = take_until_blank(line) == "1";
    const std::string_view time = take_until_blank(line);
    if (!version || !is_iso_time(time)) return std::nullopt;
    for (int field = 0; field < 4; ++field)
        if (take_until_blank(line).empty()) return std::nullopt;
    if (line.starts_with('-')) {
        line.remove_prefix(1);
    } else {
        bool quoted = false;
        std::size_t at = 0;
        for (; at < line.size(); ++at) {
            if (quoted && line[at] == '\\')
                ++at;
            else if (line[at] == '"')
                quoted = !quoted;
            else if (!quoted && line[at] == ']' && !line.substr(at + 1).starts_with('['))
                break;
        }
        if (!line.starts_with('[') || at >= line.size()) return std::nullopt;
        line.remove_prefix(at + 1);
    }
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    return Enveloped{line, false, 0, time};
}

std::optional<Enveloped> strip_3164(std::string_view line) {
    take_priority(line);
    const char* const begin = line.data();
    if (!take_old_time(line)) return std::nullopt;
    const std::string_view time(begin, static_cast<std::size_t>(line.data() - begin) - 1);
    if (!take_tag(line)) return std::nullopt;
    return Enveloped{line, false, 0, time};
}

std::optional<Enveloped> strip_iso_syslog(std::string_view line) {
    take_priority(line);
    const std::string_view time = take_until_blank(line);
    if (!is_iso_time(time) || !take_tag(line)) return std::nullopt;
    return Enveloped{line, false, 0, time};
}

std::optional<Enveloped> strip_iso_time(std::string_view line) {
    const std::string_view time = take_until_blank(line);
    if (!is_iso_time(time)) return std::nullopt;
    return Enveloped{line, false, 0, time};
}

template <Strip strip>
class Prefix : public Unwrapper {
  public:
    std::optional<Enveloped> unwrap(std::string_view line) override {
        if (line.ends_with('\r')) line.remove_suffix(1);
        return strip(line);
    }
};

class JournalExport : public Unwrapper {
  public:
    std::optional<Enveloped> unwrap(std::string_view line) override {
        if (in_binary_) return take_binary(line);
        const std::size_t equals = line.find('=');
        if (equals == line.npos) {
            in_binary_ = !line.empty();
            is_message_ = line == "MESSAGE";
            binary_.clear();
            started_ = false;
            return Enveloped{};
        }
        if (line.starts_with("__REALTIME_TIMESTAMP=")) time_ = line.substr(equals + 1);
        return line.substr(0, equals) == "MESSAGE" ? Enveloped{line.substr(equals + 1), false, 0, time_} : Enveloped{};
    }

  private:
    // The value and its length may contain line ends.
    std::optional<Enveloped> take_binary(std::string_view line) {
        constexpr std::size_t kLength = 8;
        if (started_) binary_ += '\n';
        started_ = true;
        binary_ += line;
        if (binary_.size() < kLength) return Enveloped{};
        std::uint64_t length = 0;
        for (std::size_t i = kLength; i-- > 0;) length = length << 8 | static_cast<unsigned char>(binary_[i]);
        if (length <= ChunkBuffer::kMaxPiece && binary_.size() < kLength + length) return Enveloped{};
        in_binary_ = false;
        if (!is_message_) return Enveloped{};
        return Enveloped{std::string_view(binary_).substr(kLength), false, 0, time_};
    }

    bool in_binary_ = false, is_message_ = false, started_ = false;
    std::string binary_, time_;
};

}  // namespace

std::unique_ptr<Unwrapper> make_cri(std::string_view) { return std::make_unique<Prefix<strip_cri>>(); }
std::unique_ptr<Unwrapper> make_kubectl(std::string_view) { return std::make_unique<Prefix<strip_kubectl>>(); }
std::unique_ptr<Unwrapper> make_compose(std::string_view) { return std::make_unique<Prefix<strip_compose>>(); }
std::unique_ptr<Unwrapper> make_syslog_5424(std::string_view) { return std::make_unique<Prefix<strip_5424>>(); }
std::unique_ptr<Unwrapper> make_syslog_3164(std::string_view) { return std::make_unique<Prefix<strip_3164>>(); }
std::unique_ptr<Unwrapper> make_iso_syslog(std::string_view) { return std::make_unique<Prefix<strip_iso_syslog>>(); }
std::unique_ptr<Unwrapper> make_iso_time(std::string_view) { return std::make_unique<Prefix<strip_iso_time>>(); }

std::unique_ptr<Unwrapper> make_journal_export(std::string_view prefix) {
    if (!prefix.starts_with("__CURSOR=") && prefix.find("\n__CURSOR=") == prefix.npos) return nullptr;
    return std::make_unique<JournalExport>();
}

}  // namespace leakline::replay
