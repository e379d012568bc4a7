// A log that was written in the native format replays as the one that it was made from.
#include "replay/convert.hpp"
#include "base/error.hpp"
#include "replay/dry_run.hpp"
#include "support/read_log.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace leakline;
using namespace leakline::replay;
using namespace leakline::test;

namespace {

Conversion convert_to(const std::string& output, const ReplayOptions& options) {
    OutputFile file(output);
    const Conversion result = convert(options, file, {});
    file.commit();
    CHECK(result.read == result.written + result.filtered + result.bad);
    return result;
}

}  // namespace

TEST_CASE("every sample, converted, gives the same dry run") {
    const TemporaryDirectory directory;
    int tried = 0;
    for (const char* folder : {"/logs", "/cases"}) {
        for (const auto& entry : std::filesystem::directory_iterator(LEAKLINE_TESTDATA + std::string(folder))) {
            const std::string name = entry.path().filename(), extension = entry.path().extension();
            if (extension != ".log" && extension != ".har" && extension != ".gor" && extension != ".json" && extension != ".jsonl" &&
                extension != ".txt")
                continue;
            ReplayOptions options;
            options.logs = {entry.path()};
            options.shape.allow_empty_body = name == "kibana_express_json.log";
            DryRun original;
            try {
                original = dry_run(options);
            } catch (const Error&) {  // a case of another command
                continue;
            }
            CAPTURE(name);
            if (original.requests == 0) continue;
            ++tried;
            const std::string output = directory.path() + "/" + name + ".jsonl";
            const Conversion conversion = convert_to(output, options);
            CHECK(conversion.written == original.requests);
            CHECK(conversion.filtered == original.filtered);
            CHECK(conversion.bad == original.bad);
            options.logs = {output};
            const DryRun converted = dry_run(options);
            CHECK(converted.formats == "jsonl");
            CHECK(converted.requests == original.requests);
            CHECK(converted.bytes == original.bytes);
            CHECK(converted.paths == original.paths);
            CHECK(converted.first == original.first);
            CHECK(converted.last == original.last);
            CHECK(converted.round == original.round);
            CHECK(converted.rate == original.rate);
        }
    }
    CHECK(tried >= 14);
}

TEST_CASE("a conversion filters and changes as a replay does, and keeps bodies, connections, coarse stamps and missing ones") {
    const TemporaryDirectory directory;
    const std::string input = directory.path() + "/in", output = directory.path() + "/out";
    std::ofstream(input)
        << R"({"ts_ns":1,"method":"POST","url":"http://u:secret@h/v1/a","body_b64":"/wA=","conn":"c1","status":201,"resolution_ns":1000000000})"
        << "\n"
           R"({"ts_ns":2,"method":"GET","url":"/b"})"
           "\n"
           R"({"ts_ns":3,"method":"GET","url":"no path"})"
           "\n";
    ReplayOptions options;
    options.logs = {input};
    options.shape.not_methods = {"GET"};
    options.shape.rewrites = {parse_path_rewrite("^/v1=>/v2")};
    const Conversion result = convert_to(output, options);
    CHECK(conversion_text(result) == "read 3 = 1 written + 2 filtered + 0 bad; log format: jsonl");
    CHECK(read_file(output) ==
          R"({"ts_ns":1,"method":"POST","url":"/v2/a","headers":{},"body_b64":"/wA=","conn":"c1","status":201,"resolution_ns":1000000000})"
          "\n");

    std::ofstream(input) << "GET http://h/a\n\nGET http://h/b\n";
    options.shape = {};
    CHECK(convert_to(output, options).written == 2);
    const Contents contents = read({output});
    CHECK(contents.formats == "jsonl");
    CHECK_FALSE(contents.requests.at(0).has_time);
}
