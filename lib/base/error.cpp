#include "base/error.hpp"

#include <fmt/format.h>

#include <cstring>

#include "base/ascii.hpp"
#include "base/strings.hpp"

namespace leakline {

Error::Error(ErrorKind kind, std::string location, std::string message, std::string hint)
    : kind_(kind), location_(std::move(location)), message_(std::move(message)), hint_(std::move(hint)) {
    // A location is a file's name, say, and may hold what a terminal or a CI system obeys.
    text_ = location_.empty() ? message_ : fmt::format("{}: {}", printable(location_), message_);
    if (!hint_.empty()) text_ += fmt::format("\n  hint: {}", hint_);
}

std::string os_reason(int error_number) {
    char buffer[256];
    std::string text = ::strerror_r(error_number, buffer, sizeof buffer);
    if (!text.empty()) text[0] = to_lower(text[0]);
    return text;
}

Error os_error(ErrorKind kind, std::string location, std::string_view message, int error_number, std::string hint) {
    return Error(kind, std::move(location), fmt::format("{}: {}", message, os_reason(error_number)), std::move(hint));
}

void Diagnostics::add(std::string location, std::string message) {
    ++count_;
    if (first_.size() < kKept) first_.push_back({std::move(location), std::move(message)});
}

void Diagnostics::merge(const Diagnostics& other) {
    count_ += other.count_;
    for (const Entry& entry : other.first_)
        if (first_.size() < kKept) first_.push_back(entry);
}

std::vector<std::string> Diagnostics::lines() const {
    std::vector<std::string> out;
    for (const Entry& entry : first_)
        out.push_back(entry.location.empty() ? entry.message : fmt::format("{}: {}", printable(entry.location), entry.message));
    if (count_ > first_.size()) out.push_back(fmt::format("and {} more", count_ - first_.size()));
    return out;
}

}  // namespace leakline
