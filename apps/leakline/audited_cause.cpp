#include "audited_cause.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "audit/audit.hpp"
#include "base/error.hpp"

namespace leakline::cli {

void add_audited_cause(Diagnosis& diagnosis, const std::vector<std::string>& paths, report::SourceText& sources, Output& output,
                       const std::stop_token& stop) {
    const LineGrowth* line = reported_line(diagnosis);
    if ((diagnosis.verdict != Verdict::leak && !diagnosis.still_filling) || line == nullptr) return;
    audit::AuditOptions options;
    options.paths = paths;
    const bool asked = !paths.empty();
    if (!asked) {
        if (sources.reads_other_root()) return;  // the audit would follow links of a container to files of this machine
        const std::optional<std::string>& file = sources.locate(line->at.file);
        if (!line->at.file.ends_with(".py") || !file || audit::available_readers().python.empty()) return;
        options.paths = {std::filesystem::path(*file).parent_path().string()};
        if (options.paths.front().empty()) options.paths = {"."};
    }
    options.explain = audit::places_of(diagnosis, *line);
    options.cache_directory = audit::default_cache_directory();
    options.stop = stop;
    options.progress = [&](const std::string& what, double done) { output.progress("audit", what, done); };
    try {
        diagnosis.audited = audit::run_audit(options).explained;
    } catch (const Error& error) {
        if (asked) throw;
        output.detail(fmt::format("the source was not audited: {}", error.message()));
    }
    output.end_progress();
    if (asked && !diagnosis.audited)
        output.note(fmt::format("{}:{}: the audit of the source found no container that grows there", line->at.file, line->at.line));
}

}  // namespace leakline::cli
