// Programs with every kind of growth, and with every kind of bound: what is marked has to be found, and nothing else.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>

#include "audit/audit.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"

using namespace leakline;

namespace {

using Places = std::set<std::pair<std::uint32_t, std::string>>;

Places marked_in(const std::string& file) {
    constexpr std::string_view kMark = "finds ";
    Places places;
    std::uint32_t number = 0;
    const std::string text = read_file(file);
    for (const std::string_view line : split(text, '\n')) {
        ++number;
        const std::size_t at = line.rfind(kMark);
        if (at == line.npos || line.find('"' + std::string(kMark)) != line.npos) continue;
        std::string_view rule = line.substr(at + kMark.size());
        rule = rule.substr(0, rule.find(' '));
        places.emplace(number, rule);
    }
    return places;
}

Places found_in(const Audit& audit) {
    Places places;
    for (const AuditFinding& finding : audit.findings)
        if (finding.level != AuditFinding::Level::note) places.emplace(finding.declared.line, rule_name(finding.rule));
    return places;
}

std::string listed(const Places& places) {
    std::string text;
    for (const auto& [line, rule] : places) text += std::to_string(line) + ": " + rule + "\n";
    return text;
}

void check_program(const std::string& name, std::size_t least) {
    const std::string file = std::string(PROGRAMS_DIR) + "/" + name;
    audit::AuditOptions options;
    options.paths = {file};
    const Audit audit = audit::run_audit(options);
    CHECK(audit.failed.empty());
    const Places marked = marked_in(file);
    CHECK(marked.size() >= least);
    CHECK(listed(found_in(audit)) == listed(marked));
    for (const AuditFinding& finding : audit.findings) {
        CAPTURE(finding.subject);
        if (finding.level == AuditFinding::Level::note) continue;
        CHECK(!finding.reach.empty());
        CHECK(!finding.growth.empty());
        CHECK(!finding.lifetime.empty());
        CHECK(!finding_message(finding).empty());
    }
}

}  // namespace

TEST_CASE("all planted containers of C++ are found, and none that is bounded" * doctest::skip(LEAKLINE_READS_CLANG == 0)) {
    check_program("growing.cpp", 12);
}

TEST_CASE("all planted structures of C are found, and none that is freed or bounded" * doctest::skip(LEAKLINE_READS_CLANG == 0)) {
    check_program("growing.c", 8);
}

TEST_CASE("all planted containers of Python are found, and none that is bounded" * doctest::skip(LEAKLINE_READS_PYTHON == 0)) {
    check_program("growing.py", 8);
}
