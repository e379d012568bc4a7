// Heap profiles of V8 (.heapprofile), also as the installed Node.js writes them.
#include <doctest/doctest.h>

#include <fstream>

#include "base/error.hpp"
#include "heap/profile_reader.hpp"
#include "support/binary.hpp"
#include "system/byte_source.hpp"
#include "system/executables.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

std::string node(int id, const std::string& function, const std::string& url, int line, int size, const std::string& children = "") {
    return R"({"callFrame":{"functionName":")" + function + R"(","scriptId":"1","url":")" + url + R"(","lineNumber":)" +
           std::to_string(line) + R"(,"columnNumber":0},"selfSize":)" + std::to_string(size) + R"(,"id":)" + std::to_string(id) +
           R"(,"children":[)" + children + "]}";
}
std::string profile_of(const std::string& nodes, const std::string& samples) {
    return R"({"head":)" + node(1, "(root)", "", -1, 0, nodes) + R"(,"samples":[)" + samples + "]}";
}
HeapProfile read(const std::string& text) { return heap::read_profile(memory_source(text), "x.heapprofile"); }

std::int64_t last_bytes(const HeapProfile& profile, const std::string& function) {
    std::vector<std::int64_t> live(profile.traces.size());
    for (const HeapMark& mark : profile.marks)
        for (const HeapMark::Change& change : mark.changes) live[change.trace.value - 1] = change.cost.live_bytes;
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < live.size(); ++i) {
        const Frame& frame = profile.frames[profile.ips[profile.traces[i].ip.value - 1].first_frame];
        if (profile.string(frame.function) == function) sum += live[i];
    }
    return sum;
}

}  // namespace

TEST_CASE("a heap profile of V8 has live bytes by stack, and native functions count for their callers") {
    const HeapProfile profile = read(
        profile_of(node(2, "handle", "file:///srv/my%20app.js", 9, 500, node(3, "set", "", -1, 300)) + "," + node(4, "(GC)", "", -1, 50),
                   R"({"size":400,"nodeId":2,"ordinal":1},{"size":300,"nodeId":3,"ordinal":2})"));
    REQUIRE(profile.traces.size() == 2);
    CHECK(last_bytes(profile, "handle") == 800);
    CHECK(last_bytes(profile, "(GC)") == 50);
    const Frame& frame = profile.frames[0];
    CHECK(profile.string(frame.file) == "/srv/my app.js");
    CHECK(frame.line == 10);
    CHECK(profile.marks.at(0).changes.at(0).cost.live_blocks == 2);
    CHECK(profile.sampling.value().interval == 400);
    CHECK(profile.peak_bytes == 850);
}

TEST_CASE("a damaged heap profile of V8 is read up to the damage, which is said") {
    const std::string whole = profile_of(node(2, "handle", "/srv/app.js", 9, 500), R"({"size":500,"nodeId":2,"ordinal":1})");
    const HeapProfile profile = read(whole.substr(0, whole.size() - 30));
    CHECK(last_bytes(profile, "handle") == 500);
    CHECK(profile.damage.count() == 1);
}

TEST_CASE("files of other kinds are not read together") {
    const TemporaryDirectory folder;
    const std::string one = folder.path() + "/one.heapprofile", other = folder.path() + "/run.leak";
    std::ofstream(one) << profile_of(node(2, "handle", "/srv/app.js", 9, 500), "");
    std::ofstream(other) << "leakline heap 1\n";
    CHECK_THROWS_WITH_AS(heap::read_profiles({one, other}), doctest::Contains("is not a heap profile of V8"), Error);
}

TEST_CASE("two heap profiles of a Node.js process show which function keeps memory") {
    const auto program = find_executable("node");
    if (!program) {
        MESSAGE("skipped: node is not installed");
        return;
    }
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/app.js";
    std::ofstream(script) << "const inspector = require('inspector'), fs = require('fs');\n"
                             "const session = new inspector.Session(); session.connect();\n"
                             "session.post('HeapProfiler.startSampling', {samplingInterval: 4096});\n"
                             "const kept = new Array(60000);\n"  // which does not grow in keep
                             "function keep(i) {\n"
                             "  kept[i] = {name: 'visit ' + i, at: [i, i + 1]};\n"
                             "}\n"
                             "for (let round = 0; round <= 2; ++round) {\n"
                             "  for (let i = 0; i < 20000; ++i) keep(20000 * round + i);\n"
                             "  gc();\n"  // or what has been dropped is in the first profile
                             "  session.post('HeapProfiler.getSamplingProfile', (error, result) =>\n"
                             "      fs.writeFileSync(`${process.argv[2]}/${round}.heapprofile`, JSON.stringify(result.profile)));\n"
                             "}\n";
    // V8 counts what an inlined function allocates for the one that it is inlined in.
    REQUIRE(test::run_binary(*program, {"--expose-gc", "--no-opt", script, folder.path()}).code == 0);
    const HeapProfile profile = heap::read_profiles({folder.path() + "/1.heapprofile", folder.path() + "/2.heapprofile"});
    REQUIRE(profile.marks.size() == 2);
    CHECK(profile.damage.count() == 0);
    // An object and its array, 100 bytes or more, 20,000 times in each of three rounds.
    HeapProfile first = profile;
    first.marks.pop_back();
    const std::int64_t before = last_bytes(first, "keep"), after = last_bytes(profile, "keep");
    CHECK(before > 1'000'000);
    CHECK(after - before > before / 3);
    CHECK(after - before < before * 2 / 3);
}
