#include "tls_options.hpp"

#include <CLI/CLI.hpp>
#include <vector>

namespace leakline::cli {

void add_tls_options(CLI::App& app, http::ConnectOptions& connect, const std::string& group) {
    app.add_option("--ca-file", connect.ca_file, "Trust the certificate authorities in this PEM file")
        ->type_name("FILE")
        ->check(CLI::ExistingFile)
        ->group(group);
    app.add_flag_callback(
           "--insecure", [&connect] { connect.verify_certificate = false; }, "Do not verify the certificate of the server")
        ->group(group);
    app.add_option("--cert", connect.certificate_file,
                   "Client certificate, followed by its intermediates (PEM); the file may also have the private key")
        ->type_name("FILE")
        ->check(CLI::ExistingFile)
        ->group(group);
    app.add_option("--key", connect.key_file, "Private key of the client certificate (PEM, not encrypted)")
        ->type_name("FILE")
        ->check(CLI::ExistingFile)
        ->group(group);
    app.add_option_function<std::vector<std::string>>(
           "--resolve",
           [&connect](const std::vector<std::string>& texts) {
               connect.addresses.clear();
               for (const std::string& text : texts) connect.addresses.push_back(http::parse_host_address(text));
           },
           "Connect to this address when the URL names this host and port (*: any port); the certificate must still be the host's")
        ->type_name("HOST:PORT:ADDRESS")
        ->group(group);
}

}  // namespace leakline::cli
