// Finds the process of the service that answers requests. Inside lib/diagnose only.
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

// Loaded libraries that are not the system's and have source lines: an interpreter's native extensions.
std::vector<std::string> native_extensions(const ServiceProcess& service);

}  // namespace leakline::diagnose
