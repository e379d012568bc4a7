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

void FailureReasons::add_worded(const std::string& name, const std::string& reason, const std::string& hint) {
    auto at = worded_.find(reason);
    if (at == worded_.end()) {
        if (worded_.size() == kMax) return;
        at = worded_.emplace(reason, Worded{0, name, hint}).first;
    }
    ++at->second.count;
}

void FailureReasons::add(const http::ClientPool::Done& result, const std::string& connect_failure, const std::string& connect_hint) {
    if (!result.reason.empty()) add_worded(std::string(failure_name(result.failure)) + ": ", std::string(result.reason), "");
    // An aborted request has that reason, not that of a connection that failed before.
    else if (result.had_connection() || result.failure == Failure::aborted || connect_failure.empty())
        ++connected_[static_cast<std::size_t>(result.failure)];
    else
        add_worded("", connect_failure, connect_hint);
}

FailureReasons::Cause FailureReasons::most() const {
    const auto connected = std::max_element(connected_.begin(), connected_.end());
    const auto worded =
        std::max_element(worded_.begin(), worded_.end(), [](const auto& a, const auto& b) { return a.second.count < b.second.count; });
    if (worded != worded_.end() && worded->second.count >= *connected) return {worded->second.name, worded->first, worded->second.hint};
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
