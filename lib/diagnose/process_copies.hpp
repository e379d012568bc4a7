// Whether the processes of a service may be copied, to find what holds their memory. Safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "base/quantities.hpp"

namespace leakline::diagnose {

// Of a process, so that copies are quick and two of them fit into memory: for a copy as for fork, the kernel takes 25 ms of CPU time per GiB.
inline constexpr Bytes kLargestCopied = Bytes{1} << 30;
// Of one that was started for the purpose: that it stops for a moment disturbs no user.
inline constexpr Bytes kLargestStartedCopied = Bytes{8} << 30;

// Why not to copy these processes at the same time, by the kernel (as for fork): one is too large, or too little memory is free on the machine or
// below the limit of a memory cgroup. A copy shares the memory of its process; only what either changes meanwhile is there twice. Empty: they may
// be copied. Those that have ended are left out.
std::string reason_against_copies(const std::vector<int>& pids, Bytes largest = kLargestCopied);

}  // namespace leakline::diagnose
