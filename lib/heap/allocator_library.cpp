#include "heap/internal/allocator_library.hpp"

#include <chrono>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/elf_file.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/mappings.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

namespace leakline::heap {

namespace {

// The paths behind "=>", and of what was preloaded: "libjemalloc.so.2 => /usr/lib/libjemalloc.so.2 (0x7f...)".
std::vector<std::string> loaded_libraries(const std::string& loader, const std::string& program, const Command& command) {
    const TemporaryDirectory scratch;
    Command list;
    list.arguments = {loader, "--list", program};
    list.environment = command.environment;
    list.directory = command.directory;
    list.output_file = scratch.path() + "/libraries";
    Child child = Child::start(list);
    if (!child.wait_for(std::chrono::seconds(5))) return {};
    std::vector<std::string> paths;
    const std::string text = read_file(list.output_file);
    for (std::string_view line : split(text, '\n')) {
        const std::size_t slash = line.find('/'), end = line.rfind(" (0x");
        if (slash != std::string_view::npos && end != std::string_view::npos && slash < end)
            paths.emplace_back(line.substr(slash, end - slash));
    }
    return paths;
}

bool has_operators(const std::string& library) {
    const ElfFile elf = read_elf(library);
    return elf.defines_malloc && elf.defines_operator_new && file_name(library).find("debug") == std::string_view::npos;
}

}  // namespace

std::string operators_of_running(int pid) {
    std::string last;
    try {
        for (const Mapping& mapping : parse_mappings(read_small_file("/proc/" + std::to_string(pid) + "/maps").value_or(""))) {
            if (!mapping.executable || !mapping.is_file() || mapping.path == last) continue;
            last = mapping.path;
            if (mapping.path.find(".so") != std::string::npos && has_operators("/proc/" + std::to_string(pid) + "/root" + mapping.path))
                return mapping.path;
        }
    } catch (const Error&) {
    }
    return {};
}

std::string operators_of_allocator(const std::string& program, const Command& command) {
    try {
        const ElfFile elf = read_elf(program);
        if (elf.interpreter.empty() || elf.defines_operator_new || elf.defines_malloc) return {};
        for (const std::string& path : loaded_libraries(elf.interpreter, program, command))
            if (has_operators(path)) return path;
    } catch (const Error&) {
    }
    return {};
}

}  // namespace leakline::heap
