// A small project that a test writes, and audits of it.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "audit/audit.hpp"
#include "system/temporary_directory.hpp"

#define NEEDS_CLANG *doctest::skip(LEAKLINE_READS_CLANG == 0)
#define NEEDS_PYTHON *doctest::skip(LEAKLINE_READS_PYTHON == 0)

namespace leakline {

class Project {
  public:
    Project() { std::filesystem::create_directory(directory_.path() + "/.git"); }
    void add(const std::string& name, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        std::ofstream(path(name)) << text;
    }
    Audit audit(bool cache = false, std::vector<CodeLine> explain = {}) const {
        audit::AuditOptions options;
        options.paths = {directory_.path()};
        if (cache) options.cache_directory = directory_.path() + "/.cache";
        options.jobs = 1;
        options.explain = std::move(explain);
        return audit::run_audit(options);
    }
    std::string path(const std::string& name) const { return directory_.path() + "/" + name; }

  private:
    TemporaryDirectory directory_;
};

// A service whose handler runs `statement`; `members` stand before.
inline std::string service(const std::string& members, const std::string& statement) {
    return "#include <map>\n#include <string>\n#include <sys/socket.h>\n#include <vector>\n" + members +
           "\nvoid on_request(const std::string& text) {\n" + statement +
           "\n}\nint main() {\n    char text[100];\n    for (;;)\n        if (recv(3, text, 99, 0) > 0) on_request(text);\n}\n";
}

// An audit of a project of one file.
inline Audit audit_of_file(const std::string& name, const std::string& text) {
    Project project;
    project.add(name, text);
    return project.audit();
}

inline Audit audit_of(const std::string& members, const std::string& statement) {
    return audit_of_file("service.cpp", service(members, statement));
}

using Subjects = std::vector<std::string>;

inline Subjects warnings_of(const Audit& audit) {
    Subjects subjects;
    for (const AuditFinding& finding : audit.findings)
        if (finding.level == AuditFinding::Level::warning) subjects.push_back(finding.subject);
    return subjects;
}

inline Subjects warnings_in(const std::string& name, const std::string& text) { return warnings_of(audit_of_file(name, text)); }

inline const AuditFinding& only(const Audit& audit) {
    REQUIRE(audit.failed.empty());
    REQUIRE(audit.findings.size() == 1);
    return audit.findings.front();
}

}  // namespace leakline
