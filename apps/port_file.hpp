// --port-file: writes the port that the system has chosen to a file, for scripts.
#pragma once

#include <cstdint>
#include <string>

#include "cli11_names.hpp"

namespace leakline::cli {

CLI::Option* add_port_file(CLI::App& app, std::string& path);

// The file appears whole, with one line; nothing where path is empty. Throws Error as OutputFile does.
void write_port_file(const std::string& path, std::uint16_t port);

}  // namespace leakline::cli
