// Programs from Debian's packages, recorded here and now, read from every form of file: the totals must be those that
// heaptrack's own heaptrack_print finds in the same data, to the byte.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/quantities.hpp"
#include "heap/profile_reader.hpp"
#include "heap/recorder.hpp"
#include "heap/tracker.hpp"
#include "streams.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

void shell(const std::string& command) {
    CAPTURE(command);
    REQUIRE(std::system(("set -e; " + command).c_str()) == 0);
}

// The last column of heaptrack_print's folded stacks, summed: its totals without rounding.
std::uint64_t printed_total(const std::string& file, const std::string& cost, const TemporaryDirectory& folder) {
    const std::string stacks = folder.path() + "/stacks";
    shell(
        fmt::format("heaptrack_print --disable-builtin-suppressions --disable-embedded-suppressions -F {} "
                    "--flamegraph-cost-type {} {} >/dev/null 2>&1",
                    stacks, cost, file));
    std::uint64_t sum = 0;
    std::ifstream in(stacks);
    for (std::string line; std::getline(in, line);) sum += std::stoull(line.substr(line.rfind(' ') + 1));
    return sum;
}

struct Program {
    const char* path;
    std::vector<std::string> arguments;
};

}  // namespace

TEST_CASE("totals of real programs equal heaptrack_print's, from every form of file") {
    const std::vector<Program> programs = {
        {"/usr/bin/ls", {"-lR", "/usr/include"}},
        {"/usr/bin/sort", {"/etc/services", "/etc/passwd", "/usr/share/dict/words"}},
        {"/usr/bin/python3", {"-c", "import json, re; print(len(json.dumps([re.escape(str(i)) for i in range(3000)])))"}},
        {"/usr/bin/git", {"--no-pager", "log", "--all", "--stat", "-20"}},
        {"/usr/bin/sqlite3", {":memory:", "create table t(a, b); insert into t values (1, hex(randomblob(9999)));"}},
    };
    const std::string interpreter = heap::find_tracker().interpreter;
    std::size_t tried = 0;
    for (const Program& program : programs) {
        if (::access(program.path, X_OK) != 0) continue;
        CAPTURE(program.path);
        ++tried;
        const TemporaryDirectory folder;
        const std::string base = folder.path() + "/run";
        heap::RecordOptions options;
        options.command.arguments = program.arguments;
        options.command.arguments.insert(options.command.arguments.begin(), program.path);
        options.command.standard_output = Command::Stream::null;
        options.command.directory = LEAKLINE_SOURCE_DIR;
        options.output = base + ".leak";
        options.keep_raw = base + ".raw.zst";
        heap::Recorder recorder = heap::Recorder::start(options);
        recorder.child().wait();
        const HeapProfile recorded = recorder.finish();

        shell(
            fmt::format("zstd -qdc {0}.raw.zst > {0}.raw; {1} < {0}.raw > {0}.text 2>/dev/null; "
                        "gzip -c {0}.text > {0}.gz; zstd -qc {0}.text > {0}.zst",
                        base, interpreter));
        const std::string text = base + ".text";
        const test::Totals expected{static_cast<std::int64_t>(printed_total(text, "leaked", folder)),
                                    printed_total(text, "allocations", folder), printed_total(text, "peak", folder)};
        CHECK(expected.calls > 100);
        CHECK(test::totals_of(recorded) == expected);
        for (const char* form : {".leak", ".raw.zst", ".raw", ".text", ".gz", ".zst"}) {
            CAPTURE(form);
            const HeapProfile profile = heap::read_profile(base + form);
            CHECK(test::totals_of(profile) == expected);
            CHECK(profile.damage.empty());
            CHECK(profile.completeness == Completeness::complete);
            CHECK(profile.command == recorded.command);
        }
        // The peak by trace adds up to the peak.
        const HeapProfile profile = heap::read_profile(base + ".zst");
        std::int64_t sum = 0;
        for (const TraceCost& cost : profile.peak) sum += cost.live_bytes;
        CHECK(static_cast<Bytes>(sum) == profile.peak_bytes);
    }
    CHECK(tried >= 2);
}

TEST_CASE("a file that is cut off is read up to the cut, in every form, and says so") {
    const TemporaryDirectory folder;
    const std::string base = folder.path() + "/run";
    heap::RecordOptions options;
    options.command.arguments = {"/usr/bin/ls", "-lR", "/usr/include"};
    options.command.standard_output = Command::Stream::null;
    options.keep_raw = base + ".raw.zst";
    heap::Recorder recorder = heap::Recorder::start(options);
    recorder.child().wait();
    const HeapProfile whole = recorder.finish();
    shell(
        fmt::format("zstd -qdc {0}.raw.zst > {0}.raw; {1} < {0}.raw > {0}.text 2>/dev/null; gzip -c {0}.text > {0}.gz; "
                    "zstd -qc {0}.text > {0}.zst",
                    base, heap::find_tracker().interpreter));
    for (const char* form : {".raw.zst", ".raw", ".text", ".gz", ".zst"}) {
        CAPTURE(form);
        const std::string bytes = [&] {
            std::ifstream file(base + form, std::ios::binary);
            std::stringstream all;
            all << file.rdbuf();
            return all.str();
        }();
        const std::string cut = base + ".cut";
        std::size_t kept = bytes.size() * 3 / 4;
        while (bytes[kept - 1] == '\n') --kept;  // text that ends with a whole line is short, not damaged
        std::ofstream(cut, std::ios::binary) << bytes.substr(0, kept);
        HeapProfile profile;
        try {
            profile = heap::read_profile(cut);
        } catch (const Error& error) {
            // One small zstd block can be all of it: then there is nothing before the cut.
            CHECK(error.message() == "its zstd data is truncated before anything can be read");
            continue;
        }
        CHECK(profile.events > 0);
        CHECK(profile.events < whole.events);
        CHECK(profile.completeness != Completeness::complete);
        CHECK_FALSE(profile.damage.empty());
    }
}

TEST_CASE("what is no recording, and what holds nothing, is an error that says so") {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/file";
    const auto message_for = [&](const std::string& content) {
        std::ofstream(path, std::ios::binary) << content;
        try {
            heap::read_profile(path);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::input);
            CHECK(error.location() == path);
            CHECK_FALSE(error.hint().empty());
            return error.message();
        }
        return std::string("no error");
    };
    CHECK(message_for("") == "is empty");
    shell(fmt::format("printf '' | gzip >{0}.gz; printf '' | zstd -q >{0}.zst", path));
    for (const char* form : {".gz", ".zst"}) {
        CAPTURE(form);
        CHECK_THROWS_WITH_AS(heap::read_profile(path + form), doctest::Contains("is empty"), Error);
    }
    CHECK(message_for("hello\n") == "is not a heap recording");
    CHECK(message_for("v 10400 3\nX svc\nI 1000 1\n") == "contains no allocations");
    CHECK(message_for("v 10400 3\nx 4 /svc\nX svc\nc 1\nR 1\n") == "contains no allocations");
    CHECK(message_for("leakline heap 1\n") == "contains no allocations");
    CHECK(message_for("v 10400 3\nX svc\nI 1000 1\n+ 0\n+ 1\n") == "contains no allocations that can be read; 2 places were skipped");
    CHECK(message_for("v 10400 3\r\nX svc\r\n") == "its version cannot be read: 'v 10400 3\\x0d'");
    CHECK(message_for("leakline heap 2\n") == "is a recording of a newer leakline; this build reads format 1");
    CHECK(message_for("v 10700 4\nX svc\n") == "heaptrack format 4; this build reads 1 to 3");
}
