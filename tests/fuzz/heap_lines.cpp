// Any recording, to its end: found out by content, read, analyzed by line. The books must balance whatever it holds.
#include "analysis/lines/lines.hpp"
#include "base/error.hpp"
#include "heap/profile_reader.hpp"
#include "heap_profile_check.hpp"
#include "system/byte_source.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    heap::ReadOptions options;
    options.mark_interval = std::chrono::milliseconds(10);
    options.max_marks = 20;
    options.threads = 1;
    try {
        const HeapProfile profile = heap::read_profile(memory_source({reinterpret_cast<const char*>(data), size}), "input", options);
        fuzz::check_profile(profile);
        const LineReport report = analysis::grow_lines(profile);
        const auto sum = [](std::int64_t a, std::int64_t b) {  // figures of a damaged file can be anything
            return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
        };
        fuzz::require(sum(report.accounting.attributed_bytes, report.accounting.unattributed_bytes) == report.accounting.live_delta_bytes);
        std::int64_t lines = 0;
        for (const LineGrowth& line : report.lines) lines = sum(lines, line.growth_bytes);
        fuzz::require(lines == report.accounting.attributed_bytes);
    } catch (const Error&) {  // no recording, or an empty one
    }
    return 0;
}
