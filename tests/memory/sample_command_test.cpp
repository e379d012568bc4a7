// `leakline sample` as its users run it: the built program, real processes, and the real tools that read its files.
#include <doctest/doctest.h>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.hpp"
#include "http/client.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/executables.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace std::chrono_literals;

namespace {

const std::string kLeakline = std::string(LEAKLINE_BIN_DIR) + "/leakline";

// For a shell: a variable of 2^25 characters.
const std::string kHolds32MiB = "x=x; i=0; while [ $i -lt 25 ]; do x=$x$x; i=$((i+1)); done";

class Folder {
  public:
    std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
    std::string text(const std::string& name) const { return read_file(path(name)); }
    bool has(const std::string& name) const { return std::filesystem::exists(path(name)); }

    Child start(std::vector<std::string> arguments) const {
        Command command;
        command.arguments = std::move(arguments);
        command.directory = directory_.path();
        command.output_file = path("log");
        return Child::start(command);
    }
    // Runs leakline sample with these arguments to its end; what it printed is in "log".
    int sample(std::vector<std::string> arguments) const {
        std::filesystem::remove(path("log"));
        arguments.insert(arguments.begin(), {kLeakline, "sample"});
        Child child = start(std::move(arguments));
        const auto status = child.wait_for(60s);
        return status ? status->shell_code() : -1;
    }

  private:
    TemporaryDirectory directory_;
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

template <typename Condition>
bool comes_true(Condition condition) {
    for (int attempt = 0; attempt < 6000; ++attempt) {
        if (condition()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

}  // namespace

TEST_CASE("a command is sampled until it ends, and how it ended is told") {
    const Folder folder;
    CHECK(folder.sample({"--interval", "20ms", "--metrics", "rss,pss", "-o", "s.csv", "--", "sh", "-c",
                         "until [ $(wc -l <s.csv) -gt 6 ]; do sleep 0.05; done; exit 3"}) == 0);
    const auto rows = lines_of(folder.text("s.csv"));
    REQUIRE(rows.size() > 5);
    CHECK(rows[0] == "unix_ms,rss_bytes,pss_bytes");
    for (std::size_t i = 1; i < rows.size(); ++i) CHECK(split(rows[i], ',').size() == 3);
    CHECK(folder.text("log").find(" ended with exit code 3; sampling stopped\n") != std::string::npos);
}

TEST_CASE("the real mprof reads the .dat: peak and plot") {
    const Folder folder;
    REQUIRE(folder.sample({"--interval", "10ms", "--children", "each", "-o", "run.dat", "--", "sh", "-c",
                           "sleep 1 & sh -c '" + kHolds32MiB + "; sleep 1; :' & wait"}) == 0);
    CHECK(lines_of(folder.text("run.dat"))[0].starts_with("CMDLINE sh -c "));
    CHECK(folder.text("run.dat").find("\nCHLD ") != std::string::npos);
    const std::string mprof = find_executable("mprof") ? "mprof" : "python3-mprof";
    REQUIRE_MESSAGE(find_executable(mprof), "scripts/setup.sh installs python3-memory-profiler");

    std::filesystem::remove(folder.path("log"));
    CHECK(folder.start({mprof, "peak", "run.dat"}).wait().shell_code() == 0);
    const auto peaks = lines_of(folder.text("log"));
    REQUIRE_FALSE(peaks.empty());
    CHECK(peaks[0].starts_with("run.dat\t"));
    CHECK(peaks[0].ends_with(" MiB"));
    double largest = 0;
    for (const std::string& line : peaks)
        if (const std::size_t tab = line.rfind('\t'); tab != std::string::npos)
            largest = std::max(largest, std::stod(line.substr(tab + 1)));
    CHECK(largest > 30);  // the inner shell's string

    CHECK(folder.start({mprof, "plot", "-s", "-o", "plot.png", "run.dat"}).wait().shell_code() == 0);
    INFO(folder.text("log"));
    REQUIRE(folder.has("plot.png"));
    CHECK(folder.text("plot.png").substr(1, 3) == "PNG");
}

TEST_CASE("processes told apart have a CSV file each") {
    const Folder folder;
    REQUIRE(folder.sample({"--interval", "20ms", "--children", "each", "-o", "s.csv", "--", "sh", "-c", "sleep 1 & sleep 1; wait"}) == 0);
    CHECK_FALSE(folder.has("s.csv"));
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path("."))) {
        if (!entry.path().filename().string().starts_with("s.")) continue;
        ++files;
        CHECK(read_file(entry.path().string()).starts_with("unix_ms,rss_bytes\n"));
    }
    CHECK(files == 3);
}

TEST_CASE("sample ends with the kinds of what grew, and their limit") {
    const Folder folder;
    Command command;
    command.directory = folder.path(".");
    // The first sample is written after the first look.
    command.arguments = {"bash", "-c",
                         "ulimit -n 300; while [ ! -s s.csv ] || [ $(wc -l < s.csv) -lt 2 ]; do sleep 0.01; done; "
                         "for i in {1..40}; do exec {f}< /etc/hostname; done; touch opened; while :; do sleep 0.1; done"};
    Child holder = Child::start(command);
    Child sampler = folder.start(
        {kLeakline, "sample", "--pid", std::to_string(holder.pid()), "--interval", "20ms", "--metrics", "rss,fds", "-o", "s.csv"});
    REQUIRE(comes_true([&] { return folder.has("opened"); }));
    sampler.signal(SIGINT);
    sampler.wait();
    const std::string log = folder.text("log");
    INFO(log);
    CHECK(log.find("grew: file descriptors: ") != std::string::npos);
    CHECK(log.find(": file /etc/hostname (+40); the limit is 300 (RLIMIT_NOFILE of bash (pid ") != std::string::npos);
    // The file has the limit as well, for the time to it that `trend` tells.
    const auto rows = lines_of(folder.text("s.csv"));
    CHECK(rows[0] == "unix_ms,rss_bytes,fds,fds_limit");
    CHECK(std::any_of(rows.begin(), rows.end(), [](const std::string& row) { return row.ends_with(",300"); }));
}

TEST_CASE("kill -9 of leakline leaves the command alive that it has started") {
    const Folder folder;
    Child sampler = folder.start({kLeakline, "sample", "-o", "s.csv", "--", "sh", "-c",
                                  "while [ ! -e end ]; do sleep 0.02; echo x >> work; done; echo ended > last"});
    REQUIRE(comes_true([&] { return folder.has("s.csv") && folder.has("work"); }));
    sampler.signal(SIGKILL);
    sampler.wait();
    const std::size_t done = folder.text("work").size();
    CHECK(comes_true([&] { return folder.text("work").size() > done + 40; }));
    std::ofstream(folder.path("end")) << "now";
    CHECK(comes_true([&] { return folder.has("last"); }));
}

TEST_CASE("kill -9 loses at most the tick being taken: whole rows up to the end") {
    const Folder folder;
    Child sampler = folder.start({kLeakline, "sample", "--interval", "1ms", "-o", "s.csv", "--pid", std::to_string(::getpid())});
    REQUIRE(comes_true([&] { return folder.has("s.csv") && lines_of(folder.text("s.csv")).size() > 50; }));
    sampler.signal(SIGKILL);
    sampler.wait();
    const std::string text = folder.text("s.csv");
    CHECK(text.ends_with('\n'));
    double last = 0;
    const auto rows = lines_of(text);
    for (std::size_t i = 1; i < rows.size(); ++i) {
        const auto cells = split(rows[i], ',');
        REQUIRE(cells.size() == 2);
        const double at = std::stod(std::string(cells[0]));
        CHECK(at > last);
        last = at;
    }
}

TEST_CASE("Ctrl-C ends sampling with the samples written and exit code 130") {
    const Folder folder;
    Child sampler = folder.start({kLeakline, "sample", "--interval", "10m", "-o", "s.om", "--pid", std::to_string(::getpid())});
    REQUIRE(comes_true([&] { return folder.has("s.om") && folder.text("s.om").find("\nprocess_") != std::string::npos; }));
    sampler.signal(SIGINT);
    CHECK(sampler.wait().shell_code() == 130);
    CHECK(folder.text("s.om").ends_with("# EOF\n"));
    CHECK(folder.text("log") == "leakline: 1 samples in s.om\n");
}

TEST_CASE("an unwritable output or a missing target is an error before any work, and leaves no file") {
    const Folder folder;
    CHECK(folder.sample({"-o", "none/s.csv", "--", "sh", "-c", "touch started"}) == 2);
    CHECK(folder.text("log") == "leakline: none/s.csv: cannot write: no such file or directory\n");
    CHECK_FALSE(folder.has("started"));
    CHECK(folder.sample({"-o", "s.csv", "--pid", "2147483647"}) == 4);
    CHECK(folder.text("log") == "leakline: pid 2147483647: there is no such process\n");
    CHECK_FALSE(folder.has("s.csv"));
    CHECK(folder.sample({"--metrics", "rsss", "--pid", "1"}) == 2);
    CHECK(folder.text("log").starts_with("leakline: --metrics: unknown metric 'rsss'; did you mean 'rss'?\n"));
    CHECK(folder.sample({"--interval", "0", "--pid", "1"}) == 2);
}

TEST_CASE("a command over its --memory-limit is reported as OOM-killed where cgroups can be made") {
    const Folder folder;
    CHECK(folder.sample(
              {"--interval", "10ms", "--memory-limit", "32MiB", "-o", "s.csv", "--", "sh", "-c", "x=x; while :; do x=$x$x; done"}) == 0);
    const std::string log = folder.text("log");
    if (log.find("no memory cgroup (") == std::string::npos)
        CHECK(log.find(" OOM-killed at its limit of 32 MiB (peak 32 MiB); sampling stopped\n") != std::string::npos);
    else
        CHECK(log.find(" OOM-killed ") == std::string::npos);
}

TEST_CASE("--live off a terminal prints plain lines") {
    const Folder folder;
    CHECK(folder.sample({"--live", "--interval", "20ms", "--", "sleep", "1.2"}) == 0);
    const std::string log = folder.text("log");
    CHECK(log.find('\x1b') == std::string::npos);
    CHECK(log.find("sleep (pid ") != std::string::npos);
    CHECK(log.find(" rss ") != std::string::npos);
}

TEST_CASE("--live shows what lives: a child that has ended is in no later view") {
    const Folder folder;
    Child sampler = folder.start({kLeakline, "sample", "--live", "--children", "each", "--interval", "20ms", "--", "sh", "-c",
                                  "sleep 30 & echo $! $$ >child; exec tail -f /etc/hosts >tailed"});
    // By their pids: a name is one before the exec and another after it.
    const auto views_of = [&](const std::string& pid, std::size_t after) {
        const std::string log = folder.text("log"), mark = "(pid " + pid + ")";
        std::size_t times = 0;
        for (std::size_t at = log.find(mark, after); at != std::string::npos; at = log.find(mark, at + 1)) ++times;
        return times;
    };
    REQUIRE(comes_true([&] { return folder.has("child") && folder.text("child").ends_with('\n'); }));
    const std::string pids = folder.text("child");
    const std::size_t blank = pids.find(' ');
    const std::string child = pids.substr(0, blank), main = pids.substr(blank + 1, pids.find('\n') - blank - 1);
    REQUIRE(comes_true([&] { return views_of(child, 0) > 0; }));
    CHECK(::kill(std::stoi(child), SIGKILL) == 0);
    const std::size_t killed = folder.text("log").size();
    // A view may have been under way; of three later ones two were not.
    CHECK(comes_true([&] { return views_of(main, killed) >= 3; }));
    CHECK(views_of(child, killed) <= 1);
    CHECK(::kill(sampler.pid(), SIGTERM) == 0);
    CHECK(sampler.wait().shell_code() == 143);
}

TEST_CASE("--listen serves what promtool accepts, and restarts can be told by the start time") {
    const Folder folder;
    Child sampler = folder.start(
        {kLeakline, "sample", "--interval", "20ms", "--metrics", "all", "--listen", ":0", "--pid", std::to_string(::getpid())});
    const std::string mark = "leakline: metrics at ";
    REQUIRE(comes_true([&] { return folder.has("log") && folder.text("log").find("/metrics\n") != std::string::npos; }));
    const std::string log = folder.text("log");
    const std::size_t at = log.find(mark) + mark.size();
    const std::string url = log.substr(at, log.find('\n', at) - at);
    std::string scrape;
    REQUIRE(comes_true([&] { return (scrape = http::get(url).body).find("process_start_time_seconds{") != std::string::npos; }));
    CHECK(scrape.find("\nprocess_resident_memory_bytes{process=\"") != std::string::npos);
    sampler.signal(SIGTERM);
    CHECK(sampler.wait().shell_code() == 143);

    std::ofstream(folder.path("scrape.txt")) << scrape;
    REQUIRE_MESSAGE(find_executable("promtool"), "scripts/setup.sh installs prometheus");
    CHECK(folder.start({"sh", "-c", "promtool check metrics < scrape.txt > promtool.txt 2>&1"}).wait().shell_code() == 0);
    CHECK(folder.text("promtool.txt").empty());
}

TEST_CASE("the owner of a port is sampled") {
    const Folder folder;
    // python's server prints its port once it is bound.
    Child server = folder.start({"python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"});
    REQUIRE(comes_true([&] { return folder.has("log") && folder.text("log").find(" port ") != std::string::npos; }));
    const std::string log = folder.text("log");
    const std::string port = std::to_string(std::stoi(log.substr(log.find(" port ") + 6)));
    CHECK(folder.sample({"--port", port, "--duration", "100ms", "--interval", "20ms", "-o", "s.dat"}) == 0);
    CHECK(folder.text("s.dat").starts_with("CMDLINE python3"));
    server.terminate(5s);
}
