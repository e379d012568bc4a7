#include "alert_options.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.hpp"
#include "base/quantities.hpp"
#include "memory/cgroup.hpp"
#include "quantity_options.hpp"
#include "system/procfs.hpp"

namespace leakline::cli {

namespace {

std::string channels_text() {
    std::string text = "Where to send alerts";
    for (const alert::ChannelRow& row : alert::channels()) text += "\n" + std::string(row.usage) + ": " + std::string(row.summary);
    return text;
}

}  // namespace

void add_alert_options(CLI::App& app, AlertSettings& settings) {
    add_fraction(app, "--alert-at", settings.at, "Alert when memory is over this share of its limit, such as 80%");
    add_duration(app, "--alert-for", settings.hold, "Time that memory must stay above (or below) that share");
    add_duration(app, "--alert-every", settings.minimum_gap, "Minimum time between two alerts while memory stays high");
    app.add_option("--alert-to", settings.channels, channels_text())->type_name("CHANNEL")->default_str("log")->allow_extra_args(false);
}

std::optional<alert::MonitorOptions> monitor_options(const AlertSettings& settings, const std::string& source,
                                                     const std::stop_token& stop) {
    if (!settings.at) {
        if (!settings.channels.empty()) throw Error(ErrorKind::usage, "--alert-to", "requires --alert-at", "for example --alert-at 80%");
        return std::nullopt;
    }
    if (*settings.at <= 0.05 || *settings.at > 1) throw Error(ErrorKind::usage, "--alert-at", "must be above 5% and at most 100%");
    alert::MonitorOptions options;
    options.rule.at = *settings.at;
    options.rule.hold = settings.hold;
    options.rule.minimum_gap = settings.minimum_gap;
    if (!settings.channels.empty()) options.channels = settings.channels;
    options.source = source;
    options.stop = stop;
    return options;
}

Bytes physical_memory() { return static_cast<Bytes>(::sysconf(_SC_PHYS_PAGES)) * page_size(); }

Bytes effective_memory_limit(int pid, std::optional<Bytes> configured) {
    const Bytes physical = physical_memory();
    Bytes limit = std::min(physical, configured.value_or(physical));
    if (const auto cgroup = memory::memory_cgroup_of(pid))
        if (const auto of_cgroup = memory::CgroupReader(*cgroup).limit()) limit = std::min(limit, *of_cgroup);
    return limit;
}

}  // namespace leakline::cli
