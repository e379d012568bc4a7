// Why a replay that has ended is not valid, in words.
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "http/url.hpp"
#include "replay/internal/failure_reasons.hpp"
#include "replay/internal/tally.hpp"
#include "replay/replay.hpp"

namespace leakline::replay {

struct EndedRun {
    const ReplayStats& stats;
    const Tally& tally;
    const FailureReasons& failures;
    const ReplayOptions& options;
    const http::Url& url;
    std::uint64_t items;             // requests that were to be sent
    const std::string& stop_reason;  // "": it was not stopped
};

// Empty if it is valid.
std::vector<std::string> reasons_against(const EndedRun& run);

// Of requests that were recorded over another version of HTTP than they were sent over; changed: how many.
std::string changed_version_text(const ReplayStats& stats, std::uint64_t changed, http::HttpVersion asked_for);

}  // namespace leakline::replay
