// The agent on AArch64, in programs that run under an emulator of that processor.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/strings.hpp"
#include "heap/internal/segment_file.hpp"
#include "support/binary.hpp"

using namespace leakline;

#ifdef LEAKLINE_QEMU

namespace {

const std::string kPrograms = LEAKLINE_AARCH64;

class Emulated {
  public:
    Emulated() {
        std::filesystem::create_directory(segments());
        std::filesystem::permissions(segments(), std::filesystem::perms::all);
    }
    test::Outcome run(std::uint64_t interval, std::vector<std::string> command) const {
        command.insert(command.begin(), {"-L", "/usr/aarch64-linux-gnu", "-E", "LD_PRELOAD=" + kPrograms + "/agent.so", "-E",
                                         fmt::format("LEAKLINE_AGENT={}:{}", interval, segments())});
        return test::run_binary(LEAKLINE_QEMU, std::move(command), {}, std::chrono::seconds(100));
    }
    std::vector<heap::SegmentReader> read() const {
        std::vector<heap::SegmentReader> all;
        for (const auto& entry : std::filesystem::directory_iterator(segments())) {
            all.emplace_back(Descriptor(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC)), entry.path());
            CHECK(all.back().read());
        }
        return all;
    }

  private:
    std::string segments() const { return folder_.path() + "/segments"; }
    TemporaryDirectory folder_;
};

// The functions of a stack that are the program's own, innermost first.
std::vector<std::string> functions_of(const heap::SegmentReader& segment, const heap::SegmentReader::Stack& stack,
                                      const std::string& program) {
    std::vector<std::string> arguments = {"-f", "-s", "-C", "-e", program};
    for (std::uint32_t i = 0; i < stack.depth; ++i) {
        const std::uint64_t address = segment.frames()[stack.first + i] - 1;
        for (const auto& module : segment.modules())
            if (module.name.empty() && address >= module.begin && address < module.end)
                arguments.push_back(fmt::format("{:#x}", address - module.base));
    }
    const std::string out = test::run_binary(LEAKLINE_ADDR2LINE, arguments).out;
    std::vector<std::string> functions;
    const auto lines = split(out, '\n');
    for (std::size_t i = 0; i + 1 < lines.size(); i += 2) functions.emplace_back(lines[i]);
    return functions;
}

}  // namespace

TEST_CASE("on AArch64 every block of a leak is recorded, with the functions that led to it") {
    const Emulated emulated;
    CHECK(emulated.run(1, {kPrograms + "/subject", "leak", "2000", "1000"}).code == 7);
    const auto segments = emulated.read();
    REQUIRE(segments.size() == 1);
    const heap::SegmentReader& segment = segments[0];
    std::size_t blocks = 0;
    std::set<std::uint32_t> stacks;
    for (const heap::SampledBlock& block : segment.samples()) {
        if (block.number == 0 || block.size != 1000) continue;
        ++blocks;
        stacks.insert(block.stack);
    }
    CHECK(blocks == 2000);
    REQUIRE(!stacks.empty());
    for (const std::uint32_t stack : stacks) {
        const std::vector<std::string> functions = functions_of(segment, segment.stacks()[stack], kPrograms + "/subject");
        REQUIRE(functions.size() >= 2);
        CHECK(functions[0].find("leak_block") != std::string::npos);
        CHECK(std::find(functions.begin(), functions.end(), "main") != functions.end());
    }
}

TEST_CASE("on AArch64 programs that abuse the allocator, their stacks, signals and processes run as without the agent") {
    // What the emulator (7.2) does not do as a kernel does: exec without binfmt, a limit of its own address space, and
    // MADV_WIPEONFORK, which it says to have done.
    const std::set<std::string_view> beyond_the_emulator = {"execs", "little_memory", "forks"};
    const std::string modes = Emulated().run(1, {kPrograms + "/abuse", "list"}).out;
    std::size_t tried = 0;
    for (const std::string_view mode : split(modes, '\n')) {
        if (mode.empty() || beyond_the_emulator.contains(mode)) continue;
        CAPTURE(mode);
        const Emulated emulated;
        const test::Outcome outcome = emulated.run(64, {kPrograms + "/abuse", std::string(mode)});
        CHECK(outcome.code == 0);
        CHECK(outcome.out == "ok\n");
        ++tried;
    }
    CHECK(tried >= 20);
}

#else

TEST_CASE("the agent on AArch64") {
    MESSAGE("skipped: needs aarch64-linux-gnu-g++ and qemu-aarch64-static (g++-aarch64-linux-gnu, qemu-user-static)");
}

#endif
