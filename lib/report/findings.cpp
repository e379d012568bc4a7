#include "report/internal/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/quantities.hpp"
#include "base/strings.hpp"
#include "report/internal/resources_text.hpp"
#include "report/internal/summary.hpp"

namespace leakline::report {

namespace {

constexpr std::size_t kMax = 5000;

void place(Finding& finding, const std::string& file, const RenderOptions& options) {
    if (file.empty()) return;
    const auto known = options.repository_paths.find(file);
    // A compiler's relative path may begin at its build folder: "../../lib/a.cpp" cannot be shown by a CI system.
    finding.in_repository = known != options.repository_paths.end() || (!file.starts_with('/') && !file.starts_with("../"));
    finding.path = known != options.repository_paths.end() ? known->second : file;
}

void add_lines(std::vector<Finding>& findings, const LineReport& report, const RenderOptions& options) {
    std::map<std::string, int> seen;
    // The headline line first, with the sum of what passes through it.
    std::vector<const LineGrowth*> order;
    const LineGrowth* headline = report.headline && report.headline->line.leaking ? &report.headline->line : nullptr;
    if (headline != nullptr) order.push_back(headline);
    for (const LineGrowth& line : report.lines)
        if (line.leaking && (headline == nullptr || headline->at != line.at)) order.push_back(&line);
    for (const LineGrowth* finding_line : order) {
        const LineGrowth& line = *finding_line;
        if (findings.size() >= kMax) continue;
        Finding finding;
        finding.line = &line;
        finding.message = fmt::format("live heap allocated here grows without limit: {} in this run",
                                      format_signed_bytes(static_cast<double>(line.growth_bytes)));
        if (line.bytes_per_request) finding.message += fmt::format(", {} per request", interval_text(*line.bytes_per_request));
        if (line.bytes_per_hour_by_time)
            finding.message += fmt::format(", {} per hour over time", interval_text(*line.bytes_per_hour_by_time));
        finding.message += fmt::format(" ({})", growth_class_name(line.growth_class));
        place(finding, line.at.file, options);
        const std::string key = line_key(finding.path.value_or(""), line.at.function, line.source);
        const int copy = seen[key]++;
        finding.fingerprint = hash_text(copy == 0 ? key : fmt::format("{}\n{}", key, copy));
        findings.push_back(std::move(finding));
    }
}

void add_audited(std::vector<Finding>& findings, const Audit& audit, const RenderOptions& options) {
    std::map<std::string, int> seen;
    for (const AuditFinding& audited : audit.findings) {
        if (!audited.accepted.empty() || findings.size() >= kMax) continue;
        Finding finding;
        finding.kind = Finding::Kind::audited;
        finding.audited = &audited;
        finding.message = finding_message(audited);
        place(finding, audited.growth.empty() ? audited.declared.file : audited.growth.front().at.file, options);
        const std::string key =
            line_key(std::string(rule_name(audited.rule)) + "\n" + audited.declared.file, audited.subject, audited.source);
        const int copy = seen[key]++;
        finding.fingerprint = hash_text(copy == 0 ? key : fmt::format("{}\n{}", key, copy));
        findings.push_back(std::move(finding));
    }
}

}  // namespace

std::string hash_text(std::string_view text) {
    std::uint64_t hash = 14695981039346656037ull;
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return fmt::format("{:016x}", hash);
}

std::string line_key(const std::string& path, const std::string& function, const std::string& source) {
    return fmt::format("{}\n{}\n{}", path, function, trim(source));
}

std::string_view rule_name(Finding::Kind kind) {
    switch (kind) {
        case Finding::Kind::leaking_line: return "leaking-line";
        case Finding::Kind::growing_memory: return "growing-memory";
        case Finding::Kind::inconclusive: return "inconclusive-run";
        case Finding::Kind::invalid: return "invalid-run";
        case Finding::Kind::leaking_resource: return "leaking-resource";
        case Finding::Kind::audited: break;
    }
    return "invalid-run";
}

std::string_view rule_name(const Finding& finding) {
    return finding.audited != nullptr ? rule_name(finding.audited->rule) : rule_name(finding.kind);
}

std::uint32_t line_of(const Finding& finding) {
    if (finding.audited != nullptr) {
        const auto& growth = finding.audited->growth;
        return std::max(growth.empty() ? finding.audited->declared.line : growth.front().at.line, 1u);
    }
    if (finding.opened != nullptr) return std::max(finding.opened->at.line, 1u);
    return finding.line != nullptr ? std::max(finding.line->at.line, 1u) : 1;
}

std::vector<Finding> findings_of(const Document& document, const RenderOptions& options) {
    std::vector<Finding> findings;
    if (const auto* lines = std::get_if<LineReport>(&document)) {
        add_lines(findings, *lines, options);
    } else if (const auto* audit = std::get_if<Audit>(&document)) {
        add_audited(findings, *audit, options);
    } else if (const auto* diagnosis = diagnosis_in(document)) {
        if (diagnosis->accepted) return findings;
        const Summary summary = summarize(*diagnosis);
        const auto add = [&](Finding::Kind kind) {
            Finding finding;
            finding.kind = kind;
            finding.message = fmt::format("{}: {}", summary.verdict, summary.reason);
            finding.fingerprint = hash_text(fmt::format("{}\n{}", rule_name(kind), diagnosis->command));
            findings.push_back(std::move(finding));
        };
        switch (diagnosis->verdict) {
            case Verdict::leak:
                if (summary.top == nullptr && !only_resources_leak(*diagnosis)) add(Finding::Kind::growing_memory);
                for (const ResourceGrowth& growth : diagnosis->resources.counts) {
                    if (growth.verdict != Trend::growing) continue;
                    Finding finding;
                    finding.kind = Finding::Kind::leaking_resource;
                    finding.message = resource_line(growth);
                    finding.opened = main_resource_line(*diagnosis, growth.resource);
                    if (finding.opened != nullptr) place(finding, finding.opened->at.file, options);
                    finding.fingerprint =
                        hash_text(fmt::format("{}\n{}\n{}", rule_name(finding.kind), resource_name(growth.resource), diagnosis->command));
                    findings.push_back(std::move(finding));
                }
                break;
            case Verdict::inconclusive:
                if (options.inconclusive != RenderOptions::Inconclusive::pass) add(Finding::Kind::inconclusive);
                return findings;  // its message names the line; whether it leaks is not known
            case Verdict::invalid: add(Finding::Kind::invalid); return findings;
            case Verdict::no_leak: return findings;  // lines below the budget are not findings
        }
        add_lines(findings, diagnosis->lines, options);
    }
    return findings;
}

}  // namespace leakline::report
