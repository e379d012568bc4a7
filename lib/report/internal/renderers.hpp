// The functions of the table in report.cpp: one per file, all with the same signature.
#pragma once

#include <string>
#include <variant>

#include "report/report.hpp"

namespace leakline::report {

// Calls render(value) for the document's value, or for the diagnosis in it. Throws Error{usage} if render has no such overload.
template <class Render>
std::string render_form(const Document& document, std::string_view format, const Render& render) {
    if (const Diagnosis* diagnosis = diagnosis_in(document)) return render(*diagnosis);
    return std::visit(
        [&](const auto& value) -> std::string {
            if constexpr (std::is_invocable_v<Render, decltype(value)>) return render(value);
            require_form(format_named(format), form_of(document));
            return {};
        },
        document);
}

std::string render_text(const Document& document, const RenderOptions& options);
std::string render_json(const Document& document, const RenderOptions& options);
std::string render_markdown(const Document& document, const RenderOptions& options);
std::string render_csv(const Document& document, const RenderOptions& options);
std::string render_junit(const Document& document, const RenderOptions& options);
std::string render_sarif(const Document& document, const RenderOptions& options);
std::string render_github(const Document& document, const RenderOptions& options);
std::string render_gitlab(const Document& document, const RenderOptions& options);
std::string render_openmetrics(const Document& document, const RenderOptions& options);
std::string render_html(const Document& document, const RenderOptions& options);
std::string render_svg(const Document& document, const RenderOptions& options);
std::string render_folded(const Document& document, const RenderOptions& options);
std::string render_speedscope(const Document& document, const RenderOptions& options);
std::string render_pprof(const Document& document, const RenderOptions& options);

// The parts of the text format in separate files. Of a Minimized: without its diagnosis, which comes after.
std::string diagnosis_text(const Diagnosis& diagnosis, const RenderOptions& options);
std::string minimized_text(const Minimized& result, const RenderOptions& options);
std::string dry_run_text(const DryRun& result);
std::string self_test_text(const SelfTest& result);
std::string gate_text(const GateReport& gate, const RenderOptions& options);
std::string holders_text(const HolderReport& report, const RenderOptions& options);
std::string audit_text(const Audit& audit, const RenderOptions& options);

}  // namespace leakline::report
