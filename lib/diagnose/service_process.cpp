#include "diagnose/internal/service_process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analysis/lines/code_kind.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/elf_file.hpp"
#include "http/url.hpp"
#include "system/find_process.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

std::optional<ServiceProcess> find_service_process(const std::string& url, const std::vector<int>& processes) {
    try {
        const http::Url parsed = http::parse_url(url);
        if (parsed.port == 0) return std::nullopt;
        for (const int pid : processes_on_port(parsed.port)) {
            if (std::find(processes.begin(), processes.end(), pid) == processes.end()) continue;
            if (const std::string executable = executable_of(pid); !executable.empty()) return ServiceProcess{pid, executable};
        }
    } catch (const Error&) {
    }
    return std::nullopt;
}

std::vector<std::string> native_extensions(const ServiceProcess& service) {
    std::set<std::string> libraries;
    const auto maps = read_small_file(fmt::format("/proc/{}/maps", service.pid));
    if (!maps) return {};
    for (const std::string_view line : split(*maps, '\n')) {
        const std::size_t path = line.find('/');
        if (path == line.npos || line.find(" r-x") == line.npos || line.find(".so", path) == line.npos) continue;
        libraries.emplace(line.substr(path));
    }
    std::vector<std::string> found;
    for (const std::string& library : libraries)
        if (analysis::is_user_code({}, library) && heap::read_elf(library).debug_info == heap::ElfFile::DebugInfo::lines)
            found.push_back(library);
    return found;
}

}  // namespace leakline::diagnose
