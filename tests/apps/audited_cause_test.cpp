// When a diagnosis looks into the source.
#include "leakline/audited_cause.hpp"
#include "audit/audit.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>

#include <fstream>

using namespace leakline;
using namespace leakline::cli;

namespace {

// Of a service whose `kept` grows by append, in its line 4.
std::optional<AuditFinding> cause_of(Verdict verdict, bool still_filling) {
    const TemporaryDirectory folder;
    const std::string service = folder.path() + "/service.py";
    std::ofstream(service) << "kept = []\n"
                              "\n"
                              "def application(environ, start_response):\n"
                              "    kept.append(environ)\n"
                              "    return []\n";
    Diagnosis diagnosis;
    diagnosis.verdict = verdict;
    diagnosis.still_filling = still_filling;
    LineGrowth& line = diagnosis.lines.lines.emplace_back();
    line.at = {"application", service, 4};
    line.leaking = true;
    line.growth_bytes = 1 << 20;
    CLI::App app;
    Output output(app, report::kDiagnosisForm);
    report::SourceText sources;
    add_audited_cause(diagnosis, {}, sources, output, {});
    return diagnosis.audited;
}

}  // namespace

TEST_CASE("the source is audited for a line that leaks, and for one that may be a cache that is still filling") {
    if (audit::available_readers().python.empty()) {
        MESSAGE("skipped: Python's grammar is not built in");
        return;
    }
    for (const auto& [verdict, still_filling] : {std::pair(Verdict::leak, false), std::pair(Verdict::inconclusive, true)}) {
        const auto cause = cause_of(verdict, still_filling);
        REQUIRE(cause);
        CHECK(cause->subject == "kept");
        CHECK(cause->removals.empty());
    }
    CHECK_FALSE(cause_of(Verdict::inconclusive, false));
    CHECK_FALSE(cause_of(Verdict::no_leak, false));
}
