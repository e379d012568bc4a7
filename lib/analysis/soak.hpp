// From one log replayed at two speeds to what days of it would do. Pure.
//
// Growth that follows requests costs as many bytes a request however fast they come; growth that follows time costs
// more of them the slower they come. Only the first may be extrapolated from minutes to days. Where the service's clock
// runs as fast as its traffic, what follows that clock (a ttl, a timed report that is kept) follows requests as well, and is
// extrapolated with them.
#pragma once

#include "model/diagnosis.hpp"

namespace leakline::analysis {

// Reads hours and runs of the soak; sets the rest. requests_per_second: the log's own rate. limit: of memory.
// start_bytes: memory before the first request.
void judge_soak(Soak& soak, double requests_per_second, std::optional<Bytes> limit, double start_bytes);

// conclude() for a diagnosis whose memory comes from a soak (diagnosis.soak, judged): growth with time is not projected to
// the log's own rate, growth that differs between the speeds without a line at fault is no verdict.
void conclude_soak(Diagnosis& diagnosis);

}  // namespace leakline::analysis
