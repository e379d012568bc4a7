#include "agent/internal/stack_table.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "segment_in_memory.hpp"

using namespace leakline;
using namespace leakline::agent;

namespace {

constexpr SegmentSizes kSizes{16, 1u << 4, 64, 1u << 4, 256, 8, 4096};

// What the loader would say: a plugin at 0x5000 that comes and goes, and the program at 0x1000.
LoadedCode plugin;
LoadedCode find_code(std::uint64_t address) {
    if (address >= 0x1000 && address < 0x2000) return {0x1000, 0x2000, 0x1000, ""};
    return plugin.begin <= address && address < plugin.end ? plugin : LoadedCode{};
}

std::uint32_t find(StackTable& table, std::vector<std::uint64_t> frames) {
    return table.find(frames.data(), static_cast<std::uint32_t>(frames.size()));
}

}  // namespace

TEST_CASE("the same stack is found again, and code that was loaded at its place since makes another of it") {
    test::SegmentInMemory memory(kSizes);
    StackTable table;
    plugin = {0x5000, 0x6000, 0x5000, "/lib/one.so"};
    table.begin(memory.view, find_code, false);
    const std::uint32_t in_plugin = find(table, {0x5100, 0x1100}), in_program = find(table, {0x1200, 0x1100});
    CHECK(in_plugin != 0);
    CHECK(in_program != in_plugin);
    CHECK(find(table, {0x5100, 0x1100}) == in_plugin);

    table.code_unloaded();  // another library went
    CHECK(find(table, {0x5100, 0x1100}) == in_plugin);
    plugin = {0x5000, 0x6000, 0x5000, "/lib/two.so"};
    table.code_unloaded();
    const std::uint32_t in_other = find(table, {0x5100, 0x1100});
    CHECK(in_other != in_plugin);
    CHECK(find(table, {0x1200, 0x1100}) == in_program);
    CHECK(find(table, {0x5100, 0x1100}) == in_other);

    // And each has the code that was there: by its epoch.
    const auto name_at = [&](std::uint32_t stack, std::uint64_t address) {
        const std::uint32_t epoch = memory.view.stacks[stack].epoch;
        for (std::uint32_t i = 0; i < memory.view.header->modules_used; ++i) {
            const Module& module = memory.view.modules[i];
            if (module.begin <= address && address < module.end && module.first_epoch <= epoch && epoch <= module.last_epoch)
                return std::string(memory.view.names + module.name);
        }
        return std::string("none");
    };
    CHECK(name_at(in_plugin, 0x5100) == "/lib/one.so");
    CHECK(name_at(in_other, 0x5100) == "/lib/two.so");
    CHECK(name_at(in_other, 0x1100).empty());
    CHECK(memory.view.header->modules_used == 3);
}

TEST_CASE("a thousand unloadings of code that stays make no new stack and no new module") {
    test::SegmentInMemory memory(kSizes);
    StackTable table;
    plugin = {0x5000, 0x6000, 0x5000, "/lib/one.so"};
    table.begin(memory.view, find_code, false);
    const std::uint32_t stack = find(table, {0x5100, 0x1100});
    for (int i = 0; i < 1000; ++i) {
        table.code_unloaded();
        REQUIRE(find(table, {0x5100, 0x1100}) == stack);
    }
    CHECK(memory.view.header->modules_used == 2);
}

TEST_CASE("stacks, frames, modules and names that have no room: the stack is the one for those, and nothing is overwritten") {
    test::SegmentInMemory memory(kSizes);
    StackTable table;
    plugin = {};
    table.begin(memory.view, find_code, false);
    std::uint32_t last = 1;
    for (std::uint64_t i = 0; i < 1000; ++i) last = find(table, {0x1000 + i * 2 + 1, 0x1100, 0x1200});
    CHECK(last == 0);
    CHECK(memory.view.header->stacks_used == kSizes.stacks);
    CHECK(memory.view.header->frames_used <= kSizes.frames);
    for (std::uint64_t i = 0; i < 100; ++i) {
        plugin = {0x10000 + i * 0x1000, 0x11000 + i * 0x1000, 0, "/lib/a-library-with-a-name-of-some-length.so"};
        find(table, {0x10100 + i * 0x1000});
        CHECK(memory.view.header->modules_used <= kSizes.modules);
        CHECK(memory.view.header->names_used <= kSizes.names);
    }
    CHECK(table.put_name(std::string(5000, 'x')) == 0);
}
