// Every report format: one row, one file each. A renderer turns plain data into bytes; it reads no file and
// no clock.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/audit.hpp"
#include "model/comparison.hpp"
#include "model/diagnosis.hpp"
#include "model/dry_run.hpp"
#include "model/gate_report.hpp"
#include "model/history.hpp"
#include "model/holders.hpp"
#include "model/minimized.hpp"
#include "model/prerequisites.hpp"
#include "model/self_test.hpp"
#include "model/trend_report.hpp"

namespace leakline::report {

using Document = std::variant<Diagnosis, LineReport, TrendReport, ReplayStats, Comparison, History, Minimized, DryRun, SelfTest,
                              Prerequisites, HolderReport, Audit, GateReport>;

// Which alternative of Document a command makes, as a bit, so that a format can say what it has a form for.
enum Form : unsigned {
    kDiagnosisForm = 1u << 0,
    kLinesForm = 1u << 1,
    kTrendForm = 1u << 2,
    kReplayForm = 1u << 3,
    kComparisonForm = 1u << 4,
    kHistoryForm = 1u << 5,
    kMinimizedForm = 1u << 6,
    kDryRunForm = 1u << 7,
    kSelfTestForm = 1u << 8,
    kPrerequisitesForm = 1u << 9,
    kHoldersForm = 1u << 10,
    kAuditForm = 1u << 11,
    kGateForm = 1u << 12,
    kEveryForm = ~0u,
};
inline unsigned form_of(const Document& document) { return 1u << document.index(); }
// The diagnosis that document is or holds; else null. Formats without a form of a Minimized show its diagnosis.
const Diagnosis* diagnosis_in(const Document& document);

// What text may draw with: a terminal whose locale is not UTF-8 shows other characters than ASCII as several wrong ones.
enum class Characters { unicode, ascii };

struct RenderOptions {
    enum class Unit { bytes, kib, mib };
    Unit unit = Unit::mib;
    int precision = 1;    // decimals in the line table
    bool strict = false;  // the line table exactly as memory_profiler prints it, nothing else
    bool color = false;
    bool full = true;    // of a diagnosis, text: all evidence; else what fits on a screen
    bool fold = false;   // text: keep to the width, as a terminal would break lines in the middle of words
    bool brief = false;  // --quiet: only what needs attention
    bool notes = false;  // of an audit: its notes, too
    int width = 100;     // columns, for text
    Characters characters = Characters::unicode;
    std::size_t top = 20;  // rows of a ranking
    bool lost = false;     // of holders: also what nothing leads to
    // What an inconclusive run is to a CI system (--inconclusive): an error, a skipped test, or none of its
    // business.
    enum class Inconclusive { fail, warn, pass };
    Inconclusive inconclusive = Inconclusive::fail;
    // Files of the debug info -> paths within the repository, for CI systems (see report/repository_paths).
    std::map<std::string, std::string> repository_paths;
};

struct Format {
    std::string_view name;                     // for --format
    std::vector<std::string_view> extensions;  // for -o, with the dot
    std::string_view summary;
    std::string (*render)(const Document&,
                          const RenderOptions&);  // throws Error{usage}: no such form of this document
    unsigned forms = kEveryForm;                  // the documents that render takes
    bool binary = false;                          // not for a terminal
};

std::span<const Format> formats();
// Throws Error{usage} with a did-you-mean, which offers those that have one of the forms (of Form).
const Format& format_named(std::string_view name, unsigned forms = ~0u);
// By the longest extension that path ends with ("x.speedscope.json" is not JSON); Error{usage} lists what
// there is.
const Format& format_of_file(std::string_view path);
// Error{usage} where format has no form of such a document: to be asked before the work that makes the
// document.
void require_form(const Format& format, unsigned form);

}  // namespace leakline::report
