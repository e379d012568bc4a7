// Core files of programs that hold memory in known ways, and files that are none.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "holders/holders.hpp"
#include "holders/known_program.hpp"
#include "system/executables.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

const bool kNoGcore = !find_executable("gcore").has_value();  // of Debian's package gdb

std::string core_of(const Program& program, const TemporaryDirectory& folder) {
    Command command;
    command.arguments = {*find_executable("gcore"), "-o", folder.path() + "/core", std::to_string(program.pid())};
    command.output_file = folder.path() + "/gcore_out";
    Child::start(command).wait();
    const std::string path = folder.path() + "/core." + std::to_string(program.pid());
    REQUIRE(std::filesystem::exists(path));
    return path;
}

std::string file_of(const TemporaryDirectory& folder, const std::string& content) {
    const std::string path = folder.path() + "/file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
}

std::string refusal(const std::string& path) {
    try {
        holders::find_holders(path, {});
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::input);
        return error.message();
    }
    return {};
}

}  // namespace

TEST_CASE("a core file has the same holders as the process that it is of" * doctest::skip(kNoGcore)) {
    for (const char* how : {"unordered_map", "thread", "cycle"}) {
        INFO(std::string(how));
        const TemporaryDirectory folder;
        const Program program("gcc-O2", how);
        const std::string core = core_of(program, folder);
        const HolderReport live = program.look(), stored = holders::find_holders(core, {});
        CHECK(stored.core == core);
        CHECK(stored.process == program.pid());
        CHECK(stored.command == live.command);
        CHECK(stored.allocator == "glibc");
        CHECK(stored.blocks == live.blocks);
        CHECK(stored.bytes == live.bytes);
        CHECK(stored.lost_blocks == live.lost_blocks);
        REQUIRE(stored.holders.size() == live.holders.size());
        for (std::size_t i = 0; i < live.holders.size(); ++i) {
            CHECK(stored.holders[i].path == live.holders[i].path);
            CHECK(stored.holders[i].function == live.holders[i].function);
            CHECK(stored.holders[i].elements == live.holders[i].elements);
            CHECK(stored.holders[i].bytes == live.holders[i].bytes);
            CHECK(stored.holders[i].line == live.holders[i].line);
        }
        CHECK(stored.warnings.empty());
    }
}

TEST_CASE("a core file that is cut off anywhere is examined as far as it goes, and the report says how much is missing" *
          doctest::skip(kNoGcore)) {
    const TemporaryDirectory folder;
    const Program program("gcc-O2", "list");
    const std::string core = core_of(program, folder);
    const auto whole = std::filesystem::file_size(core);
    bool said = false;
    for (int part = 9; part > 0; --part) {
        std::filesystem::resize_file(core, whole / 10 * static_cast<std::uintmax_t>(part));
        const HolderReport report = holders::find_holders(core, {});
        for (const std::string& warning : report.warnings) said = said || warning.starts_with("the core file is cut off: ");
    }
    CHECK(said);
    std::filesystem::resize_file(core, 100);
    CHECK(refusal(core) == "is cut off before its list of mappings ends");
    std::filesystem::resize_file(core, 20);
    CHECK(refusal(core) == "is cut off before its header ends");
}

TEST_CASE("a core file of another version of the program has no names of it, and a library does not stand in for it" *
          doctest::skip(kNoGcore)) {
    const TemporaryDirectory folder;
    const std::string copy = folder.path() + "/program";
    std::filesystem::copy_file(std::string(KNOWN_HOLDERS_DIR) + "/gcc-O2", copy);
    const Program program(copy, "thread_local");
    const std::string core = core_of(program, folder);
    std::filesystem::remove(copy);
    std::filesystem::copy_file(std::string(KNOWN_HOLDERS_DIR) + "/gcc-O0", copy);
    const HolderReport live = program.look(), other = holders::find_holders(core, {});
    REQUIRE_FALSE(live.holders.empty());
    CHECK(live.holders[0].path == "app::per_thread");
    REQUIRE(other.warnings.size() == 1);
    CHECK(other.warnings[0] == copy + ": another version than in the core file; variables in there have no names");
    // Where the library's thread-local variables would be are the program's.
    for (const Holder& holder : other.holders) {
        CHECK(holder.root != Holder::Root::thread_local_variable);
        CHECK(holder.path.find("per_thread") == std::string::npos);
    }
}

TEST_CASE("what is not a core file is refused with what it is") {
    const TemporaryDirectory folder;
    CHECK(refusal(folder.path() + "/nothing") == "cannot open it: no such file or directory");
    CHECK(refusal(file_of(folder, "")) == "is not a core file");
    CHECK(refusal(file_of(folder, "text")) == "is not a core file");
    CHECK(refusal("/proc/self/exe") == "is a program or library, not a core file");
}
