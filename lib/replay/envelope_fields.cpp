// Lines of named values, as JSON objects, and JSON objects behind other text:
//
//   logfmt = *any " " name "=" value *( " " name "=" value )     value = quoted / without blanks     (Heroku, lograge, logrus, slog)
//   LTSV   = name ":" value *( TAB name ":" value )
//   text   = *any JSON-object *any                                                     (zap's and Caddy's console, Monolog)
#include <algorithm>

#include "base/ascii.hpp"
#include "base/json_text.hpp"
#include "base/strings.hpp"
#include "base/time_text.hpp"
#include "replay/internal/envelope.hpp"
#include "replay/internal/quoted_field.hpp"

namespace leakline::replay {

namespace {

constexpr int kLeastPairs = 3;  // in a line with fewer, they are part of a text

bool is_name_part(char c) { return is_word_part(c) || c == '.' || c == '-' || c == '@'; }

void append_member(std::string& json, std::string_view name, std::string_view value) {
    json += json.empty() ? '{' : ',';
    append_json_string(json, name);
    json += ':';
    append_json_string(json, value);
}

class LogfmtUnwrapper : public Unwrapper {
  public:
    std::optional<Enveloped> unwrap(std::string_view line) override {
        json_.clear();
        scratch_.reset(line.size());
        const std::size_t begin = begin_of_pairs(line);
        std::string_view rest = line.substr(begin);
        int pairs = 0;
        while (take_pair(rest)) ++pairs;
        if (pairs < kLeastPairs) return std::nullopt;
        json_ += '}';
        return Enveloped{json_, false, 0, find_time(line.substr(0, begin))};
    }

  private:
    // The first name that an "=" follows, at the start of a word.
    static std::size_t begin_of_pairs(std::string_view line) {
        for (std::size_t equals = line.find('='); equals != line.npos; equals = line.find('=', equals + 1)) {
            std::size_t begin = equals;
            while (begin > 0 && is_name_part(line[begin - 1])) --begin;
            if (begin < equals && (begin == 0 || line[begin - 1] == ' ' || line[begin - 1] == '\t')) return begin;
        }
        return line.size();
    }
    // Words that are no pairs are passed over.
    bool take_pair(std::string_view& rest) {
        for (;;) {
            rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
            std::size_t end = 0;
            while (end < rest.size() && is_name_part(rest[end])) ++end;
            if (end > 0 && end < rest.size() && rest[end] == '=') {
                const std::string_view name = rest.substr(0, end);
                rest.remove_prefix(end + 1);
                append_member(json_, name, take_value(rest));
                return true;
            }
            if (rest.empty()) return false;
            take_until_blank(rest);
        }
    }
    std::string_view take_value(std::string_view& rest) {
        const std::size_t end = rest.starts_with('"') ? end_of_quoted(rest.substr(1)) : rest.npos;
        if (end == rest.npos) return take_until_blank(rest);
        const std::string_view value = unescaped_field(rest.substr(1, end), scratch_);
        rest.remove_prefix(end + 2);
        return value;
    }

    std::string json_;
    Scratch scratch_;
};

class LtsvUnwrapper : public Unwrapper {
  public:
    std::optional<Enveloped> unwrap(std::string_view line) override {
        json_.clear();
        int pairs = 0;
        for (const std::string_view cell : split(line, '\t')) {
            const std::size_t colon = cell.find(':');
            if (colon == cell.npos || colon == 0 ||
                !std::all_of(cell.begin(), cell.begin() + static_cast<std::ptrdiff_t>(colon), is_name_part))
                return std::nullopt;
            append_member(json_, cell.substr(0, colon), cell.substr(colon + 1));
            ++pairs;
        }
        if (pairs < kLeastPairs) return std::nullopt;
        json_ += '}';
        return Enveloped{json_, false, 0, {}};
    }

  private:
    std::string json_;
};

class TextBeforeJson : public Unwrapper {
  public:
    std::optional<Enveloped> unwrap(std::string_view line) override {
        constexpr int kBraces = 3;
        std::size_t brace = line.find('{');
        if (brace == 0) return std::nullopt;
        scratch_.reset(line.size());
        for (int tried = 0; tried < kBraces && brace != line.npos; ++tried, brace = line.find('{', brace + 1)) {
            JsonScan scan(line.substr(brace), scratch_);
            if (scan.skip_value()) return Enveloped{line.substr(brace, scan.position()), false, 0, find_time(line.substr(0, brace))};
        }
        return std::nullopt;
    }

  private:
    Scratch scratch_;
};

constexpr std::string_view kEscape = "\x1b[";

std::string without_colors(std::string_view text) {
    std::string plain;
    for (;;) {
        const std::size_t begin = text.find(kEscape);
        plain += text.substr(0, begin);
        if (begin == text.npos) return plain;
        text.remove_prefix(begin + kEscape.size());
        // Digits and semicolons up to the letter that ends the sequence.
        const std::size_t end = text.find_first_not_of("0123456789;:?");
        text.remove_prefix(end == text.npos ? text.size() : end + (is_letter(text[end]) ? 1 : 0));
    }
}

class Colors : public Unwrapper {
  public:
    std::optional<Enveloped> unwrap(std::string_view line) override {
        if (!has_colors(line)) return std::nullopt;
        plain_ = without_colors(line);
        return Enveloped{plain_, false, 0, {}};
    }

  private:
    std::string plain_;
};

}  // namespace

std::unique_ptr<Unwrapper> make_logfmt(std::string_view) { return std::make_unique<LogfmtUnwrapper>(); }
std::unique_ptr<Unwrapper> make_ltsv(std::string_view) { return std::make_unique<LtsvUnwrapper>(); }
std::unique_ptr<Unwrapper> make_text_before_json(std::string_view) { return std::make_unique<TextBeforeJson>(); }
std::unique_ptr<Unwrapper> make_colors(std::string_view) { return std::make_unique<Colors>(); }

bool has_colors(std::string_view text) { return text.find(kEscape) != text.npos; }

}  // namespace leakline::replay
