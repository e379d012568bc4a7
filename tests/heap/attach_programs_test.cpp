// Attaching to and leaving real programs under load, again and again. LEAKLINE_ATTACH_CYCLES: how often, each (20).
#include "attached_process.hpp"

#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <functional>

#include "base/error.hpp"
#include "heap/internal/attach.hpp"
#include "support/free_port.hpp"
#include "system/byte_source.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using std::chrono::seconds;

namespace {

void skip(const std::string& why) { MESSAGE("skipped: " << why); }

int cycles() {
    const char* const asked = std::getenv("LEAKLINE_ATTACH_CYCLES");
    return asked != nullptr ? std::max(1, std::atoi(asked)) : 20;
}

Command quiet(std::vector<std::string> arguments) {
    Command command;
    command.arguments = std::move(arguments);
    command.output_file = "/dev/null";
    return command;
}

// Requests a page again and again until it is destroyed; how often it got it is in a file.
class Load {
  public:
    Load(const TemporaryDirectory& folder, const std::string& url) : count_(folder.path() + "/served") {
        const std::string script = folder.path() + "/load.py";
        std::ofstream(script) << "import sys, time, urllib.request\n"
                                 "served = 0\n"
                                 "while True:\n"
                                 "    try:\n"
                                 "        urllib.request.urlopen(sys.argv[1], data=sys.argv[3].encode() or None, timeout=5).read()\n"
                                 "        served += 1\n"
                                 "    except Exception:\n"
                                 "        time.sleep(0.01)\n"
                                 "        continue\n"
                                 "    if served % 10 == 0: open(sys.argv[2], 'w').write(str(served))\n";
        const std::string body = url.ends_with("/track") ? R"({"user_id": "u1", "events": [{"type": "view", "page": "/a"}]})" : "";
        child_.emplace(Child::start(quiet({"/usr/bin/python3", script, url, count_, body})));
    }
    int served() const { return std::atoi(std::filesystem::exists(count_) ? read_file(count_).c_str() : "0"); }
    bool goes_on() const {
        const int before = served();
        return test::comes_true([&] { return served() > before; });
    }

  private:
    std::string count_;
    std::optional<Child> child_;
};

// Attaches and leaves `times` times; says how long the thread stood still.
void cycle(const char* name, int pid, int times, const std::function<bool()>& works) {
    REQUIRE(test::comes_true(works));  // not while it is still being loaded
    std::vector<double> stopped_ms;
    std::size_t refused = 0;
    for (int i = 0; i < times; ++i) {
        CAPTURE(i);
        try {
            const heap::Attached attached = heap::attach_agent(pid, i % 3 == 0 ? 1 : 65536, {});
            stopped_ms.push_back(to_seconds(attached.stopped) * 1000);
            std::this_thread::sleep_for(std::chrono::milliseconds(5 + i % 20));
            REQUIRE(attached.segment->state() == agent::AttachState::recording);
            REQUIRE(attached.segment->detach(seconds(20)));
            REQUIRE(attached.segment->slots().hooked == 0);
        } catch (const Error& error) {
            // All of its threads may be at work.
            CAPTURE(std::string(error.what()));
            REQUIRE(std::string(error.what()).find("waiting in a system call") != std::string::npos);
            ++refused;
        }
        if (i % 100 == 0) REQUIRE(works());
    }
    CHECK(test::comes_true([&] { return test::is_as_before(pid); }));
    CHECK(works());
    CHECK(refused < static_cast<std::size_t>(times));
    std::sort(stopped_ms.begin(), stopped_ms.end());
    if (!stopped_ms.empty())
        MESSAGE(std::string(name) << ": " << stopped_ms.size() << " times attached, " << refused
                                  << " times no thread waited; one thread stood still for p50 " << stopped_ms[stopped_ms.size() / 2]
                                  << " ms, p99 " << stopped_ms[stopped_ms.size() * 99 / 100] << " ms, max " << stopped_ms.back() << " ms");
}

// A server at a URL, or a counted skip if it is not installed.
void cycle_server(const char* name, const Command& command, const std::string& url, const TemporaryDirectory& folder) {
    if (!find_executable(command.arguments[0])) return skip(std::string("not installed: ") + name);
    Child server = Child::start(command);
    const Load load(folder, url);
    REQUIRE(load.goes_on());
    cycle(name, server.pid(), cycles(), [&] { return server.running() && load.goes_on(); });
}

}  // namespace

TEST_CASE("attach and leave: trackd") {
    const TemporaryDirectory folder;
    const std::string port = std::to_string(test::free_port());
    cycle_server("trackd", quiet({std::string(LEAKLINE_BIN_DIR) + "/trackd", "--mode", "bounded", "--listen", "127.0.0.1:" + port}),
                 "http://127.0.0.1:" + port + "/api/track", folder);
}

TEST_CASE("attach and leave: Python") {
    const TemporaryDirectory folder;
    const std::string port = std::to_string(test::free_port());
    Command command = quiet({"/usr/bin/python3", "-m", "http.server", port, "--bind", "127.0.0.1"});
    command.directory = folder.path();
    cycle_server("python3", command, "http://127.0.0.1:" + port + "/", folder);
}

TEST_CASE("attach and leave: nginx") {
    const TemporaryDirectory folder;
    const std::string port = std::to_string(test::free_port());
    std::filesystem::create_directory(folder.path() + "/logs");
    std::ofstream(folder.path() + "/index.html") << std::string(5000, 'x');
    std::ofstream(folder.path() + "/nginx.conf") << "daemon off; master_process off; pid nginx.pid; error_log logs/error.log;\n"
                                                    "events {}\nhttp { access_log off; server { listen 127.0.0.1:"
                                                 << port << "; root " << folder.path() << "; } }\n";
    cycle_server("nginx", quiet({"/usr/sbin/nginx", "-p", folder.path(), "-c", folder.path() + "/nginx.conf"}),
                 "http://127.0.0.1:" + port + "/", folder);
}

TEST_CASE("attach and leave: Node.js") {
    const TemporaryDirectory folder;
    const std::string port = std::to_string(test::free_port()), script = folder.path() + "/server.js";
    std::ofstream(script) << "let kept = [];\nrequire('http').createServer((request, response) => {\n"
                             "  kept.push(Buffer.alloc(3000)); if (kept.length > 1000) kept = [];\n  response.end('x'.repeat(5000));\n"
                             "}).listen("
                          << port << ", '127.0.0.1');\n";
    cycle_server("node", quiet({"node", script}), "http://127.0.0.1:" + port + "/", folder);
}

TEST_CASE("attach and leave: Java") {
    const TemporaryDirectory folder;
    const std::string port = std::to_string(test::free_port()), source = folder.path() + "/Main.java";
    std::ofstream(source) << "import com.sun.net.httpserver.*; import java.net.*;\n"
                             "public class Main { public static void main(String[] a) throws Exception {\n"
                             "  var s = HttpServer.create(new InetSocketAddress(\"127.0.0.1\", "
                          << port
                          << "), 0);\n  s.createContext(\"/\", x -> { byte[] b = new byte[5000]; x.sendResponseHeaders(200, b.length);\n"
                             "    x.getResponseBody().write(b); x.close(); }); s.start(); } }\n";
    cycle_server("java", quiet({"java", source}), "http://127.0.0.1:" + port + "/", folder);
}

TEST_CASE("attach and leave: Redis") {
    if (!find_executable("redis-server")) return skip("not installed: redis");
    const std::string port = std::to_string(test::free_port());
    Child server = Child::start(quiet({"redis-server", "--port", port, "--save", "", "--bind", "127.0.0.1"}));
    Child load = Child::start(quiet({"redis-benchmark", "-p", port, "-l", "-q", "-r", "10000", "-t", "set,get,lpush,lpop"}));
    cycle("redis", server.pid(), cycles(), [&] {
        return server.running() && Child::start(quiet({"redis-cli", "-p", port, "set", "a", "b"})).wait().code == 0;
    });
}

TEST_CASE("attach and leave: a backend of PostgreSQL") {
    const passwd* const user = ::getuid() == 0 ? ::getpwnam("nobody") : ::getpwuid(::getuid());
    std::string bin = "/usr/local/bin";
    for (const char* folder : {"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"})
        if (::access((std::string(folder) + "/initdb").c_str(), X_OK) == 0) bin = folder;
    if (user == nullptr || ::access((bin + "/initdb").c_str(), X_OK) != 0) return skip("not installed: postgresql");
    const TemporaryDirectory folder;
    const std::string data = folder.path() + "/data", port = std::to_string(test::free_port());
    ::chmod(folder.path().c_str(), 0755);
    std::filesystem::create_directory(data);
    REQUIRE(::chown(data.c_str(), user->pw_uid, user->pw_gid) == 0);
    const auto as_user = [&](std::vector<std::string> arguments) {
        Command command = quiet(std::move(arguments));
        command.directory = "/";
        command.before_exec = [id = user->pw_uid, group = user->pw_gid] {
            return ::getuid() != 0 || (::setgid(group) == 0 && ::setuid(id) == 0);
        };
        return command;
    };
    if (Child::start(as_user({bin + "/initdb", "-D", data, "-A", "trust", "-N", "--no-locale"})).wait().code != 0)
        return skip("initdb fails here");
    Child server = Child::start(as_user({bin + "/postgres", "-D", data, "-p", port, "-k", data, "-F"}));
    const auto psql = [&](const std::string& statement) {
        return as_user({bin + "/psql", "-h", data, "-p", port, "-d", "postgres", "-c", statement});
    };
    REQUIRE(test::comes_true([&] { return Child::start(psql("select 1")).wait().code == 0; }));
    Child load =
        Child::start(psql("do $$ begin for i in 1..100000000 loop perform repeat('x', i % 5000), pg_sleep(0.001); end loop; end $$"));
    int backend = 0;
    REQUIRE(test::comes_true([&] {
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            const int pid = std::atoi(entry.path().filename().c_str());
            const auto stat = pid > 0 ? read_stat(pid) : std::nullopt;
            const auto words = read_small_file(entry.path().string() + "/cmdline");
            if (stat && stat->parent == server.pid() && words && words->find("DO") != std::string::npos) backend = pid;
        }
        return backend != 0;
    }));
    cycle("postgres", backend, cycles(), [&] { return load.running() && Child::start(psql("select 1")).wait().code == 0; });
}
