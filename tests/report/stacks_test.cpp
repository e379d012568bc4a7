#include "report/internal/stacks.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include <map>
#include <nlohmann/json.hpp>

#include "report/internal/caller_tree.hpp"
#include "report/internal/renderers.hpp"

using namespace leakline;
using namespace leakline::report;

namespace {

// Two lines; the first has two callers, one of which is followed for a part only.
LineReport two_lines() {
    LineReport report;
    report.command = "/app/service --port 1";
    report.window_end = std::chrono::seconds(60);
    LineGrowth line;
    line.at = {"append(Event)", "/src/cache.cpp", 31};
    line.growth_bytes = 1000;
    line.live_last_blocks = 10;
    line.allocations = 12;
    line.allocated_bytes = 1200;
    CallerNode handle{{"handle(int)", "/src/app.cpp", 12}, 700, {}, 7, 9, 900};
    handle.callers.push_back({{"main", "/src/main; 1.cpp", 3}, 650, {}, 6, 8, 800});
    line.callers = {handle, {{"load()", "/src/app.cpp", 44}, 300, {}, 3, 3, 300}};
    report.lines.push_back(line);
    LineGrowth shrunk;
    shrunk.at = {"drop()", "/src/cache.cpp", 50};
    shrunk.growth_bytes = -64;
    shrunk.live_first_blocks = 1;
    report.lines.push_back(shrunk);
    report.accounting = {1036, 936, 100, {}, {}, {}};
    return report;
}

std::string gunzip(const std::string& bytes) {
    z_stream stream{};
    REQUIRE(inflateInit2(&stream, MAX_WBITS + 16) == Z_OK);
    std::string in = bytes, out(1 << 20, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(inflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

// The fields of one protobuf message, read back: numbers by field, texts by field.
struct Fields {
    std::multimap<std::uint64_t, std::uint64_t> numbers;
    std::multimap<std::uint64_t, std::string> texts;
};
std::uint64_t varint(std::string_view& in) {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        REQUIRE_FALSE(in.empty());
        const auto byte = static_cast<unsigned char>(in.front());
        in.remove_prefix(1);
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
}
Fields fields_of(std::string_view in) {
    Fields fields;
    while (!in.empty()) {
        const std::uint64_t key = varint(in);
        if ((key & 7) == 0) {
            fields.numbers.emplace(key >> 3, varint(in));
        } else {
            REQUIRE((key & 7) == 2);
            const std::uint64_t size = varint(in);
            REQUIRE(size <= in.size());
            fields.texts.emplace(key >> 3, in.substr(0, size));
            in.remove_prefix(size);
        }
    }
    return fields;
}
std::vector<std::string> all(const Fields& fields, std::uint64_t field) {
    std::vector<std::string> out;
    for (auto [it, end] = fields.texts.equal_range(field); it != end; ++it) out.push_back(it->second);
    return out;
}
std::vector<std::int64_t> packed(const Fields& fields, std::uint64_t field) {
    std::string_view in = fields.texts.find(field)->second;
    std::vector<std::int64_t> out;
    while (!in.empty()) out.push_back(static_cast<std::int64_t>(varint(in)));
    return out;
}

}  // namespace

TEST_CASE("stacks hold every byte of the books once, those of pruned branches at the last known frame") {
    const LineReport report = two_lines();
    const std::vector<LineStack> stacks = stacks_of(report);
    std::int64_t sum = 0;
    for (const LineStack& stack : stacks) sum += stack.bytes;
    CHECK(sum == report.accounting.live_delta_bytes);
    REQUIRE(stacks.size() == 5);
    CHECK(stacks[0].frames.size() == 2);
    CHECK(stacks[0].bytes == 50);
    CHECK(stacks[0].allocations == 1);
    CHECK(stacks[1].frames.size() == 3);
    CHECK(stacks[1].frames[0].line == 31);
    CHECK(stacks[1].frames[2].function == "main");
    CHECK(stacks[4].frames[0].function == "[no source line]");
}

TEST_CASE("folded stacks go from the root to the line and hold growth only") {
    CHECK(render_folded(two_lines(), {}) ==
          "[no source line] 100\n"
          "handle(int) (app.cpp:12);append(Event) (cache.cpp:31) 50\n"
          "load() (app.cpp:44);append(Event) (cache.cpp:31) 300\n"
          "main (main: 1.cpp:3);handle(int) (app.cpp:12);append(Event) (cache.cpp:31) 650\n");
}

TEST_CASE("speedscope gets a sample with a weight for each stack that grew") {
    const auto json = nlohmann::json::parse(render_speedscope(two_lines(), {}));
    CHECK(json["$schema"] == "https://www.speedscope.app/file-format-schema.json");
    const auto& profile = json["profiles"][0];
    CHECK(profile["type"] == "sampled");
    CHECK(profile["unit"] == "bytes");
    CHECK(profile["weights"] == nlohmann::json({50, 650, 300, 100}));
    CHECK(profile["endValue"] == 1100);
    REQUIRE(profile["samples"].size() == 4);
    const auto& frames = json["shared"]["frames"];
    CHECK(frames[profile["samples"][1][0].get<std::size_t>()]["name"] == "main");
    CHECK(frames[profile["samples"][1][2].get<std::size_t>()]["line"] == 31);
}

TEST_CASE("a pprof profile holds stacks innermost first with four values each") {
    const Fields profile = fields_of(gunzip(render_pprof(two_lines(), {})));
    const std::vector<std::string> strings = all(profile, 6);
    REQUIRE_FALSE(strings.empty());
    CHECK(strings[0].empty());
    const auto text = [&](std::uint64_t index) { return strings.at(index); };

    std::vector<std::string> types;
    for (const std::string& type : all(profile, 1)) {
        const Fields fields = fields_of(type);
        types.push_back(text(fields.numbers.find(1)->second) + "/" + text(fields.numbers.find(2)->second));
    }
    CHECK(types == std::vector<std::string>{"alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"});
    CHECK(text(profile.numbers.find(14)->second) == "inuse_space");
    CHECK(profile.numbers.find(10)->second == 60'000'000'000);

    std::map<std::uint64_t, std::string> functions, locations;
    for (const std::string& function : all(profile, 5)) {
        const Fields fields = fields_of(function);
        functions[fields.numbers.find(1)->second] = text(fields.numbers.find(2)->second);
    }
    for (const std::string& location : all(profile, 4)) {
        const Fields fields = fields_of(location);
        CHECK(fields.numbers.find(2)->second == 1);
        const Fields line = fields_of(fields.texts.find(4)->second);
        const auto number = line.numbers.find(2);
        locations[fields.numbers.find(1)->second] =
            functions.at(line.numbers.find(1)->second) + ":" + std::to_string(number == line.numbers.end() ? 0 : number->second);
    }
    const std::vector<std::string> samples = all(profile, 2);
    REQUIRE(samples.size() == 5);
    const Fields whole = fields_of(samples[1]);
    std::vector<std::string> stack;
    for (std::int64_t id : packed(whole, 1)) stack.push_back(locations.at(static_cast<std::uint64_t>(id)));
    CHECK(stack == std::vector<std::string>{"append(Event):31", "handle(int):12", "main:3"});
    CHECK(packed(whole, 2) == std::vector<std::int64_t>{8, 800, 6, 650});
    CHECK(packed(fields_of(samples[3]), 2) == std::vector<std::int64_t>{0, 0, -1, -64});
}

TEST_CASE("a name that is not UTF-8 does not spoil a profile") {
    LineReport report;
    LineGrowth line;
    line.at = {"f\xff\xc3(\xc3\xa4)", "a.cpp", 1};
    line.growth_bytes = 1;
    report.lines.push_back(line);
    const std::string profile = gunzip(render_pprof(report, {}));
    CHECK(profile.find("f?\?(\xc3\xa4)") != std::string::npos);
    CHECK(nlohmann::json::parse(render_speedscope(report, {}))["profiles"][0]["weights"].size() == 1);
}

TEST_CASE("stacks are refused for documents that have none") {
    CHECK_THROWS_AS(render_folded(ReplayStats{}, {}), Error);
    CHECK_THROWS_AS(render_pprof(TrendReport{}, {}), Error);
}

TEST_CASE("callers are drawn as a tree that indents where it branches") {
    LineGrowth line = two_lines().lines[0];
    line.callers[0].callers.push_back({{"replay()", "/src/app.cpp", 70}, 50, {}, 0, 0, 0});
    CHECK(caller_tree(line, 80, Characters::ascii)[2] == "        +50 B  |  `- /src/app.cpp:70 replay()");
    CHECK(caller_tree(line, 80, Characters::unicode) == std::vector<std::string>{
                                                            "       +700 B  ├─ /src/app.cpp:12 handle(int)",
                                                            "       +650 B  │  ├─ /src/main; 1.cpp:3 main",
                                                            "        +50 B  │  └─ /src/app.cpp:70 replay()",
                                                            "       +300 B  └─ /src/app.cpp:44 load()",
                                                        });
}
