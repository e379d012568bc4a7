#include "replay/internal/failure_reasons.hpp"

#include <algorithm>

namespace leakline::replay {

namespace {

const char* in_words(Failure failure) {
    switch (failure) {
        case Failure::connect: return "no connection";
        case Failure::write: return "the connection was closed while the request was being sent";
        case Failure::reset: return "the target reset the connection";
        case Failure::eof: return "the target closed the connection before the response was complete";
        case Failure::timeout: return "no complete response within --timeout";
        case Failure::malformed: return "the response is not HTTP/1, or its headers are larger than 256 KiB";
        case Failure::aborted: return "aborted by leakline";
    }
    return "";
}

}  // namespace

void FailureReasons::add(const http::ClientPool::Done& result, const std::string& connect_failure, const std::string& connect_hint) {
    // An aborted request has that reason, not that of a connection that failed before.
    if (result.had_connection() || result.failure == Failure::aborted || connect_failure.empty()) {
        ++connected_[static_cast<std::size_t>(result.failure)];
        return;
    }
    auto at = connects_.find(connect_failure);
    if (at == connects_.end()) {
        if (connects_.size() == kMax) return;
        at = connects_.emplace(connect_failure, Connect{0, connect_hint}).first;
    }
    ++at->second.count;
}

FailureReasons::Cause FailureReasons::most() const {
    const auto connected = std::max_element(connected_.begin(), connected_.end());
    const auto connect =
        std::max_element(connects_.begin(), connects_.end(), [](const auto& a, const auto& b) { return a.second.count < b.second.count; });
    if (connect != connects_.end() && connect->second.count >= *connected) return {"", connect->first, connect->second.hint};
    if (*connected == 0) return {};
    const auto failure = static_cast<Failure>(connected - connected_.begin());
    return {std::string(failure_name(failure)) + ": ", in_words(failure), ""};
}

std::string FailureReasons::most_frequent() const {
    const Cause cause = most();
    if (cause.reason.empty()) return {};
    return " (" + cause.name + cause.reason + ")" + (cause.hint.empty() ? "" : "; " + cause.hint);
}

std::string FailureReasons::cause() const {
    const Cause cause = most();
    return cause.hint.empty() ? cause.reason : cause.reason + "; " + cause.hint;
}

}  // namespace leakline::replay
