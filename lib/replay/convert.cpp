#include "replay/convert.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "base/quantities.hpp"
#include "replay/log_writer.hpp"
#include "replay/selected_log.hpp"
#include "replay/wire.hpp"
#include "system/output_file.hpp"

namespace leakline::replay {

Conversion convert(const ReplayOptions& options, OutputFile& file, const std::function<void(double part, std::uint64_t written)>& on_part) {
    check(options);
    const ShapeOptions selection = choose_hosts(options);
    Log log(options.logs, log_options(options));
    Shape shape(selection);
    LogWriter writer(file);
    Conversion result;
    result.formats = log.formats();
    Record record;
    std::string wire;
    while (log.next(record)) {
        ++result.read;
        if (!shape.apply(record)) {
            ++result.filtered;
            continue;
        }
        wire.clear();
        if (!append_wire(wire, record, "host")) {
            --result.read;
            log.reject(why_not_sent(record));
            continue;
        }
        Request request = to_request(record);
        if (!selection.host.empty()) {
            std::erase_if(request.headers, [](const auto& header) { return equal_ignoring_case(header.first, "host"); });
            request.headers.emplace_back("Host", selection.host);
        }
        if (writer.add(request) && on_part) on_part(log.part(), result.written);
        ++result.written;
    }
    writer.flush();
    result.bad = log.bad();
    result.read += result.bad;
    result.warnings = log.damage().lines();
    for (const std::string& warning : log.warnings()) result.warnings.push_back(warning);
    for (std::string& warning : shape.warnings("left out")) result.warnings.push_back(std::move(warning));
    return result;
}

std::string conversion_text(const Conversion& result) {
    return fmt::format("read {} = {} written + {} filtered + {} bad; log format: {}", format_count(result.read),
                       format_count(result.written), format_count(result.filtered), format_count(result.bad), result.formats);
}

}  // namespace leakline::replay
