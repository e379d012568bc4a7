// Which process of the service answers requests. Inside lib/diagnose only.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace leakline::diagnose {

struct ServiceProcess {
    int pid = 0;
    std::string executable;  // as /proc/PID/exe has it
};

// Of these processes, the one that listens on the port of the URL; nothing where none does (a Unix socket, another machine's port).
std::optional<ServiceProcess> find_service_process(const std::string& url, const std::vector<int>& processes);

// What it has loaded that is not of the system and has source lines of its own: an interpreter's native extensions.
std::vector<std::string> native_extensions(const ServiceProcess& service);

}  // namespace leakline::diagnose
