#pragma once

namespace leakline {

// The name (PR_SET_NAME; at most 15 characters) of a copy of a service's process, as after fork, in which our agent works for a moment. It
// is a child of the service but none of its processes.
inline constexpr char kCopyName[] = "leakline-copy";
// That of an attached agent's thread, which the copy has at first.
inline constexpr char kAgentName[] = "leakline-agent";

}  // namespace leakline
