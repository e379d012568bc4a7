#include "diagnose/internal/log_slices.hpp"

#include <algorithm>

#include "replay/log_writer.hpp"
#include "replay/selected_log.hpp"
#include "system/output_file.hpp"

namespace leakline::diagnose {

namespace {

constexpr std::uint64_t kSlices = 24;  // of a day's log: one an hour

}  // namespace

std::uint64_t write_log_slices(const replay::ReplayOptions& traffic, std::uint64_t total, std::uint64_t wanted, const std::string& path) {
    const std::uint64_t period = std::max<std::uint64_t>(1, total / kSlices);
    const std::uint64_t length = std::clamp<std::uint64_t>(wanted / kSlices, 1, period);
    replay::SelectedLog log(traffic);
    OutputFile file(path);
    replay::LogWriter writer(file);
    std::uint64_t number = 0, written = 0;
    while (auto request = log.next()) {
        if (number++ % period >= length) continue;
        request->response.clear();  // no replay of the slices reads it
        writer.add(*request);
        ++written;
    }
    writer.flush();
    file.commit();
    return written;
}

}  // namespace leakline::diagnose
