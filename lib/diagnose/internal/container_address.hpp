// Inside lib/diagnose only.
#pragma once

#include <optional>
#include <string>

#include "system/find_process.hpp"

namespace leakline::diagnose {

// The address at which we reach a socket of a process in another network namespace, as in a container with a bridge. Only one that is proven: a
// connection that we made to it is seen there. Nothing: none, or it may not be seen.
std::optional<std::string> container_address(int pid, const ListeningSocket& socket);

}  // namespace leakline::diagnose
