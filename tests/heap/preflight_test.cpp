#include "heap/preflight.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "heap/elf_file.hpp"
#include "system/byte_source.hpp"
#include "system/executables.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace leakline;

namespace {

const std::string kPrograms = std::string(LEAKLINE_BIN_DIR) + "/";

Error refusal(const std::vector<std::string>& arguments) {
    try {
        heap::check_program(arguments);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::input);
        CHECK_FALSE(error.hint().empty());
        return error;
    }
    FAIL("must be refused: ", arguments[0]);
    throw 0;
}

std::string script(const TemporaryDirectory& folder, const std::string& content, const std::string& name = "run.sh") {
    std::string path = folder.path() + "/" + name;
    std::ofstream(path) << content;
    ::chmod(path.c_str(), 0755);
    return path;
}

// The first program of that name in PATH that is no script: version managers put scripts there.
std::optional<std::string> find_binary(const std::string& name) {
    for (const std::string_view folder : split(environment_variable("PATH"), ':')) {
        const auto path = find_executable(std::string(folder) + "/" + name);
        if (path && heap::read_elf(*path).is_elf) return path;
    }
    return {};
}

}  // namespace

TEST_CASE("a program that the tracker cannot get into is refused, with what to do instead") {
    CHECK(refusal({kPrograms + "heap_subject_static"}).message() == "is linked statically, so the tracker cannot be loaded into it");
    CHECK(refusal({kPrograms + "heap_subject_musl"}).message() == "is linked with musl, and heaptrack's library needs glibc");
}

TEST_CASE("what only starts another program is no refusal: the other one is to be recorded") {
    const TemporaryDirectory folder;
    std::filesystem::create_directory(folder.path() + "/shims");
    const std::string shim = "#!/usr/bin/env bash\nset -e\nexec \"/home/user/.pyenv/libexec/pyenv\" exec \"${0##*/}\" \"$@\"\n";
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"env", "A=1", "ls"},
                                               {"sh", "-c", "ls"},
                                               {"/usr/bin/nice", "ls"},
                                               {"/lib64/ld-linux-x86-64.so.2", "/bin/ls"},
                                               {script(folder, "#!/bin/sh\nexec svc\n")},
                                               {script(folder, "#!/usr/bin/env -S bash -e\nsvc\n", "start")},
                                               {script(folder, shim, "shims/python3"), "app.py"}})
        CHECK_MESSAGE(heap::check_program(command).wrapper, command[0]);
    CHECK_FALSE(heap::check_program({"/bin/ls", "sh"}).wrapper);
    CHECK_FALSE(heap::check_program({"sh"}).wrapper);  // a shell that is given nothing to start
}

TEST_CASE("an interpreter's script is refused by its first line") {
    const TemporaryDirectory folder;
    const Error ruby = refusal({script(folder, "#!/usr/bin/env ruby\n")});
    CHECK(ruby.message() ==
          "is a script (#!/usr/bin/env ruby), whose interpreter would be recorded: lines of Ruby code cannot be "
          "recorded here; to get them, use ObjectSpace.trace_object_allocations_start, or rbspy");
    CHECK(ruby.hint() == "to record the interpreter, name it: leakline ... -- ruby " + folder.path() + "/run.sh");
    CHECK(refusal({script(folder, "#!/usr/bin/env -S A=1 ruby -w\n")}).hint() ==
          "to record the interpreter, name it: leakline ... -- ruby -w " + folder.path() + "/run.sh");
}

TEST_CASE("a script of Python is a program like Python itself, which leakline's agent records") {
    const TemporaryDirectory folder;
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"/usr/bin/python3"},
                                               {script(folder, "#!/usr/bin/python3 -u\n")},
                                               {script(folder, "#!/usr/bin/env -S A=1 /usr/bin/python3\n", "env")}}) {
        CAPTURE(command[0]);
        const heap::Preflight python = heap::check_program(command);
        CHECK(python.python);
        CHECK(python.path == command[0]);
        CHECK(python.no_lines.starts_with("lines of Python code cannot be recorded"));
        CHECK_FALSE(python.wrapper);
        CHECK_MESSAGE(python.warnings.empty(), "missing debug info of an interpreter changes nothing for lines of Python");
    }
    CHECK_FALSE(heap::check_program({"/bin/ls"}).python);
    CHECK(refusal({script(folder, "#!/no/such/python3\n", "missing")}).message().starts_with("is a script (#!/no/such/python3)"));
}

TEST_CASE("a program file that is cut off is refused as that, wherever it was cut") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/svc";
    for (const std::uintmax_t size : {100, 5000, 60'000}) {
        CAPTURE(size);
        std::filesystem::copy_file("/bin/ls", path, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(path, size);
        CHECK(refusal({path}).message() == "is truncated: its headers refer to data beyond its end");
    }
}

TEST_CASE("a setuid program of somebody else's is refused, one's own is not") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/svc";
    std::filesystem::copy_file("/bin/ls", path);
    REQUIRE(::chmod(path.c_str(), 04755) == 0);
    CHECK_NOTHROW(heap::check_program({path}));
    if (::getuid() != 0) return;  // nobody else can be made the owner
    REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
    REQUIRE(::chmod(path.c_str(), 04755) == 0);
    CHECK(refusal({path}).message() == "is setuid, so the loader ignores LD_PRELOAD");
}

TEST_CASE("a program that does not exist, and one for another machine, are refused") {
    CHECK(heap::read_elf("/nonexistent").is_elf == false);
    try {
        heap::check_program({"/nonexistent/svc"});
        FAIL("must be refused");
    } catch (const Error& error) {
        CHECK(error.message() == "no such program");
    }
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/svc";
    std::filesystem::copy_file("/bin/ls", path);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(18);
    file.put(8);  // e_machine: MIPS
    file.close();
    CHECK(refusal({path}).message() == "is a program for another CPU architecture");
}

TEST_CASE("missing and split debug info is told apart from what gives lines") {
    using DebugInfo = heap::ElfFile::DebugInfo;
    CHECK(heap::read_elf(kPrograms + "heap_subject").debug_info == DebugInfo::lines);
    CHECK(heap::read_elf(kPrograms + "heap_subject_split").debug_info == DebugInfo::split);
    CHECK(heap::read_elf(kPrograms + "heap_subject_stripped").debug_info == DebugInfo::none);
    CHECK(heap::check_program({kPrograms + "heap_subject"}).warnings.empty());
    CHECK(heap::check_program({kPrograms + "heap_subject_split"}).warnings.size() == 1);
    CHECK(heap::check_program({kPrograms + "heap_subject_stripped"}).warnings.size() == 1);
    CHECK(heap::read_elf(kPrograms + "heap_subject_static").defines_malloc);
    CHECK_FALSE(heap::read_elf(kPrograms + "heap_subject").defines_malloc);
}

TEST_CASE("an ELF file cut at any place is read without a fault") {
    std::string bytes = read_file(kPrograms + "heap_subject_stripped");
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/cut";
    for (std::size_t size = 1; size < bytes.size(); size += size < 4096 ? 37 : 997) {
        std::ofstream(path, std::ios::binary) << bytes.substr(0, size);
        heap::read_elf(path);
    }
    for (std::size_t at = 0; at < 4096; ++at) {  // wild offsets and counts in the headers
        std::string wild = bytes;
        wild[at] = static_cast<char>(0xff);
        std::ofstream(path, std::ios::binary) << wild;
        if (at < 64 || at % 16 == 0) CHECK(heap::read_elf(path).build_id.size() < 100000);
    }
}

TEST_CASE("a program of a language runtime has no lines to record, and says what gives them") {
    const auto no_lines = [](const std::string& program) { return heap::check_program({program}).no_lines; };
    CHECK(no_lines(kPrograms + "heap_subject").empty());
    for (const auto& [program, language] : {std::pair{"python3", "Python"}, {"node", "Node.js"}, {"java", "Java"}}) {
        if (const auto path = find_binary(program))
            CHECK(no_lines(*path).starts_with(std::string("lines of ") + language + " code cannot be recorded here; to get them, use "));
        else
            MESSAGE("skipped: no ", program);
    }
    // A service of that name is none of them.
    const TemporaryDirectory folder;
    std::filesystem::copy_file(kPrograms + "heap_subject", folder.path() + "/node");
    CHECK(no_lines(folder.path() + "/node").empty());
    CHECK(heap::read_elf(kPrograms + "heap_subject").call_frames.value_or(0) > 0.9);
}
