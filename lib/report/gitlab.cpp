// GitLab's Code Quality report: an array of findings, each at a path and a line.
#include <nlohmann/json.hpp>

#include "report/internal/findings.hpp"
#include "report/internal/renderers.hpp"

namespace leakline::report {

std::string render_gitlab(const Document& document, const RenderOptions& options) {
    using Json = nlohmann::ordered_json;
    Json out = Json::array();
    for (const Finding& finding : findings_of(document, options)) {
        const char* severity = "major";
        switch (finding.kind) {
            case Finding::Kind::leaking_line:
            case Finding::Kind::growing_memory:
            case Finding::Kind::leaking_resource: severity = "critical"; break;
            case Finding::Kind::inconclusive:
                severity = options.inconclusive == RenderOptions::Inconclusive::warn ? "info" : "minor";
                break;
            case Finding::Kind::invalid: severity = "major"; break;
            case Finding::Kind::audited:
                severity = finding.audited->level == AuditFinding::Level::error     ? "critical"
                           : finding.audited->level == AuditFinding::Level::warning ? "major"
                                                                                    : "info";
                break;
        }
        // A finding needs a place: one without a line is placed at the file that started the run.
        out.push_back({{"description", finding.message},
                       {"check_name", rule_name(finding)},
                       {"fingerprint", finding.fingerprint},
                       {"severity", severity},
                       {"location", {{"path", finding.path.value_or(".gitlab-ci.yml")}, {"lines", {{"begin", line_of(finding)}}}}}});
    }
    return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace leakline::report
