// A stored diagnosis or baseline of any bytes is read or refused with an Error, and what is read can be rendered.
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "replay/merge.hpp"
#include "report/baseline_file.hpp"
#include "report/json_read.hpp"
#include "report/report.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const report::Document document = report::read_diagnosis(text, "fuzz.json");
        for (const report::Format& format : report::formats())
            if ((format.forms & report::kDiagnosisForm) != 0) (void)format.render(document, {});
    } catch (const Error&) {
    }
    try {
        const ReplayStats stats = report::read_replay(text, "fuzz.json");
        (void)replay::merge({{"a", stats}, {"b", stats}});
    } catch (const Error&) {
    }
    try {
        (void)report::read_baseline(text, "fuzz.json");
    } catch (const Error&) {
    }
    return 0;
}
