#include "diagnose/internal/target.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace leakline;
using namespace leakline::diagnose;
using namespace std::chrono_literals;

namespace {

// A service of one line: Python's own HTTP server, from the interpreter that the tests need anyway.
TargetSpec python_service(const std::string& port) {
    TargetSpec spec;
    spec.arguments = {"/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", port};
    return spec;
}

}  // namespace

TEST_CASE("{port} becomes one free port in the command, the URL and the environment") {
    const TemporaryDirectory scratch;
    TargetSpec spec;
    spec.arguments = {"svc", "--listen=127.0.0.1:{port}", "{port}"};
    const Launch launch = prepare_launch(spec, scratch.path());
    REQUIRE(launch.command.environment.size() == 1);
    const std::string port = launch.command.environment[0].second;
    CHECK(launch.command.arguments == std::vector<std::string>{"svc", "--listen=127.0.0.1:" + port, port});
    CHECK(launch.url == "http://127.0.0.1:" + port);
}

TEST_CASE("PORT is in the environment whether or not the command holds {port}") {
    const TemporaryDirectory scratch;
    TargetSpec spec;
    spec.arguments = {"./svc", "{port}"};
    using Variables = std::vector<std::pair<std::string, std::string>>;
    SUBCASE("a port that is picked") {
        spec.arguments = {"./svc"};
        for (const char* url : {"", "https://localhost:{port}"}) {
            spec.url = url;
            const Launch launch = prepare_launch(spec, scratch.path());
            REQUIRE(launch.command.environment.size() == 1);
            CHECK(launch.command.environment[0].first == "PORT");
            CHECK(launch.url == (spec.url.empty() ? "http://127.0.0.1:" : "https://localhost:") + launch.command.environment[0].second);
            CHECK(launch.only_in_environment);
        }
    }
    SUBCASE("the port of the URL where that names one, in the command too") {
        spec.url = "http://127.0.0.1:9";
        const Launch launch = prepare_launch(spec, scratch.path());
        CHECK(launch.command.environment == Variables{{"PORT", "9"}});
        CHECK(launch.command.arguments[1] == "9");
        CHECK(launch.url == "http://127.0.0.1:9");
    }
    SUBCASE("the port of the scheme where the URL names none") {
        spec.url = "https://127.0.0.2";
        CHECK(prepare_launch(spec, scratch.path()).command.environment == Variables{{"PORT", "443"}});
    }
    SUBCASE("but a Unix socket has none") {
        spec.url = "unix:" + scratch.path() + "/none.sock";
        spec.arguments = {"./svc"};
        CHECK(prepare_launch(spec, scratch.path()).command.environment.empty());
    }
}

TEST_CASE("a service that reads PORT needs no {port}, and one that reads none is told so") {
    const TemporaryDirectory scratch;
    TargetSpec spec = python_service("{port}");
    SUBCASE("reads it") {
        spec.arguments = {"/usr/bin/python3", "-c",
                          "import http.server as h, os\n"
                          "h.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), h.SimpleHTTPRequestHandler).serve_forever()"};
        const Launch launch = prepare_launch(spec, scratch.path());
        Child child = Child::start(launch.command);
        CHECK(wait_until_ready(child, launch, spec, {}) == launch.url);
    }
    SUBCASE("reads none") {
        spec.arguments = {"sleep", "100"};
        spec.ready_timeout = 100ms;
        const Launch launch = prepare_launch(spec, scratch.path());
        Child child = Child::start(launch.command);
        CHECK_THROWS_WITH_AS(
            wait_until_ready(child, launch, spec, {}),
            ("sleep: did not answer at " + launch.url +
             " within 100ms\n  hint: the service got this port only in the environment variable PORT: put {port} where its command "
             "takes a port, or give --target http://127.0.0.1:PORT")
                .c_str(),
            Error);
    }
}

TEST_CASE("a service is ready when it answers, and its origin is known then") {
    const TemporaryDirectory scratch;
    const TargetSpec spec = python_service("{port}");
    const Launch launch = prepare_launch(spec, scratch.path());
    Child child = Child::start(launch.command);
    CHECK(wait_until_ready(child, launch, spec, {}) == launch.url);

    SUBCASE("and a second start on the same address is refused, since the first would be measured") {
        TargetSpec again = spec;
        again.arguments = {"svc"};
        again.url = launch.url;
        CHECK_THROWS_WITH_AS(prepare_launch(again, scratch.path()),
                             (launch.url + ": another program already listens there\n  hint: "
                                           "stop it, or give the service another port")
                                 .c_str(),
                             Error);
    }
}

TEST_CASE("a port file tells the port that the service has bound itself") {
    const TemporaryDirectory scratch;
    TargetSpec spec;
    spec.arguments = {"/usr/bin/python3", "-c",
                      "import http.server as h, sys\n"
                      "s = h.HTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler)\n"
                      "open(sys.argv[1], 'w').write(str(s.server_port) + '\\n')\n"
                      "s.serve_forever()",
                      "{port_file}"};
    const Launch launch = prepare_launch(spec, scratch.path());
    Child child = Child::start(launch.command);
    const std::string port(trim([&] {
        const std::string url = wait_until_ready(child, launch, spec, {});
        return url.substr(url.rfind(':') + 1);
    }()));
    CHECK(port + "\n" == read_file(launch.port_file));
}

TEST_CASE("a service that ends before it answers is an error that shows what it said") {
    const TemporaryDirectory scratch;
    TargetSpec spec;
    spec.arguments = {"sh", "-c", "echo cannot open the database >&2; exit 3", "{port}"};
    const Launch launch = prepare_launch(spec, scratch.path());
    Child child = Child::start(launch.command);
    CHECK_THROWS_WITH_AS(wait_until_ready(child, launch, spec, {}),
                         "sh: exited before it was ready: exit code 3; its output:\n  | cannot open the database\n  hint: "
                         "run the command by hand to see its output",
                         Error);
}

TEST_CASE("a service that goes to the background is told to stay in the foreground") {
    const TemporaryDirectory scratch;
    TargetSpec spec;
    spec.arguments = {"true", "{port}"};
    const Launch launch = prepare_launch(spec, scratch.path());
    Child child = Child::start(launch.command);
    CHECK_THROWS_WITH_AS(wait_until_ready(child, launch, spec, {}),
                         "true: exited before it was ready: exit code 0\n  hint: if the service puts itself into the background, give the "
                         "option that keeps it in the foreground",
                         Error);
}

TEST_CASE("a service that never answers is given up after the time that it was given") {
    const TemporaryDirectory scratch;
    TargetSpec spec;
    spec.arguments = {"sleep", "100"};
    spec.url = "http://127.0.0.1:9";  // discard: nobody listens there
    spec.ready_timeout = 100ms;
    const Launch launch = prepare_launch(spec, scratch.path());
    Child child = Child::start(launch.command);
    CHECK_THROWS_WITH_AS(
        wait_until_ready(child, launch, spec, {}),
        "sleep: did not answer at http://127.0.0.1:9 within 100ms\n  hint: check --target (and --http2 for a gRPC service), or wait longer with --ready-timeout",
        Error);
}

TEST_CASE("setup runs before each start and cleanup after each end, with the port of the service") {
    const TemporaryDirectory scratch;
    const std::string log = scratch.path() + "/log";
    TargetSpec spec;
    spec.arguments = {"svc", "{port}"};
    spec.setup = "echo setup $PORT {port} >> '" + log + "'";
    spec.cleanup = "echo cleanup $PORT {port} >> '" + log + "'";
    std::string expected;
    for (int start = 0; start < 2; ++start) {
        const Launch launch = prepare_launch(spec, scratch.path());
        const std::string port = launch.command.arguments[1];
        expected += "setup " + port + " " + port + "\n";
        CHECK(read_file(log) == expected);
        expected += "cleanup " + port + " " + port + "\n";
    }
    CHECK(read_file(log) == expected);
}

TEST_CASE("a setup that fails ends the run after its cleanup, and a cleanup that fails is a warning") {
    const TemporaryDirectory scratch;
    TargetSpec spec;
    spec.arguments = {"svc"};
    spec.setup = "echo no database; exit 3";
    spec.cleanup = "kill -9 $$";
    std::string warned;
    spec.warn = [&](const std::string& text) { warned = text; };
    try {
        (void)prepare_launch(spec, scratch.path());
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.location() == "--setup");
        CHECK(error.message() == "ended with exit code 3; its output:\n  | no database");
    }
    CHECK(warned == "--cleanup: ended with signal 9 (killed)");
}
