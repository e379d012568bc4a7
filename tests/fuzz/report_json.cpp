// A stored diagnosis, audit or baseline of any bytes is read or refused with an Error, and what is read can be rendered.
#include <cstdint>
#include <string_view>

#include "analysis/history.hpp"
#include "base/error.hpp"
#include "replay/merge.hpp"
#include "report/baseline_file.hpp"
#include "report/comment.hpp"
#include "report/json_read.hpp"
#include "report/report.hpp"

namespace {

void render(const leakline::report::Document& document) {
    for (const auto& format : leakline::report::formats())
        if ((format.forms & leakline::report::form_of(document)) != 0) (void)format.render(document, {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const report::Document document = report::read_diagnosis(text, "fuzz.json");
        render(document);
        const Diagnosis& diagnosis = std::get<Diagnosis>(document);
        (void)report::comment_markdown({diagnosis}, {});
        render(analysis::make_history({{"fuzz.json", diagnosis}, {"again.json", diagnosis}}));
    } catch (const Error&) {
    }
    try {
        const ReplayStats stats = report::read_replay(text, "fuzz.json");
        (void)replay::merge({{"a", stats}, {"b", stats}});
    } catch (const Error&) {
    }
    try {
        render(report::read_line_report(text, "fuzz.json"));
    } catch (const Error&) {
    }
    try {
        render(report::read_audit(text, "fuzz.json"));
    } catch (const Error&) {
    }
    try {
        (void)report::read_baseline(text, "fuzz.json");
    } catch (const Error&) {
    }
    return 0;
}
