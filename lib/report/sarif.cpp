// SARIF 2.1.0 (OASIS), for GitHub's code scanning.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/ascii.hpp"
#include "base/strings.hpp"
#include "report/internal/findings.hpp"
#include "report/internal/renderers.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

using Json = nlohmann::ordered_json;
using Kind = Finding::Kind;
constexpr std::size_t kLongestSnippet = 1000;

Json text(std::string value) { return {{"text", std::move(value)}}; }

Json rules() {
    Json out = Json::array();
    const auto add = [&](Kind kind, const char* brief, const char* full, const char* help, const char* level) {
        out.push_back({{"id", rule_name(kind)},
                       {"shortDescription", text(brief)},
                       {"fullDescription", text(full)},
                       {"help", text(help)},
                       {"defaultConfiguration", {{"level", level}}}});
    };
    add(Kind::leaking_line, "Live heap grows without limit",
        "The heap bytes that this line allocated and that were not freed grew in every round of the same traffic.",
        "Check what keeps the objects that are allocated here: a container that is only added to, a cache without a "
        "bound or an expiry, an owner that is never destroyed.",
        "error");
    add(Kind::growing_memory, "Memory grows without limit",
        "The memory of the process grew in every round of the same traffic, and no source line is known for "
        "it.",
        "Build with debug information (-g) so that lines can be named, and check memory that is not allocated by malloc.", "error");
    add(Kind::inconclusive, "The run is inconclusive", "The measurement is consistent with a leak and with no leak.",
        "Run longer or with more load: the reasons say what would decide it.", "warning");
    add(Kind::invalid, "The measurement is not valid", "The service exited, most requests failed, or memory could not be read.",
        "See the reasons; the run does not show whether there is a leak.", "error");
    add(Kind::leaking_resource, "Descriptors, threads, mappings or processes leak", "Their count grew in every round of the same traffic.",
        "Close, join, unmap or wait for what each request opens; the message names the kind that grows.", "error");
    // In the order of AuditFinding::Rule, behind those of Finding::Kind.
    const auto add_audited = [&](AuditFinding::Rule rule, const char* brief, const char* full, const char* help) {
        out.push_back({{"id", rule_name(rule)},
                       {"shortDescription", text(brief)},
                       {"fullDescription", text(full)},
                       {"help", text(help)},
                       {"defaultConfiguration", {{"level", "warning"}}}});
    };
    using Rule = AuditFinding::Rule;
    add_audited(Rule::unbounded_growth, "A container only grows",
                "An object that lives as long as the process gets elements on the path of a request, and nothing removes any.",
                "Remove what is no longer needed, bound the size, or say in the source why it is bounded: leakline: bounded by N, reason.");
    add_audited(Rule::removal_never_runs, "What removes is never called",
                "The container has code that removes elements, and nothing calls it while the service works.",
                "Call it where the elements are no longer needed.");
    add_audited(Rule::removal_skipped, "A removal is skipped",
                "An early return or an exception comes before the removal of what was added.",
                "Remove on every path: by the destructor of a local object, or in finally.");
    add_audited(Rule::unbounded_memo, "A cache of results has no bound", "The results of all calls with different arguments are kept.",
                "Give it a maxsize, or clear it.");
    add_audited(Rule::handle_not_released, "A handle is not closed",
                "A file, descriptor or connection is opened and not closed on every path.",
                "Close it on every path: by the destructor of a local object, or in a with statement.");
    return out;
}

// RFC 3986: characters that are allowed in a path stay, others are percent-encoded.
std::string uri_of(const std::string& path) {
    std::string out = path.starts_with('/') ? "file://" : "";
    for (char c : path) {
        const bool plain = is_letter(c) || is_digit(c) || std::string_view("-._~/").find(c) != std::string_view::npos;
        if (plain)
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::size_t utf16_length(std::string_view utf8) {
    std::size_t units = 0;
    for (char c : utf8) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0) != 0x80) units += byte >= 0xf0 ? 2 : 1;
    }
    return units;
}

Json physical_location(const std::string& path, std::uint32_t line, const std::string& source) {
    Json location = {{"artifactLocation", {{"uri", uri_of(path)}}}};
    if (!path.starts_with('/')) location["artifactLocation"]["uriBaseId"] = "%SRCROOT%";
    if (line == 0) return location;
    Json region = {{"startLine", line}};
    if (const std::string_view code = trim(source); !code.empty()) {
        const std::size_t before = utf16_length(std::string_view(source).substr(0, static_cast<std::size_t>(code.data() - source.data())));
        region["startColumn"] = before + 1;
        region["endLine"] = line;
        region["endColumn"] = before + utf16_length(code) + 1;
        if (source.size() <= kLongestSnippet) region["snippet"] = text(source);
    }
    location["region"] = std::move(region);
    return location;
}

std::string path_of(const CodeLine& line, const RenderOptions& options) {
    const auto known = options.repository_paths.find(line.file);
    return known == options.repository_paths.end() ? line.file : known->second;
}

// From the outermost caller to the line, along the callers with the largest growth.
Json code_flow(const LineGrowth& line, const RenderOptions& options) {
    std::vector<const CodeLine*> stack = {&line.at};
    const std::vector<CallerNode>* callers = &line.callers;
    while (!callers->empty() && stack.size() < 64) {
        stack.push_back(&callers->front().at);
        callers = &callers->front().callers;
    }
    Json locations = Json::array();
    for (auto at = stack.rbegin(); at != stack.rend(); ++at) {
        Json location = {{"message", text((*at)->function.empty() ? place_text(**at) : (*at)->function)}};
        if (!(*at)->file.empty()) location["physicalLocation"] = physical_location(path_of(**at, options), (*at)->line, "");
        locations.push_back({{"location", std::move(location)}});
    }
    return Json::array({{{"threadFlows", Json::array({{{"locations", std::move(locations)}}})}}});
}

// The declaration, other places of growth, and the removals that do not count.
Json related_locations(const AuditFinding& audited, const RenderOptions& options) {
    Json out = Json::array();
    const auto add = [&](const CodeLine& at, const std::string& source, const std::string& message) {
        if (at.file.empty()) return;
        out.push_back({{"id", out.size()},
                       {"physicalLocation", physical_location(path_of(at, options), at.line, source)},
                       {"message", text(message)}});
    };
    add(audited.declared, "", fmt::format("{} is declared here", audited.subject));
    for (std::size_t i = 1; i < audited.growth.size(); ++i)
        add(audited.growth[i].at, "", fmt::format("grows here, too, by {}", audited.growth[i].what));
    for (const AuditFinding::Removal& removal : audited.removals) add(removal.site.at, "", fmt::format("does not count: {}", removal.why));
    return out;
}

Json result(const Finding& finding, const RenderOptions& options) {
    int index = static_cast<int>(finding.kind);
    std::string_view level = finding.kind == Kind::inconclusive ? "warning" : "error";
    if (finding.audited != nullptr) {
        index += static_cast<int>(finding.audited->rule);
        level = level_name(finding.audited->level);
    }
    Json out = {{"ruleId", rule_name(finding)}, {"ruleIndex", index}, {"level", level}, {"message", text(finding.message)}};
    out["locations"] = Json::array();
    if (finding.line != nullptr) {
        Json location;
        if (finding.path) location["physicalLocation"] = physical_location(*finding.path, finding.line->at.line, finding.line->source);
        if (!finding.line->at.function.empty())
            location["logicalLocations"] = Json::array({{{"fullyQualifiedName", finding.line->at.function}, {"kind", "function"}}});
        if (!location.is_null()) out["locations"].push_back(std::move(location));
        if (!finding.line->callers.empty()) out["codeFlows"] = code_flow(*finding.line, options);
    }
    if (finding.opened != nullptr && finding.path)
        out["locations"].push_back({{"physicalLocation", physical_location(*finding.path, line_of(finding), finding.opened->source)}});
    if (finding.audited != nullptr && finding.path) {
        const AuditFinding& audited = *finding.audited;
        out["locations"].push_back({{"physicalLocation", physical_location(*finding.path, line_of(finding), "")}});
        out["relatedLocations"] = related_locations(audited, options);
    }
    out["partialFingerprints"] = {{"primaryLocationLineHash", finding.fingerprint + ":1"}};
    return out;
}

}  // namespace

std::string render_sarif(const Document& document, const RenderOptions& options) {
    Json results = Json::array();
    for (const Finding& finding : findings_of(document, options)) results.push_back(result(finding, options));
    const auto* diagnosis = diagnosis_in(document);
    Json invocation = {{"executionSuccessful", diagnosis == nullptr || diagnosis->verdict != Verdict::invalid}};
    Json run = {{"tool", {{"driver", {{"name", "leakline"}, {"semanticVersion", LEAKLINE_VERSION}, {"rules", rules()}}}}},
                {"invocations", Json::array({invocation})},
                {"columnKind", "utf16CodeUnits"},
                {"results", std::move(results)}};
    const Json sarif = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", Json::array({run})}};
    return sarif.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace leakline::report
