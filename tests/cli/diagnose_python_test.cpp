// Python services, unchanged: the built leakline names the Python line.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <fstream>

#include "support/diagnosed.hpp"
#include "support/get_log.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;

const std::string kSource = LEAKLINE_SOURCE_DIR;
const std::string kService = kSource + "/tests/programs/python_service.py", kFlask = kSource + "/testdata/python/tracking_service.py";

Diagnosed diagnose(const std::string& log, const Words& options, const Words& service) {
    Words all = {"--min-round", "700ms"};
    all.insert(all.end(), options.begin(), options.end());
    return diagnose_service(log, all, service);
}

bool has_module(const char* name) { return run_binary("/usr/bin/python3", {"-c", std::string("import ") + name}).code == 0; }

}  // namespace

TEST_CASE("a leak of a Python service is a line and a function of its own, however it is started") {
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/service";
    std::ofstream(script) << "#!/usr/bin/python3 -u\n" << read_file(kService);
    REQUIRE(::chmod(script.c_str(), 0755) == 0);
    const std::string log = write_get_log(folder.path());
    const std::string command = "ls / >/dev/null; /usr/bin/python3 " + kService + " \"$@\"; true";
    for (const Words& service : std::vector<Words>{{"/usr/bin/python3", kService, "{port}", "leak"},
                                                   {script, "{port}", "leak"},
                                                   {"sh", "-c", command, "start", "{port}", "leak"}}) {
        const Diagnosed run = diagnose(log, {"--still-filling", "leak"}, service);
        INFO(run.outcome.out << run.outcome.err);
        CHECK(run.outcome.code == 1);
        CHECK(run.report["verdict"] == "leak");
        const json& line = run.report["headline_line"];
        CHECK(line["file"] == (service[0] == script ? script : kService));
        CHECK(line["function"] == "Handler.do_GET");
        CHECK(line["line"].get<int>() - (service[0] == script ? 1 : 0) == line_with(kService, "kept.append(bytearray(1000))"));
        // 1,000 bytes, and the object's header and the deque's pointer: an estimate from samples.
        CHECK(line["bytes_per_request"].get<double>() == doctest::Approx(1065).epsilon(.25));
        CHECK(run.outcome.out.find("Line #    Mem usage    Increment  Occurrences   Line Contents") != std::string::npos);
        CHECK(run.outcome.out.find("def do_GET(self):") != std::string::npos);
    }
}

// uWSGI loads the interpreter by its plugin, and at SIGTERM runs itself anew instead of ending.
TEST_CASE("a leak of a Python service in uWSGI is a line of its own, with its variable") {
    if (run_binary("/usr/bin/uwsgi", {"--plugin", "python3", "--version"}).code != 0) {
        MESSAGE("skipped: not installed: uwsgi-plugin-python3");
        return;
    }
    const TemporaryDirectory folder;
    const std::string service = folder.path() + "/leaking.py";
    std::ofstream(service) << "visits = {}\n"
                              "def application(environ, start_response):\n"
                              "    visits[len(visits)] = bytearray(1000)\n"
                              "    start_response('200 OK', [('Content-Length', '0')])\n"
                              "    return []\n";
    const Diagnosed run = diagnose(write_get_log(folder.path()), {"--still-filling", "leak", "--grace", "1s"},
                                   {"/usr/bin/uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:{port}", "--master", "--processes",
                                    "2", "--disable-logging", "--pythonpath", folder.path(), "--module", "leaking"});
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.report["headline_line"]["file"] == service);
    CHECK(run.report["headline_line"]["function"] == "application");
    CHECK(run.report["headline_line"]["line"] == 3);
    REQUIRE(run.report.contains("held_by"));
    CHECK(run.report["held_by"]["holder"]["path"] == "leaking.visits");
}

TEST_CASE("the Flask service of the post-mortem leaks in its first version, and in the other three does not") {
    if (!has_module("flask") || !has_module("apscheduler")) {
        MESSAGE("skipped: python3-flask and python3-apscheduler are not installed");
        return;
    }
    const std::string log = kSource + "/testdata/logs/track_small.jsonl";
    const auto with = [&](const char* version, const Words& options) {
        return diagnose(log, options, {"/usr/bin/python3", kFlask, "{port}", version});
    };
    const Diagnosed leak = with("list", {"--still-filling", "leak"});
    INFO(leak.outcome.out << leak.outcome.err);
    CHECK(leak.outcome.code == 1);
    const json& line = leak.report["headline_line"];
    CHECK(line["file"] == kFlask);
    CHECK(line["function"] == "track");
    CHECK(line["line"] == line_with(kFlask, "event = request.get_json()"));
    REQUIRE(leak.report.contains("held_by"));
    const json& holder = leak.report["held_by"]["holder"];
    CHECK(holder["path"] == "tracking_service.global_event_cache");
    CHECK(holder["type"] == "list");
    CHECK(holder["element_type"] == "dict");
    CHECK(holder["line"] == line_with(kFlask, "global_event_cache = []"));
    CHECK(leak.outcome.out.find("held by          tracking_service.global_event_cache (list, ") != std::string::npos);
    // The source has removals: those of other versions.
    REQUIRE(leak.report.contains("audited"));
    CHECK(leak.report["audited"]["container"] == "global_event_cache");
    CHECK(leak.report["audited"]["growth"][0]["source"] == "global_event_cache.append(record)");
    CHECK(leak.outcome.out.find("did not run, or not often enough") != std::string::npos);
    for (const char* version : {"deque", "lru", "sweep"}) {
        const Words clock = version == std::string("sweep") ? Words{"--time-scale", "3600"} : Words{};
        const Diagnosed run = with(version, clock);
        INFO(version << run.outcome.out << run.outcome.err);
        // On a busy machine it may stay undecided.
        CHECK(run.report["verdict"] != "leak");
    }
}
