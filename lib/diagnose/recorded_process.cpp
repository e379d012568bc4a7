#include "diagnose/internal/recorded_process.hpp"

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "diagnose/internal/service_process.hpp"
#include "heap/preflight.hpp"
#include "heap/recorder.hpp"
#include "system/executables.hpp"
#include "system/proc_file.hpp"

namespace leakline::diagnose {

namespace {

std::string executable_path(const std::string& program) {
    std::error_code error;
    const std::filesystem::path path = std::filesystem::canonical(find_executable(program).value_or(program), error);
    return error ? program : path.string();
}

// The recorder takes the first process of a program, which need not be the one that listens.
std::optional<int> first_process_of(const std::string& executable, MeasuredTarget& target) {
    std::optional<int> first;
    std::uint64_t begun = 0;
    for (const memory::ProcessId& process : target.log().processes()) {
        if (executable_of(process.pid) != executable) continue;
        if (first && std::pair(process.start_ticks, process.pid) > std::pair(begun, *first)) continue;
        first = process.pid;
        begun = process.start_ticks;
    }
    return first;
}

// An interpreter's own lines say nothing of the program that it runs; those of the program's native extensions do.
void explain_lines(RunContext& context, const ServiceProcess& service) {
    if (context.no_lines.empty()) return;
    const std::vector<std::string> extensions = native_extensions(service);
    if (extensions.empty()) return;
    context.extensions = true;
    if (service.executable != executable_path(context.options.target.arguments[0])) context.follow = service.executable;
}

}  // namespace

void take_preflight(RunContext& context, heap::Preflight preflight) {
    context.tracker = context.options.tracker.value_or(heap::default_tracker());
    const bool with_agent = context.tracker == heap::RecordWith::agent;
    context.no_lines = preflight.agent_has_lines && with_agent ? std::string() : std::move(preflight.no_lines);
    if (!with_agent)
        std::move(preflight.tracker_warnings.begin(), preflight.tracker_warnings.end(), std::back_inserter(preflight.warnings));
    for (std::string& warning : preflight.warnings) add_once(context.result.warnings, std::move(warning));  // a soak comes here twice
}

void find_recorded_process(RunContext& context, MeasuredTarget& target) {
    const bool with_agent = context.tracker == heap::RecordWith::agent;
    const bool attached = target.recorder() != nullptr && context.options.target.pid != 0;
    if (with_agent && !attached) target.record_all();
    std::vector<int> processes;
    for (const memory::ProcessId& process : target.log().processes()) processes.push_back(process.pid);
    const auto service = find_service_process(context.result.target, processes);
    if (!service) return;
    const bool is_command = service->executable == executable_path(context.options.target.arguments[0]);
    if (!context.follow && is_command) return explain_lines(context, *service);
    // A script's interpreter is the program that runs it, in the first process.
    if (!context.follow && (with_agent || !context.no_lines.empty()) && service->pid == target.pid())
        return explain_lines(context, *service);
    context.follow = service->executable;
    if (!with_agent) target.record(first_process_of(service->executable, target).value_or(service->pid));
    context.no_lines.clear();
    try {
        take_preflight(context, heap::check_program({service->executable}));
    } catch (const Error& reason) {
        context.no_lines = no_lines_text(reason);
    }
    explain_lines(context, *service);
}

}  // namespace leakline::diagnose
