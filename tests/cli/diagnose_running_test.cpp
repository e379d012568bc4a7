// diagnose --pid: real services that run already, and go on afterwards without the agent.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/strings.hpp"
#include "support/binary.hpp"
#include "support/comes_true.hpp"
#include "support/diagnosed.hpp"
#include "support/free_port.hpp"
#include "support/get_log.hpp"
#include "support/own_files.hpp"
#include "system/child_process.hpp"
#include "system/copy_name.hpp"
#include "system/descendants.hpp"
#include "system/executables.hpp"
#include "system/find_process.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"
#include "system/tracing.hpp"

using namespace leakline;
using namespace leakline::test;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;

const std::string kTraffic = std::string(LEAKLINE_TESTDATA) + "/logs/track_small.jsonl";

// No thread of it is the agent's or stands still for a tracer.
bool is_left_alone(int pid) {
    for (const int thread : thread_ids(pid)) {
        const auto text = read_small_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(thread) + "/stat");
        const auto stat = text ? parse_stat(*text) : std::nullopt;
        if (stat && (stat->state == 't' || stat->state == 'T' || stat->comm == kAgentName)) return false;
    }
    return read_stat(pid).has_value();
}

Diagnosed diagnose(int pid, const Words& options) {
    const TemporaryDirectory folder;
    const std::string path = folder.path() + "/report.json";
    Words words = {"diagnose", "--pid", std::to_string(pid), "--still-filling", "leak", "--retries", "0", "-o", path};
    words.insert(words.end(), options.begin(), options.end());
    Diagnosed result{run_binary("leakline", words), {}};
    if (std::filesystem::exists(path)) result.report = json::parse(read_file(path));
    return result;
}

class Service {
  public:
    explicit Service(Words words) {
        Command command;
        command.arguments = std::move(words);
        command.output_file = folder_->path() + "/output";
        child_.emplace(Child::start(command));
    }
    int pid() const { return child_->pid(); }
    bool running() { return child_->running(); }

    Diagnosed diagnose(const Words& options) const { return ::diagnose(pid(), options); }

  private:
    std::unique_ptr<TemporaryDirectory> folder_ = std::make_unique<TemporaryDirectory>();
    std::optional<Child> child_;
};

Service start_trackd(const Words& options, const TemporaryDirectory& folder) {
    const std::string port_file = folder.path() + "/port";
    Words words = {LEAKLINE_BIN_DIR "/trackd", "--listen", "127.0.0.1:0", "--port-file", port_file, "--db", folder.path() + "/db"};
    words.insert(words.end(), options.begin(), options.end());
    Service service(words);
    REQUIRE(comes_true([&] { return std::filesystem::exists(port_file) && !read_file(port_file).empty(); }));
    return service;
}

}  // namespace

TEST_CASE("a running service is diagnosed with its line, and goes on without the agent") {
    const TemporaryDirectory folder;
    Service service = start_trackd({"--mode", "leaky"}, folder);
    const std::size_t threads = thread_ids(service.pid()).size();
    const Diagnosed run = service.diagnose({"--traffic", kTraffic, "--rounds", "8", "--min-round", "200ms", "--sample-interval", "8KiB"});
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.outcome.code == 1);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.report["headline_line"]["function"].get<std::string>().starts_with("leakline::service::track_user_behavior("));
    CHECK(run.report["command"].get<std::string>().find("trackd") != std::string::npos);
    CHECK(run.outcome.out.find("ran before this run, was not restarted and still runs") != std::string::npos);
    CHECK(service.running());
    CHECK(comes_true([&] { return is_left_alone(service.pid()) && thread_ids(service.pid()).size() <= threads; }));
}

TEST_CASE("a cache that was full before the attach is no leak") {
    const TemporaryDirectory folder;
    Service service = start_trackd({"--mode", "bounded", "--capacity", "5000"}, folder);
    const std::string url = "http://127.0.0.1:" + std::string(trim(read_file(folder.path() + "/port")));
    REQUIRE(run_binary("leakline", {"replay", kTraffic, "--target", url, "--pace", "max", "--rounds", "8"}).code == 0);
    const Diagnosed run = service.diagnose({"--traffic", kTraffic, "--rounds", "8", "--min-round", "200ms", "--sample-interval", "8KiB"});
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.report["verdict"] != "leak");
    CHECK(run.outcome.code != 1);
    CHECK(service.running());
}

TEST_CASE("the service is left running and alone when leakline is interrupted or killed") {
    const TemporaryDirectory folder;
    Service service = start_trackd({"--mode", "leaky"}, folder);
    for (const int signal : {SIGINT, SIGKILL}) {
        CAPTURE(signal);
        Command command;
        command.arguments = {LEAKLINE_BIN_DIR "/leakline", "diagnose", "--pid", std::to_string(service.pid()), "--traffic", kTraffic};
        command.output_file = folder.path() + "/diagnose";
        Child diagnosis = Child::start(command);
        REQUIRE(comes_true([&] { return !is_left_alone(service.pid()); }));
        diagnosis.signal(signal);
        const auto ended = diagnosis.wait_for(std::chrono::seconds(30));
        REQUIRE(ended);
        CHECK(ended->shell_code() == (signal == SIGINT ? 130 : 137));
        CHECK(comes_true([&] { return is_left_alone(service.pid()); }));
        CHECK(service.running());
    }
}

namespace {

// A Python server whose requests leak at line 6, in Handler.do_GET. serves: its last lines.
void write_leaking_server(const std::string& path, const std::string& serves) {
    std::ofstream(path) << "import http.server, os, sys\n"
                           "kept = []\n"
                           "class Handler(http.server.BaseHTTPRequestHandler):\n"
                           "    protocol_version = 'HTTP/1.1'\n"
                           "    def do_GET(self):\n"
                           "        kept.append(bytearray(3000))\n"
                           "        self.send_response(200)\n"
                           "        self.send_header('Content-Length', '0')\n"
                           "        self.end_headers()\n"
                           "    def log_message(self, *arguments): pass\n"
                           "server = http.server.ThreadingHTTPServer((sys.argv[2], int(sys.argv[1])), Handler)\n"
                        << serves;
}

std::vector<int> children_of(int pid) {
    std::ifstream children("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
    std::vector<int> pids;
    for (int child = 0; children >> child;) pids.push_back(child);
    return pids;
}

// As Docker does: a pair of interfaces, one of which is the process's. False where that is not possible.
bool connect_network(int pid) {
    const std::string name = "lk" + std::to_string(pid), network = "198.18." + std::to_string(pid % 256) + ".",
                      inside = "nsenter --net -t " + std::to_string(pid);
    const std::string commands = "ip link add " + name + " type veth peer name eth0 netns " + std::to_string(pid) + " && ip addr add " +
                                 network + "1/30 dev " + name + " && ip link set " + name + " up && " + inside + " ip addr add " + network +
                                 "2/30 dev eth0 && " + inside + " ip link set eth0 up";
    return std::system(("(" + commands + ") >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace

TEST_CASE("a service that is process 1 of a container has its lines, their text and a holder, and is left without a zombie") {
    if (!can_mount()) {
        MESSAGE("skipped: namespaces of mounts and processes are not permitted here");
        return;
    }
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/service.py", port = std::to_string(free_port());
    write_leaking_server(script, "server.serve_forever()\n");
    const std::string serve = "/usr/bin/python3 " + script + " " + port + " 0.0.0.0";
    Service container(in_own_files(folder.path(), script, serve, {"--pid", "--net", "--fork", "--kill-child"}));
    REQUIRE(comes_true([&] { return !listening_sockets(descendants_of(container.pid())).empty(); }));
    const int pid = children_of(container.pid()).at(0);
    if (!connect_network(pid)) {
        MESSAGE("skipped: ip (iproute2) is not installed, or may not connect a container");
        return;
    }
    std::filesystem::remove(script);
    const Diagnosed run =
        diagnose(pid, {"--traffic", write_get_log(folder.path()), "--rounds", "7", "--min-round", "400ms", "--sample-interval", "8KiB"});
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.report["headline_line"]["file"] == script);
    CHECK(run.report["headline_line"]["line"] == 6);
    CHECK(run.report["headline_line"]["source"] == "        kept.append(bytearray(3000))");
    CHECK(run.outcome.out.find("held by          service.kept (list") != std::string::npos);
    CHECK(run.report["resources"]["processes"]["seen"] == 1);
    CHECK(comes_true([&] { return is_left_alone(pid) && children_of(pid).empty(); }));
}

TEST_CASE("all workers of a pre-fork server are attached to; one of them alone is refused") {
    const TemporaryDirectory folder;
    const std::string script = folder.path() + "/service.py", port = std::to_string(free_port());
    write_leaking_server(script,
                         "for worker in range(2):\n"
                         "    if os.fork() == 0: server.serve_forever()\n"
                         "os.wait()\n");
    Service service({"/usr/bin/python3", script, port, "127.0.0.1"});
    std::vector<int> workers;
    REQUIRE(comes_true([&] {
        workers = children_of(service.pid());
        return workers.size() == 2;
    }));
    const std::string log = write_get_log(folder.path());
    const Outcome refused = run_binary("leakline", {"diagnose", "--pid", std::to_string(workers[0]), "--traffic", log});
    CHECK(refused.code == 2);
    CHECK(refused.err.find("is also that of process " + std::to_string(workers[1])) != std::string::npos);
    CHECK(refused.err.find("give the parent of all: --pid " + std::to_string(service.pid())) != std::string::npos);

    const Diagnosed run =
        service.diagnose({"--traffic", log, "--rounds", "7", "--min-round", "400ms", "--sample-interval", "8KiB", "--no-holders"});
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.outcome.code == 1);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.report["headline_line"]["function"] == "Handler.do_GET");
    CHECK(run.report["headline_line"]["line"] == 6);
    CHECK(service.running());
    for (const int worker : workers) CHECK(comes_true([&] { return is_left_alone(worker); }));
}

namespace {

// A WSGI server whose master forks a worker for each that ends. Each request leaks at line 3. A worker that has served 20 requests
// leaves a file that is named by its pid.
struct Gunicorn {
    TemporaryDirectory folder;
    std::string port = std::to_string(free_port());
    Service service = start(folder, port);

    static Service start(const TemporaryDirectory& folder, const std::string& port) {
        std::ofstream(folder.path() + "/leaking.py")
            << "kept = []\ndef application(environ, start_response):\n    kept.append(bytearray(3000))\n"
               "    if len(kept) == 20: open(str(os.getpid()), 'w').close()\n"
               "    start_response('200 OK', [('Content-Length', '0')])\n    return []\nimport os\n";
        return Service({"gunicorn", "--workers", "2", "--bind", "127.0.0.1:" + port, "--chdir", folder.path(), "leaking:application"});
    }
    std::vector<int> workers() const { return children_of(service.pid()); }
};

}  // namespace

TEST_CASE("workers that a server forks during the diagnosis are recorded too") {
    if (!find_executable("gunicorn")) {
        MESSAGE("skipped: not installed: gunicorn");
        return;
    }
    Gunicorn server;
    REQUIRE(comes_true([&] { return server.workers().size() == 2; }));
    const std::vector<int> first = server.workers();
    std::jthread replaces([&](const std::stop_token& stop) {
        const auto measured = [&](int pid) { return std::filesystem::exists(server.folder.path() + "/" + std::to_string(pid)); };
        while (!stop.stop_requested() && !std::all_of(first.begin(), first.end(), measured)) ::usleep(10'000);
        for (const int worker : first) ::kill(worker, SIGTERM);
    });
    const Diagnosed run = server.service.diagnose({"--traffic", write_get_log(server.folder.path()), "--rounds", "7", "--min-round",
                                                   "500ms", "--sample-interval", "8KiB", "--no-holders"});
    replaces.request_stop();
    INFO(run.outcome.out << run.outcome.err);
    CHECK(run.report["verdict"] == "leak");
    CHECK(run.report["headline_line"]["function"] == "application");
    CHECK(run.report["headline_line"]["line"] == 3);
    const json& tree = run.report["resources"]["processes"];
    CHECK(tree["seen"] == 5);
    CHECK(tree["unrecorded_cpu_s"] < tree["recorded_cpu_s"]);
    for (const int worker : server.workers()) {
        CHECK(std::find(first.begin(), first.end(), worker) == first.end());
        CHECK(comes_true([&] { return is_left_alone(worker); }));
    }
    CHECK(comes_true([&] { return is_left_alone(server.service.pid()); }));
}

TEST_CASE("what cannot be combined with --pid, and a process that does not listen, are refused before anything is touched") {
    Service sleeper({"/bin/sleep", "60"});
    const std::string pid = std::to_string(sleeper.pid());
    for (const auto& [words, reason] : std::initializer_list<std::pair<Words, std::string>>{
             {{"--", "/bin/true"}, "both a process and a service to start"},
             {{"--soak", "1h"}, "--soak: cannot be combined with --pid"},
             {{"--setup", "true"}, "--setup: cannot be combined with --pid"},
             {{"--tracker", "heaptrack"}, "--tracker: cannot be combined with --pid"},
             {{}, "neither it nor a child of it listens on a TCP port"},
         }) {
        Words all = {"diagnose", "--pid", pid, "--traffic", kTraffic};
        all.insert(all.end(), words.begin(), words.end());
        const Outcome outcome = run_binary("leakline", all);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 2);
        CHECK(outcome.err.find(reason) != std::string::npos);
    }
    CHECK(is_left_alone(sleeper.pid()));
}
