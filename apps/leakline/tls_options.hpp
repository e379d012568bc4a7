// --ca-file and --insecure: how the certificate of a server is verified, for every command that connects to one.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace leakline::cli {

// Both variables must live as long as app. group: the heading in --help.
void add_tls_options(CLI::App& app, std::string& ca_file, bool& verify_certificate, const std::string& group = "Options");

}  // namespace leakline::cli
