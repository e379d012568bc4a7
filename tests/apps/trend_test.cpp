// leakline trend as a user drives it: exit codes, forms, gates, bad files.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "apps/run_here.hpp"
#include "base/strings.hpp"
#include "system/output_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::test;

namespace {

class TrendFiles {
  public:
    // 600 samples, a second apart, of a function of the position 0..1 in MiB, and cumulative requests.
    std::string write(const std::string& name, const std::function<double(double)>& mib) const {
        std::string text = "t_s,mib,requests\n";
        for (int i = 0; i < 600; ++i) {
            const double ripple = .02 * ((i * 7919) % 13 - 6);  // noise enough, and the same everywhere
            text += std::to_string(i) + "," + std::to_string(mib(i / 599.) + ripple) + "," + std::to_string(i * 50) + "\n";
        }
        return write_text(name, text);
    }
    std::string write_text(const std::string& name, const std::string& text) const {
        OutputFile file(folder_.path() + "/" + name);
        file.write(text);
        file.commit();
        return file.path();
    }
    std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  private:
    TemporaryDirectory folder_;
};

double leak(double x) { return 100 + 20 * x; }
double steady(double) { return 100; }

Outcome trend(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "trend");
    return run_here(arguments);
}

}  // namespace

TEST_CASE("trend: a leak ends with 1, a steady series with 0, too few samples with 3") {
    const TrendFiles files;
    const Outcome growing = trend({files.write("a.csv", leak), "--memory-limit", "200MiB"});
    CHECK(growing.code == 1);
    CHECK(growing.out.starts_with("growing"));
    CHECK(growing.out.find("grew by 120 MiB/h until the end") != std::string::npos);
    CHECK(trend({files.path("a.csv"), "--leak-exit-code", "42"}).code == 42);
    CHECK(trend({files.write("b.csv", steady)}).code == 0);
    const std::string few = files.write_text("few.csv", "t_s,mib\n0,1\n1,2\n");
    CHECK(trend({few}).code == 3);
    CHECK(trend({few, "--inconclusive", "pass"}).code == 0);
}

TEST_CASE("trend: a pipe given by its name is read to its last byte, of samples and of a heap recording") {
    const TrendFiles files;
    std::string ticks = "v 10400 3\ns 4 main\ni 1 1 1\nt 1 0\na 10 1\n+ 0\n";  // heaptrack's: c is ms, R pages, hexadecimal
    for (int i = 1; i <= 60; ++i) ticks += fmt::format("c {:x}\nR {:x}\n", i * 1000, 1000 + i * 50);
    const std::string recording = files.write_text("heaptrack.svc.1", ticks);
    const std::string samples = files.write("a.csv", leak);
    for (const std::string& file : {samples, recording}) {
        const std::string pipe = file == samples ? files.path("samples") : files.path("recording");
        REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
        std::thread writer([&] {
            OutputFile out(pipe);
            out.write(read_file(file));
            out.commit();
        });
        const Outcome by_pipe = trend({pipe, "--format", "json"});
        writer.join();
        const Outcome by_file = trend({file, "--format", "json"});
        CHECK(by_pipe.code == by_file.code);
        nlohmann::json a = nlohmann::json::parse(by_pipe.out), b = nlohmann::json::parse(by_file.out);
        CHECK(a["trend"] == b["trend"]);
    }
}

TEST_CASE("trend: counts beside memory are judged from a file and from a pipe") {
    const TrendFiles files;
    std::string samples = "t_s,rss_bytes,fds\n";
    for (int i = 0; i < 120; ++i) samples += fmt::format("{},{},{}\n", i * 10, 20'000'000 + i % 3 * 4096, 10 + i * 3);
    const std::string file = files.write_text("counts.csv", samples), pipe = files.path("counts");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] {
        OutputFile out(pipe);
        out.write(samples);
        out.commit();
    });
    const Outcome by_pipe = trend({pipe, "--format", "json"});
    writer.join();
    const Outcome by_file = trend({file, "--format", "json"});
    CHECK(by_file.code == 1);
    CHECK(by_pipe.code == 1);
    const nlohmann::json counts = nlohmann::json::parse(by_file.out).at("counts");
    REQUIRE(counts.size() == 1);
    CHECK(counts[0].at("verdict") == "growing");
    nlohmann::json piped = nlohmann::json::parse(by_pipe.out).at("counts");
    CHECK(piped[0].at("file") == pipe);
    piped[0]["file"] = file;
    CHECK(piped == counts);

    // 3 in 10 s; the newest sample has 367: (1024 - 367) / 1080 per hour.
    const nlohmann::json limited =
        nlohmann::json::parse(trend({file, "--count-limit", "fds=1024", "--format", "json"}).out).at("counts")[0];
    CHECK(limited.at("limit") == 1024);
    CHECK(limited.at("time_to_limit_h").get<double>() == doctest::Approx(657.0 / 1080).epsilon(0.05));
    CHECK(trend({file, "--count-limit", "fds=1024"}).out.find("; the limit of 1,024 (--count-limit) is reached in 3") != std::string::npos);
    std::string with_column;
    for (const std::string_view line : split(samples, '\n'))
        if (!line.empty()) with_column += fmt::format("{},{}\n", line, line.starts_with("t_s") ? "fds_limit" : "1024");
    const nlohmann::json own =
        nlohmann::json::parse(trend({files.write_text("own.csv", with_column), "--format", "json"}).out).at("counts")[0];
    CHECK(own.at("limit") == 1024);
    CHECK(own.at("time_to_limit_h") == limited.at("time_to_limit_h"));
    CHECK(trend({file, "--count-limit", "sockets=3"}).code == 2);
}

TEST_CASE("trend: many files as CSV are a row a file, with the contract's columns") {
    const TrendFiles files;
    const Outcome outcome = trend({files.write("a.csv", leak), files.write("b.csv", steady), "--format", "csv"});
    CHECK(outcome.code == 1);
    std::vector<std::string_view> rows = split(outcome.out, '\n');
    REQUIRE(rows.size() == 4);
    CHECK(rows[0] ==
          "file,verdict,p_leak,slope_mib_h,slope_low_mib_h,slope_high_mib_h,bytes_per_request,"
          "bytes_per_request_low,bytes_per_request_high,time_to_limit_h,reason");
    CHECK(rows[1].starts_with("a.csv,growing,"));
    CHECK(rows[2].starts_with("b.csv,stable,0,0,"));
}

TEST_CASE("trend: JSON has the names that other tools read") {
    const TrendFiles files;
    const Outcome outcome = trend({files.write("a.csv", leak), "--format", "json", "--limit", "1GiB"});
    const auto json = nlohmann::json::parse(outcome.out);
    CHECK(json.at("schema") == 1);
    CHECK(json.at("verdict") == "growing");
    CHECK(json.at("slope_bytes_per_hour").at("estimate").get<double>() / kMiB == doctest::Approx(20 * 3600 / 599.).epsilon(.02));
    CHECK(json.at("bytes_per_request").at("estimate").get<double>() == doctest::Approx(20 * kMiB / 29950).epsilon(.02));
    CHECK(json.at("time_to_limit_h").at("low").get<double>() > 7);
    CHECK(json.at("detectable_bytes_per_request").get<double>() > 0);
}

TEST_CASE("trend: --max-growth passes only where growth at the budget would have been seen") {
    const TrendFiles files;
    const std::string a = files.write("a.csv", leak), b = files.write("b.csv", steady);
    CHECK(trend({a, "--max-growth", "1MiB/h"}).code == 1);
    CHECK(trend({a, "--max-growth", "500MiB/h"}).code == 0);
    CHECK(trend({b, "--max-growth", "500MiB/h"}).code == 0);
    const Outcome blind = trend({b, "--max-growth", "1KiB/h"});
    CHECK(blind.code == 3);
    CHECK(blind.err.find("the detection limit of this run, ") != std::string::npos);
}

TEST_CASE("trend: damage is counted on standard error and the verdict stands") {
    const TrendFiles files;
    std::string text = read_file(files.write("a.csv", leak));
    text += "600,nan,30000\n599,5,5\n";
    const Outcome outcome = trend({files.write_text("damaged.csv", text)});
    CHECK(outcome.code == 1);
    CHECK(outcome.err.find("damaged.csv:602: not a number") != std::string::npos);
    CHECK(outcome.err.find("damaged.csv:603: same time as the previous sample") != std::string::npos);
}

TEST_CASE("trend: --decimal says what a file's numbers do not, and a word that it does not know is named") {
    const TrendFiles files;
    std::string text = "t_s;rss_mib\n";
    for (int i = 0; i < 100; ++i) text += fmt::format("{};{}.{:03}\n", i, 100 + i / 10, i % 10 * 100);
    const std::string path = files.write_text("a.csv", text);
    const Outcome unsaid = trend({path});
    CHECK(unsaid.code == 2);
    CHECK(
        unsaid.err ==
        "leakline: " + path +
            ":2: '100.000' has a decimal or thousands separator, and no other number shows which\n  hint: --decimal point or --decimal comma\n");
    CHECK(trend({path, "--decimal", "Point", "--format", "csv"}).out.find(",growing,") != std::string::npos);
    const Outcome wrong = trend({path, "--decimal", "dot"});
    CHECK(wrong.code == 2);
    CHECK(wrong.err == "leakline trend: --decimal: must be point or comma, not 'dot'\n  hint: leakline trend --help\n");
    CHECK(trend({path, "--inconclusive", "0"}).code == 2);
}

TEST_CASE("trend: a bad file alone is an error; among others it is warned about and the code is 2") {
    const TrendFiles files;
    const Outcome missing = trend({files.path("none.csv")});
    CHECK(missing.code == 2);
    CHECK(missing.err == "leakline: " + files.path("none.csv") + ": cannot open: no such file or directory\n");
    CHECK(missing.out.empty());
    const Outcome both = trend({files.write("a.csv", leak), files.write_text("empty.csv", ""), "--format", "csv"});
    CHECK(both.code == 2);
    CHECK(both.out.find("a.csv,growing") != std::string::npos);
    CHECK(both.err.find("empty.csv: is empty") != std::string::npos);
    CHECK(trend({}).code == 2);
}

TEST_CASE("trend: the self-test prints scores, goals and the power curve; few traces decide nothing") {
    const Outcome outcome = trend({"--self-test", "--traces", "4", "--seed", "3"});
    CHECK(outcome.code == 3);
    CHECK(outcome.out.find("precision        100.0 % [") != std::string::npos);
    CHECK(outcome.out.find("traces without a leak  goal <= 0.3 %: undecided (too few traces)\n") != std::string::npos);
    CHECK(outcome.out.find("power curve") != std::string::npos);
}

TEST_CASE("a folder stands for the files in it") {
    const TrendFiles files;
    const auto flat = [](double) { return 100.0; };
    files.write("b.csv", flat);
    files.write("a.csv", flat);
    files.write(".hidden.csv", flat);
    const std::string folder = files.path("");
    const Outcome outcome = trend({folder, "--format", "csv"});
    CHECK(outcome.code == 0);
    const std::vector<std::string_view> rows = split(outcome.out, '\n');
    REQUIRE(rows.size() >= 3);
    CHECK(rows[1].starts_with("a.csv,stable,"));
    CHECK(rows[2].starts_with("b.csv,stable,"));
    CHECK(outcome.out.find("hidden") == std::string::npos);
    const TemporaryDirectory empty;
    const Outcome none = trend({empty.path()});
    CHECK(none.code == 2);
    CHECK(none.err ==
          "leakline: " + empty.path() + ": no file to read in this folder\n  hint: leakline sample -o DIR/NAME.csv writes samples\n");
}
