#include "tls_options.hpp"

namespace leakline::cli {

void add_tls_options(CLI::App& app, std::string& ca_file, bool& verify_certificate, const std::string& group) {
    app.add_option("--ca-file", ca_file, "Trust the certificate authorities in this PEM file")
        ->type_name("FILE")
        ->check(CLI::ExistingFile)
        ->group(group);
    app.add_flag_callback(
           "--insecure", [&verify_certificate] { verify_certificate = false; }, "Do not verify the certificate of the server")
        ->group(group);
}

}  // namespace leakline::cli
