// Certificates made for a test by openssl: an authority, a server certificate for svc.test and 127.0.0.1, client certificates.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::test {

class Certificates {
  public:
    Certificates() {
        make("ca", "/CN=test authority", "basicConstraints=critical,CA:TRUE", "");
        make("server", "/CN=svc.test", "subjectAltName=DNS:svc.test,IP:127.0.0.1", "ca");
    }

    // Writes NAME.pem and NAME.key, signed by issuer ("": by itself).
    void make(const std::string& name, const std::string& subject, const std::string& extension, const std::string& issuer) const {
        std::vector<std::string> words = {
            "openssl", "req",     "-x509", "-newkey",        "ec",    "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes",  "-days",   "2",     "-subj",          subject, "-addext",  extension,
            "-keyout", key(name), "-out",  certificate(name)};
        if (!issuer.empty()) words.insert(words.end(), {"-CA", certificate(issuer), "-CAkey", key(issuer)});
        run(std::move(words));
    }
    void run(std::vector<std::string> words) const {
        Command command;
        command.arguments = std::move(words);
        command.output_file = path("openssl.log");
        REQUIRE(Child::start(command).wait().code == 0);
    }
    std::string certificate(const std::string& name) const { return path(name + ".pem"); }
    std::string key(const std::string& name) const { return path(name + ".key"); }
    std::string path(const std::string& file) const { return directory_.path() + "/" + file; }

  private:
    TemporaryDirectory directory_;
};

}  // namespace leakline::test
