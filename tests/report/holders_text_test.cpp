#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "report/report.hpp"

using namespace leakline;
using namespace leakline::report;

namespace {

HolderReport sample() {
    HolderReport report;
    report.process = 42;
    report.command = "/usr/bin/server";
    report.allocator = "glibc";
    report.copied = 3 << 20;
    report.paused = std::chrono::milliseconds(12);
    report.blocks = 5000;
    report.bytes = 2 << 20;
    report.lost_blocks = 60;
    report.lost_bytes = 6000;
    Holder cache;
    cache.path = "app::cache";
    cache.type = "std::list<app::Event>";
    cache.elements = 1000;
    cache.module = "/usr/bin/server";
    cache.file = "/src/cache.cpp";
    cache.line = 12;
    cache.bytes = 1 << 20;
    cache.blocks = 4000;
    cache.shared_bytes = 2048;
    cache.shared_with = "app::index";
    cache.parts = {{"[].texts", "std::vector<std::string>", 3000, 1000, 500'000}};
    Holder local;
    local.root = Holder::Root::local;
    local.path = "(unnamed)";
    local.function = "main";
    local.thread = "server (42)";
    local.bytes = 4096;
    local.blocks = 1;
    local.kinds = {{"", 4096, 1, 4096}};
    report.holders = {cache, local};
    LostKind cycle;
    cycle.cycle = true;
    cycle.type = "app::Peer";
    cycle.field = "other";
    cycle.count = 20;
    cycle.blocks = 40;
    cycle.bytes = 4000;
    LostKind block;
    block.block_size = 100;
    block.count = block.blocks = 20;
    block.bytes = 2000;
    report.lost = {cycle, block};
    return report;
}

std::string text_of(const HolderReport& report, bool lost = false) {
    RenderOptions options;
    options.lost = lost;
    return format_named("text").render(report, options);
}

}  // namespace

TEST_CASE("holders as text: variable, container, share of the heap, declaration, parts; lost blocks on request") {
    CHECK(text_of(sample()) ==
          "server (pid 42): 2 MiB in 5,000 heap blocks\n"
          "stopped for 12ms while 3 MiB were copied\n"
          "\n"
          "      1 MiB  global app::cache\n"
          "             std::list<app::Event>, 1,000 elements, 50.0 % of the heap\n"
          "             <- /src/cache.cpp:12\n"
          "                  488 KiB  [].texts  std::vector<std::string>, 3,000 elements\n"
          "             2 KiB of it can also be reached from app::index\n"
          "\n"
          "      4 KiB  local (unnamed) in main\n"
          "             0.2 % of the heap\n"
          "             thread server (42)\n"
          "               1 block of 4 KiB\n"
          "\n"
          "   5.86 KiB  lost: 60 unreachable blocks (listed by --lost)\n");
    const std::string lost = text_of(sample(), true);
    CHECK(lost.substr(lost.find("   5.86 KiB  lost")) ==
          "   5.86 KiB  lost: 60 unreachable blocks\n"
          "                 3.91 KiB  20 cycles through app::Peer::other (40 blocks)\n"
          "                 1.95 KiB  20 blocks of 100 B\n");
}

TEST_CASE("what nothing holds in Python are reference cycles by type, and none are not mentioned") {
    HolderReport report = sample();
    report.allocator = "Python";
    report.holders.clear();
    report.lost = {LostKind{false, "app.Node", {}, 0, 20, 60, 6000}};
    CHECK(text_of(report, true) ==
          "server (pid 42): 2 MiB in 5,000 objects\n"
          "stopped for 12ms while 3 MiB were copied\n"
          "\n"
          "no holder found\n"
          "\n"
          "   5.86 KiB  reference cycles that are not freed: 60 unreachable blocks\n"
          "                 5.86 KiB  20 x app.Node (60 blocks)\n");
    report.lost.clear();
    report.lost_blocks = report.lost_bytes = 0;
    Holder& holder = report.holders.emplace_back();
    holder.root = Holder::Root::native_code;
    holder.runtime = Runtime::python;
    holder.type = "tuple";
    holder.elements = 3000;
    holder.bytes = 1 << 20;
    CHECK(
        text_of(report).ends_with("\n"
                                  "      1 MiB  native code, no Python variable\n"
                                  "             3,000 tuple objects, 50.0 % of the heap\n"));
}

TEST_CASE("growth between two snapshots leads a holder's lines") {
    HolderReport report = sample();
    report.holders.resize(1);
    report.holders[0].parts.clear();
    report.holders[0].shared_bytes = 0;
    report.holders[0].growth_bytes = 1 << 19;
    report.holders[0].growth_elements = 400;
    report.since = std::chrono::seconds(60);
    report.growth_bytes = 1 << 19;
    report.lost_blocks = report.lost_bytes = 0;
    CHECK(text_of(report) ==
          "server (pid 42): 2 MiB in 5,000 heap blocks, +512 KiB in 1m\n"
          "stopped for 12ms while 3 MiB were copied\n"
          "\n"
          "   +512 KiB  global app::cache\n"
          "             std::list<app::Event>, 1,000 elements (+400), 1 MiB now\n"
          "             <- /src/cache.cpp:12\n"
          "\n"
          "        0 B  lost: 0 unreachable blocks\n");
}

TEST_CASE("holders as JSON have the same values under stable names") {
    const auto json = nlohmann::json::parse(format_named("json").render(sample(), {}));
    CHECK(json["schema"] == 1);
    CHECK(json["pid"] == 42);
    CHECK(json["bytes"] == 2 << 20);
    CHECK(json["holders"][0]["root"] == "global");
    CHECK(json["holders"][0]["path"] == "app::cache");
    CHECK(json["holders"][0]["elements"] == 1000);
    CHECK(json["holders"][0]["parts"][0]["path"] == "[].texts");
    CHECK(json["holders"][1]["function"] == "main");
    CHECK(json["lost"]["kinds"][0]["cycle"] == true);
    CHECK(json["lost"]["kinds"][0]["field"] == "other");
    CHECK(json["lost"]["kinds"][1]["block_bytes"] == 100);
}
