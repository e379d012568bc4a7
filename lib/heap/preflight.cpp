#include "heap/preflight.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/elf_file.hpp"
#include "model/runtime.hpp"
#include "system/executables.hpp"
#include "unwind/wrappers.hpp"

namespace leakline::heap {

namespace {

// Less than this share of a program's code comes without call frame information by chance (assembly).
constexpr double kMinCallFrames = 0.5;

[[noreturn]] void refuse_lines(const std::string& path, std::string why, std::string hint) {
    throw NotRecordable(ErrorKind::input, path, std::move(why), std::move(hint));
}

bool is_wrapper(const std::vector<std::string>& arguments) { return arguments.size() >= 2 && unwind::is_wrapper(file_name(arguments[0])); }

// "/usr/bin/env -S A=1 python3 -u": what it starts, and with what.
std::string_view behind_env(std::string_view line) {
    for (bool first = true;; first = false) {
        const std::string_view word = line.substr(0, line.find(' '));
        if (word.size() == line.size() || !(first || word.starts_with('-') || word.find('=') != std::string_view::npos)) return line;
        line = trim(line.substr(word.size()));
    }
}

// The interpreter of a script and its options, by its first line.
struct ScriptInterpreter {
    std::string_view program, options;
};
ScriptInterpreter interpreter_of(std::string_view first_line) {
    std::string_view line = trim(first_line.substr(2));
    if (file_name(line.substr(0, line.find(' '))) == "env") line = behind_env(line);
    const std::size_t end = std::min(line.find(' '), line.size());
    return {line.substr(0, end), line.substr(end)};
}

[[noreturn]] void refuse_script(const std::string& path, const std::string& first_line, const ScriptInterpreter& interpreter) {
    const std::string_view program = file_name(interpreter.program);
    const std::string advice = runtime_advice(runtime_of_module(program));
    refuse_lines(
        path,
        fmt::format("is a script ({}), whose interpreter would be recorded{}{}", printable(first_line), advice.empty() ? "" : ": ", advice),
        fmt::format("to record the interpreter, name it: leakline ... -- {}{} {}", program, printable(interpreter.options), path));
}

// With these the loader ignores LD_PRELOAD ("secure execution", ld.so(8)).
void refuse_privileged(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return;
    const bool user = (status.st_mode & S_ISUID) != 0 && status.st_uid != ::getuid();
    const bool group = (status.st_mode & S_ISGID) != 0 && status.st_gid != ::getgid();
    const bool capabilities = ::getuid() != 0 && ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
    if (!user && !group && !capabilities) return;
    refuse_lines(path,
                 fmt::format("{}, so the loader ignores LD_PRELOAD", user    ? "is setuid"
                                                                     : group ? "is setgid"
                                                                             : "has file capabilities"),
                 user || group ? "record a copy without the bit (cp it), or run leakline as the program's owner"
                               : "record a copy: cp drops file capabilities");
}

// Of an allocator that is linked into the program; other trackers than the agent do not see it.
void check_own_allocator(const ElfFile& elf, const std::string& program, Preflight& result) {
    using State = agent::OwnAllocator::State;
    const agent::OwnAllocator own = read_own_allocator(program);
    if (own.state == State::none && !elf.defines_malloc) return;
    const bool usable = own.state == State::usable, is_malloc = own.is_malloc || elf.defines_malloc;
    const std::string name = own.state == State::none ? "malloc" : own.name;
    const std::string not_seen = own_allocator_warning(program, name,
                                                       usable                     ? "heaptrack's tracker does not see it"
                                                       : own.state == State::none ? "it has no function free"
                                                                                  : own.why);
    (usable ? result.tracker_warnings : result.warnings).push_back(not_seen);
    if (!is_malloc) return;
    result.no_lines = "lines cannot be recorded: " + not_seen;
    result.agent_has_lines = usable;
}

}  // namespace

Preflight check_program(const std::vector<std::string>& arguments) {
    if (arguments.empty()) throw Error(ErrorKind::usage, "", "no command to run", "leakline ... -- CMD ARG...");
    const std::string found = require_executable(arguments[0]);
    Preflight result;
    result.path = found;
    result.wrapper = is_wrapper(arguments);
    if (result.wrapper) return result;
    refuse_privileged(found);
    std::ifstream file(found, std::ios::binary);
    if (!file) return result;  // executable but not readable: unknown
    std::string first_line;
    std::getline(file, first_line);
    if (first_line.starts_with("#!")) {
        first_line.resize(std::min<std::size_t>(first_line.size(), 200));
        const ScriptInterpreter interpreter = interpreter_of(first_line);
        result.wrapper = unwind::is_wrapper(file_name(interpreter.program));
        if (result.wrapper) return result;
        // The kernel starts Python then: that is the program.
        if (runtime_of_module(interpreter.program) != Runtime::python || !find_executable(std::string(interpreter.program)))
            refuse_script(found, first_line, interpreter);
        result = check_program({std::string(interpreter.program)});
        result.path = found;
        return result;
    }

    const ElfFile elf = read_elf(found);
    if (!elf.is_elf) return result;  // exec will report the error
    if (!elf.this_machine) throw Error(ErrorKind::input, found, "is a program for another CPU architecture", "build it for this one");
    if (elf.cut_off)
        throw Error(ErrorKind::input, found, "is truncated: its headers refer to data beyond its end", "build or copy it again");
    if (elf.runtime == Runtime::go && elf.interpreter.empty())
        refuse_lines(found, "is a Go program that is linked statically, so the tracker cannot be loaded into it",
                     runtime_advice(Runtime::go));
    if (elf.interpreter.empty())
        refuse_lines(found, "is linked statically, so the tracker cannot be loaded into it",
                     "link it dynamically (without -static or -static-pie)");
    if (elf.interpreter.find("ld-musl") != std::string::npos)
        refuse_lines(found, "is linked with musl, and heaptrack's library needs glibc", "build it with glibc");
    // A service may embed Python, or be called `node`: both the name and the content have to match.
    std::error_code error;
    std::string target = std::filesystem::canonical(found, error).string();
    if (error) target = std::filesystem::read_symlink(found, error).string();  // /proc/PID/exe of a process in a container
    const Runtime named = runtime_of_module(target);
    if (elf.runtime == Runtime::go || (named == elf.runtime && named != Runtime::native)) result.no_lines = runtime_advice(elf.runtime);
    result.python = result.agent_has_lines = named == elf.runtime && named == Runtime::python;
    if (!result.no_lines.empty()) return result;  // what its native code has makes no difference
    if (elf.call_frames && *elf.call_frames < kMinCallFrames)
        result.warnings.push_back(
            fmt::format("{} has call frame information for only {:.0f} % of its code, so callers cannot be found and "
                        "lines may be missing; build without -fno-asynchronous-unwind-tables",
                        found, *elf.call_frames * 100));
    check_own_allocator(elf, found, result);
    if (elf.debug_info == ElfFile::DebugInfo::split)
        result.warnings.push_back(
            fmt::format("{} has split debug info (-gsplit-dwarf), which heaptrack does not read: "
                        "function names only; build with -g alone",
                        found));
    else if (elf.debug_info == ElfFile::DebugInfo::none)
        result.warnings.push_back(
            fmt::format("{} has no debug info: function names at best, no lines; build with -g, "
                        "or install its debug package",
                        found));
    return result;
}

}  // namespace leakline::heap
