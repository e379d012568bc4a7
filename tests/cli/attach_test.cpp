// record --pid, top and diagnose --pid, as a user calls them: the process goes on afterwards, without the agent.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/binary.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"
#include "system/tracing.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

// A program that keeps 5,000 bytes each 20 ms, at its line 4.
class Growing {
  public:
    std::string pid() const { return std::to_string(program_.pid()); }
    bool running() { return program_.running(); }
    int threads() const { return static_cast<int>(thread_ids(program_.pid()).size()); }

  private:
    static Child start(const TemporaryDirectory& folder) {
        const std::string script = folder.path() + "/grow.py", begun = folder.path() + "/begun";
        std::ofstream(script) << "import sys, time\nkept = []\nwhile True:\n    kept.append(bytearray(5000))\n    time.sleep(0.02)\n"
                                 "    open(sys.argv[1], 'w').close()\n";
        Command command;
        command.arguments = {"/usr/bin/python3", script, begun};
        Child child = Child::start(command);
        while (!std::filesystem::exists(begun)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return child;
    }
    TemporaryDirectory folder_;
    Child program_ = start(folder_);
};

}  // namespace

TEST_CASE("record --pid writes a recording whose lines name what grew, and the process goes on") {
    Growing program;
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/run.leak";
    const Outcome recorded =
        run_binary("leakline", {"record", "--pid", program.pid(), "--for", "500ms", "--sample-interval", "1", "-o", path});
    CAPTURE(recorded.err);
    CHECK(recorded.code == 0);
    CHECK(recorded.err.find("attached to process " + program.pid()) != std::string::npos);
    CHECK(recorded.err.find("the process goes on without the agent") != std::string::npos);
    CHECK(program.running());
    const Outcome lines = run_binary("leakline", {"lines", path});
    CHECK(lines.out.find("grow.py:4") != std::string::npos);
}

TEST_CASE("top prints a table of what grew at its end, or a line of JSON each interval") {
    Growing program;
    const int threads = program.threads();
    const Outcome table = run_binary("leakline", {"top", "--pid", program.pid(), "--for", "600ms", "--sample-interval", "1"});
    CAPTURE(table.err);
    CAPTURE(table.out);
    CHECK(table.code == 0);
    CHECK(table.out.find("every block recorded") != std::string::npos);
    CHECK(table.out.find("grow.py:4 in <module>") != std::string::npos);
    CHECK(table.out.find("kept.append(bytearray(5000))") != std::string::npos);
    CHECK(program.threads() == threads);

    const Outcome json =
        run_binary("leakline", {"top", "--pid", program.pid(), "--for", "3s", "--interval", "200ms", "--sample-interval", "1", "--json"});
    CHECK(json.code == 0);
    std::size_t views = 0;
    std::int64_t before = 0;
    for (std::string_view rest = json.out; !rest.empty(); ++views) {
        const std::size_t end = rest.find('\n');
        const auto view = nlohmann::json::parse(rest.substr(0, end));
        rest.remove_prefix(end + 1);
        CHECK(view.at("lines").at(0).at("line") == 4);
        const std::int64_t growth = view.at("lines").at(0).at("growth_bytes");
        CHECK(growth >= before);
        before = growth;
    }
    CHECK(views >= 2);
    CHECK(program.running());
    CHECK(program.threads() == threads);
}

TEST_CASE("top starts a program, and what cannot be combined is refused") {
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/grow.py";
    std::ofstream(script)
        << "import time\nkept = []\nwhile True:\n    kept.append(bytearray(5000))\n    time.sleep(0.01)\n    print('x', flush=True)\n";
    const Outcome started =
        run_binary("leakline", {"top", "--for", "3s", "--top", "100", "--sample-interval", "1", "--", "/usr/bin/python3", script});
    CAPTURE(started.err);
    CAPTURE(started.out);
    CHECK(started.code == 0);
    CHECK(started.out.find("grow.py:4 in <module>") != std::string::npos);
    CHECK(started.out.find("x\n") == std::string::npos);  // its output goes to standard error
    for (const auto& [words, reason] : std::initializer_list<std::pair<std::vector<std::string>, std::string>>{
             {{"record"}, "nothing to record"},
             {{"record", "--pid", "1", "--", "/bin/true"}, "both a process and a program to start"},
             {{"record", "--for", "1s", "--", "/bin/true"}, "--for: requires --pid"},
             {{"record", "--pid", "1", "--tracker", "heaptrack"}, "heaptrack cannot be combined with --pid"},
             {{"record", "--pid", "999999999"}, "process 999999999: is not running"},
             {{"top"}, "no process to watch"},
             {{"top", "--pid", "1", "--", "/bin/true"}, "both a process and a program to start"},
             {{"top", "--pid", "999999999"}, "process 999999999: is not running"},
         }) {
        const Outcome outcome = run_binary("leakline", words);
        CAPTURE(outcome.err);
        CHECK(outcome.code != 0);
        CHECK(outcome.err.find(reason) != std::string::npos);
    }
}
