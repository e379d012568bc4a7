// A service that runs already: which processes it has, where it listens, and whether its requests reach them. Inside lib/diagnose only.
#pragma once

#include <string>

#include "diagnose/internal/target.hpp"

namespace leakline::diagnose {

// Fills in what a started service is described by: the command line as the process has it, and the URL, which is found from the sockets that
// its processes listen on where the user gave none. Throws Error{input, usage, system}: no such process, no port or several, one in
// another network namespace, or a port on which others answer too (they would take a part of the requests, unseen).
void describe_running(TargetSpec& spec);

// Returns the origin's URL once it answers; throws as wait_until_ready() does.
std::string wait_until_answers(const TargetSpec& spec, const std::stop_token& stop);

}  // namespace leakline::diagnose
