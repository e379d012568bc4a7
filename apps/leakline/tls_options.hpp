// How a connection to a server is made: certificates and addresses, for every command that connects to one.
#pragma once

#include <string>

#include "cli11_names.hpp"
#include "http/connect_options.hpp"

namespace leakline::cli {

// --ca-file, --insecure, --cert, --key, --resolve. connect must live as long as app. group: the heading in --help.
void add_tls_options(CLI::App& app, http::ConnectOptions& connect, const std::string& group = "Options");

}  // namespace leakline::cli
