#include "memory/internal/prometheus_answer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/exposition.hpp"
#include "base/json_scan.hpp"
#include "base/utf8.hpp"

namespace leakline::memory {

namespace {

// A number in any form that Go prints, including NaN and Inf.
std::optional<double> sample_value(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size() || text.empty()) return std::nullopt;
    if (error == std::errc::result_out_of_range) return HUGE_VAL;
    if (error != std::errc{}) return std::nullopt;
    return value;
}

class MatrixReader {
  public:
    // text and answer outlive the reader.
    MatrixReader(std::string_view text, MatrixAnswer& answer, std::size_t max_series)
        : scan_(text, scratch_, JsonRules::strict), answer_(answer), max_series_(max_series) {
        scratch_.reset(text.size());
    }

    // Of a repeated member the last one counts, as in any JSON reader: "status":"success" must not hide an error.
    void read() {
        const bool whole = !scan_.next_is('{') ? scan_.skip_value() : scan_.object([&](std::string_view key) {
            if (key == "status") return text([&](std::string_view status) { answer_.success = status == "success"; });
            if (key == "errorType") return text([&](std::string_view type) { answer_.error_type = type; });
            if (key == "error") return text([&](std::string_view error) { answer_.error = error; });
            if (key == "isPartial" && scan_.next_is('t')) answer_.partial = true;
            if (key == "warnings") return read_notes(answer_.warnings);
            if (key == "infos") return read_notes(answer_.infos);
            return key == "data" && scan_.next_is('{') ? read_data() : scan_.skip_value();
        });
        if ((!whole || !scan_.at_end()) && !answer_.too_many_series)
            answer_.damage = "invalid JSON at byte " + std::to_string(scan_.position() + 1);
    }

  private:
    // Takes a value of any type; only a string is used.
    template <class Use>
    bool text(Use use) {
        if (!scan_.next_is('"')) return scan_.skip_value();
        std::string_view value;
        if (!scan_.string(value)) return false;
        use(value);
        return true;
    }

    bool read_notes(std::vector<std::string>& notes) {
        constexpr std::size_t kMax = 10;
        if (!scan_.next_is('[')) return scan_.skip_value();
        return scan_.array([&] {
            return text([&](std::string_view note) {
                if (notes.size() < kMax) notes.emplace_back(note);
            });
        });
    }

    bool read_data() {
        return scan_.object([&](std::string_view key) {
            if (key == "resultType") return text([&](std::string_view type) { answer_.result_type = type; });
            if (key != "result" || !scan_.next_is('[')) return scan_.skip_value();
            return scan_.array([&] { return scan_.next_is('{') ? read_series() : scan_.skip_value(); });
        });
    }

    bool read_series() {
        if (answer_.series.size() >= max_series_) {
            answer_.too_many_series = true;
            return false;
        }
        MatrixSeries series;
        bool has_histograms = false;
        const bool whole = scan_.object([&](std::string_view key) {
            if (key == "metric" && scan_.next_is('{'))
                return scan_.object([&](std::string_view label) {
                    return text([&](std::string_view value) { series.labels.emplace_back(label, value); });
                });
            if (key == "values" && scan_.next_is('['))
                return scan_.array([&] { return scan_.next_is('[') ? read_point(series) : scan_.skip_value(); });
            has_histograms = has_histograms || (key == "histograms" && scan_.next_is('['));
            return scan_.skip_value();
        });
        if (!whole) return false;
        if (has_histograms && series.values.empty()) {
            ++answer_.histograms;
            return true;
        }
        std::sort(series.labels.begin(), series.labels.end());
        answer_.series.push_back(std::move(series));
        return true;
    }

    // [1700000000.123, "4096"]
    bool read_point(MatrixSeries& series) {
        int element = 0;
        std::optional<double> time, value;
        const bool whole = scan_.array([&] {
            const int place = element++;
            if (place == 1) return text([&](std::string_view number) { value = sample_value(number); });
            std::string_view number;
            if (scan_.next_is('"') || scan_.next_is('{') || scan_.next_is('[')) return scan_.skip_value();
            if (!scan_.scalar(number)) return false;
            if (place == 0) time = sample_value(number);  // no value for true, false and null
            return true;
        });
        if (!whole) return false;
        if (element != 2 || !time || !value || !std::isfinite(*time)) {
            ++answer_.unreadable;
        } else if (!std::isfinite(*value)) {
            ++answer_.not_finite;
        } else {
            series.seconds.push_back(*time);
            series.values.push_back(*value);
        }
        return true;
    }

    Scratch scratch_;
    JsonScan scan_;
    MatrixAnswer& answer_;
    std::size_t max_series_;
};

}  // namespace

MatrixAnswer parse_matrix(std::string_view json, std::size_t max_series) {
    MatrixAnswer answer;
    MatrixReader(json.substr(0, utf8_prefix(json)), answer, max_series).read();
    return answer;
}

std::string labels_text(const Labels& labels) {
    std::string name, rest;
    for (const auto& [label, value] : labels) {
        if (label == "__name__") {
            name = value;
            continue;
        }
        if (!rest.empty()) rest += ',';
        rest += exposition_label(label, value);
    }
    if (rest.empty() && !name.empty()) return name;
    return name + "{" + rest + "}";
}

}  // namespace leakline::memory
