// Writes metrics as text in Prometheus' exposition format (version 0.0.4). Readers of OpenMetrics take the same text where
// "# EOF" follows it.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leakline {

enum class MetricType : unsigned char { gauge, counter };

// name="value", escaped; what a label cannot hold is replaced: control characters by a space, bytes that are not UTF-8
// by '?'.
std::string exposition_label(std::string_view name, std::string_view value);

class Exposition {
  public:
    // Begins a family: its HELP and TYPE, and its UNIT where there is one. Its samples follow.
    void family(std::string_view name, MetricType type, std::string_view help, std::string_view unit = {});
    // A sample of the family that was begun last. labels: exposition_label()s with commas between them, or empty.
    void sample(std::string_view labels, double value);
    void sample(std::string_view labels, std::uint64_t value);
    // A family with one sample without labels.
    void single(std::string_view name, MetricType type, std::string_view help, std::uint64_t value);
    std::string take() { return std::move(text_); }

  private:
    void begin_sample(std::string_view labels);
    std::string text_, name_;
};

}  // namespace leakline
