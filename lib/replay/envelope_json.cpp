// Envelopes that are JSON objects: Docker's json-file driver, journalctl -o json, log shippers.
#include "replay/internal/envelope.hpp"

namespace leakline::replay {

namespace {

std::string_view without_end(std::string_view text) {
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
    return text;
}

bool is_time_name(std::string_view name) {
    for (const std::string_view known : {"time", "timestamp", "@timestamp", "ts", "__REALTIME_TIMESTAMP", "Time", "Date", "date"})
        if (name == known) return true;
    return false;
}

}  // namespace

std::optional<Enveloped> JsonUnwrapper::unwrap(std::string_view line) {
    const std::optional<std::string_view> text = member_text(line);
    if (!text) return std::nullopt;
    return Enveloped{without_end(*text), false, 0, time_};
}

std::optional<std::string_view> JsonUnwrapper::member_text(std::string_view line) {
    scratch_.reset(line.size());
    JsonScan scan(line, scratch_);
    if (!scan.next_is('{')) return std::nullopt;
    std::optional<std::string_view> found;
    time_ = {};
    const auto take_byte = [&] {
        std::int64_t byte = 0;
        if (!scan.integer(byte) || byte < 0 || byte > 255) return false;
        bytes_ += static_cast<char>(byte);
        return true;
    };
    const bool whole = scan.object([&](std::string_view key) {
        if (key == member_ && scan.next_is('[')) {
            bytes_.clear();
            if (!scan.array(take_byte)) return false;
            found = bytes_;
            return true;
        }
        if (key == member_ && scan.next_is('{')) {
            std::string_view object;
            if (!scan.raw_value(object)) return false;
            found = object;
            return true;
        }
        const bool is_text = scan.next_is('"'), is_time = is_time_name(key);
        if (!is_text && (!is_time || scan.next_is('{') || scan.next_is('['))) return scan.skip_value();
        std::string_view text;
        if (!scan.scalar(text)) return false;
        if (is_time && time_.empty()) time_ = text;
        if (!is_text) return true;
        if (key == member_)
            found = text;
        else
            take_other(key, text);
        return true;
    });
    return whole ? found : std::nullopt;
}

namespace {

// {"log": "...\n", "stream": "stdout", "time": "..."}. Docker splits lines at 16 KiB; all parts but the last have no "\n" at the end.
// Shippers that forward such objects remove the "\n": if there is none anywhere, no line is a part of another.
class DockerUnwrapper : public JsonUnwrapper {
  public:
    explicit DockerUnwrapper(std::string_view prefix) : JsonUnwrapper("log"), has_ends_(prefix.find("\\n\"") != prefix.npos) {}

    std::optional<Enveloped> unwrap(std::string_view line) override {
        has_stream_ = has_time_ = is_error_ = false;
        const std::optional<std::string_view> text = member_text(line);
        if (!text || !has_stream_ || !has_time_) return std::nullopt;
        return Enveloped{without_end(*text), has_ends_ && !text->ends_with('\n'), is_error_ ? 1U : 0U, time()};
    }

  private:
    void take_other(std::string_view name, std::string_view text) override {
        has_time_ = has_time_ || name == "time";
        if (name != "stream") return;
        has_stream_ = true;
        is_error_ = text == "stderr";
    }

    const bool has_ends_;
    bool has_stream_ = false, has_time_ = false, is_error_ = false;
};

}  // namespace

std::unique_ptr<Unwrapper> make_docker(std::string_view prefix) { return std::make_unique<DockerUnwrapper>(prefix); }

}  // namespace leakline::replay
