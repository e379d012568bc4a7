#include "heap/internal/allocator_library.hpp"

#include <chrono>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/elf_file.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
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

}  // namespace

std::string operators_of_allocator(const std::string& program, const Command& command) {
    try {
        const ElfFile elf = read_elf(program);
        if (elf.interpreter.empty() || elf.defines_operator_new || elf.defines_malloc) return {};
        for (const std::string& path : loaded_libraries(elf.interpreter, program, command)) {
            const ElfFile library = read_elf(path);
            if (library.defines_malloc && library.defines_operator_new && file_name(path).find("debug") == std::string_view::npos)
                return path;
        }
    } catch (const Error&) {
    }
    return {};
}

}  // namespace leakline::heap
