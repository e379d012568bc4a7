#include "memory/internal/prometheus_answer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace leakline::memory {

namespace {

using Json = nlohmann::json;

// Where in the answer the parser stands. What the format does not know is skipped by its depth.
enum class Place { outside, root, data, result, series, metric, values, point, histograms, warnings, infos };

// A JSON string's NaN and Inf, and numbers in any form that Go prints.
std::optional<double> sample_value(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end != text.data() + text.size() || text.empty()) return std::nullopt;
    if (error == std::errc::result_out_of_range) return HUGE_VAL;
    if (error != std::errc{}) return std::nullopt;
    return value;
}

class MatrixReader : public nlohmann::json_sax<Json> {
  public:
    MatrixReader(MatrixAnswer& answer, std::size_t max_series) : answer_(answer), max_series_(max_series) {}

    bool null() override { return scalar(); }
    bool boolean(bool value) override {
        if (place() == Place::root && key_ == "isPartial") answer_.partial = answer_.partial || value;
        return scalar();
    }
    bool number_integer(number_integer_t value) override { return number(static_cast<double>(value)); }
    bool number_unsigned(number_unsigned_t value) override { return number(static_cast<double>(value)); }
    bool number_float(number_float_t value, const string_t&) override { return number(value); }
    bool binary(binary_t&) override { return scalar(); }

    bool string(string_t& text) override {
        if (skipped_ > 0) return true;
        switch (place()) {
            case Place::root:
                if (key_ == "status")
                    answer_.success = text == "success";
                else if (key_ == "errorType")
                    answer_.error_type = std::move(text);
                else if (key_ == "error")
                    answer_.error = std::move(text);
                break;
            case Place::data:
                if (key_ == "resultType") answer_.result_type = std::move(text);
                break;
            case Place::metric: current_.labels.emplace_back(key_, std::move(text)); break;
            case Place::point:
                if (element_ == 1) value_ = sample_value(text);
                ++element_;
                break;
            case Place::warnings: note(answer_.warnings, text); break;
            case Place::infos: note(answer_.infos, text); break;
            default: break;
        }
        return true;
    }

    bool key(string_t& name) override {
        key_ = std::move(name);
        return true;
    }

    bool start_object(std::size_t) override {
        switch (place()) {
            case Place::outside: return enter(Place::root);
            case Place::root: return key_ == "data" ? enter(Place::data) : skip();
            case Place::result:
                if (answer_.series.size() >= max_series_) {
                    answer_.too_many_series = true;
                    return false;
                }
                current_ = {};
                has_histograms_ = false;
                return enter(Place::series);
            case Place::series: return key_ == "metric" ? enter(Place::metric) : skip();
            default: return skip();
        }
    }

    bool start_array(std::size_t) override {
        switch (place()) {
            case Place::root: return key_ == "warnings" ? enter(Place::warnings) : key_ == "infos" ? enter(Place::infos) : skip();
            case Place::data: return key_ == "result" ? enter(Place::result) : skip();
            case Place::series:
                if (key_ == "values") return enter(Place::values);
                has_histograms_ = has_histograms_ || key_ == "histograms";
                return skip();
            case Place::values:
                element_ = 0;
                time_.reset();
                value_.reset();
                return enter(Place::point);
            default: return skip();
        }
    }

    bool end_object() override {
        if (skipped_ == 0 && place() == Place::series) finish_series();
        return leave();
    }

    bool end_array() override {
        if (skipped_ == 0 && place() == Place::point) finish_point();
        return leave();
    }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        answer_.damage = "no JSON from byte " + std::to_string(position) + " on";
        return false;
    }

  private:
    Place place() const { return skipped_ > 0 || places_.empty() ? outside_or_unknown() : places_.back(); }
    Place outside_or_unknown() const { return skipped_ > 0 ? Place::histograms : Place::outside; }

    bool enter(Place place) {
        places_.push_back(place);
        return true;
    }

    bool skip() {
        ++skipped_;
        return true;
    }

    bool leave() {
        if (skipped_ > 0)
            --skipped_;
        else if (!places_.empty())
            places_.pop_back();
        return true;
    }

    static void note(std::vector<std::string>& notes, string_t& text) {
        constexpr std::size_t kMost = 10;
        if (notes.size() < kMost) notes.push_back(std::move(text));
    }

    bool scalar() {
        if (skipped_ == 0 && place() == Place::point) ++element_;
        return true;
    }

    bool number(double value) {
        if (skipped_ == 0 && place() == Place::point && element_ == 0) time_ = value;
        return scalar();
    }

    void finish_point() {
        if (element_ != 2 || !time_ || !value_ || !std::isfinite(*time_)) {
            ++answer_.unreadable;
        } else if (!std::isfinite(*value_)) {
            ++answer_.not_finite;
        } else {
            current_.seconds.push_back(*time_);
            current_.values.push_back(*value_);
        }
    }

    void finish_series() {
        if (has_histograms_ && current_.values.empty()) {
            ++answer_.histograms;
            return;
        }
        std::sort(current_.labels.begin(), current_.labels.end());
        answer_.series.push_back(std::move(current_));
    }

    MatrixAnswer& answer_;
    std::size_t max_series_;
    std::vector<Place> places_;
    std::size_t skipped_ = 0;  // levels of what we do not read
    std::string key_;
    MatrixSeries current_;
    bool has_histograms_ = false;
    int element_ = 0;  // of the point
    std::optional<double> time_, value_;
};

}  // namespace

MatrixAnswer parse_matrix(std::string_view json, std::size_t max_series) {
    MatrixAnswer answer;
    MatrixReader reader(answer, max_series);
    // A repeated "status" or "data" must not make a success of an error: the last one wins, as in any JSON reader.
    Json::sax_parse(json.begin(), json.end(), &reader);
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
        rest += label + "=\"";
        for (const char c : value) {
            if (c == '\\' || c == '"') rest += '\\';
            if (c == '\n')
                rest += "\\n";
            else
                rest += c;
        }
        rest += '"';
    }
    if (rest.empty() && !name.empty()) return name;
    return name + "{" + rest + "}";
}

}  // namespace leakline::memory
