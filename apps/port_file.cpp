#include "port_file.hpp"

#include <CLI/CLI.hpp>

#include "system/output_file.hpp"

namespace leakline::cli {

CLI::Option* add_port_file(CLI::App& app, std::string& path) {
    return app.add_option("--port-file", path, "Write the listening port to this file")->type_name("FILE");
}

void write_port_file(const std::string& path, std::uint16_t port) {
    if (path.empty()) return;
    OutputFile file(path);
    file.write(std::to_string(port) + "\n");
    file.commit();
}

}  // namespace leakline::cli
