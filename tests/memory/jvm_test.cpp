#include "memory/jvm.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/clock.hpp"
#include "system/executables.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using namespace leakline::memory;
using namespace std::chrono_literals;

TEST_CASE("a class histogram is read whole or not at all, with names as programmers write them") {
    const std::string text =
        " num     #instances         #bytes  class name (module)\n-------------------------------------------------------\n"
        "   1:         13084         611896  [B (java.base@17.0.15)\n"
        "   2:         12642         303408  java.lang.String (java.base@17.0.15)\n"
        "   3:            12           1024  [[Ljava.util.HashMap$Node; (java.base@17.0.15)\n"
        "   4:             1             16  Svc$$Lambda$14/0x00007f0bd4001000\n"
        "Total         25739         916344\n";
    const auto live = parse_class_histogram(text);
    REQUIRE(live.has_value());
    CHECK(live->objects == 25739);
    CHECK(live->bytes == 916344);
    REQUIRE(live->classes.size() == 4);
    CHECK(live->classes[0].name == "byte[]");
    CHECK(live->classes[1].name == "java.lang.String");
    CHECK(live->classes[1].objects == 12642);
    CHECK(live->classes[2].name == "java.util.HashMap$Node[][]");
    CHECK_FALSE(parse_class_histogram(text.substr(0, text.find("Total"))).has_value());
    CHECK_FALSE(parse_class_histogram("Total 5 7\n").has_value());
    CHECK_FALSE(parse_class_histogram("").has_value());
}

TEST_CASE("a program that is no JVM is neither asked nor ended") {
    Command command;
    command.arguments = {"sleep", "1000"};
    Child child = Child::start(command);
    CHECK_FALSE(is_jvm(child.pid()));
    CHECK_FALSE(count_live_objects(child.pid(), 1s).has_value());
    CHECK(child.running());
}

TEST_CASE("a JVM counts its live objects: what is kept grows, what is let go is collected") {
    if (!find_executable("java") || !find_executable("javac")) {
        MESSAGE("skipped: no JDK is installed");
        return;
    }
    const TemporaryDirectory directory;
    std::ofstream(directory.path() + "/Keeps.java") << R"(
import java.util.*;
public class Keeps {
    static List<byte[]> kept = new ArrayList<>();
    public static void main(String[] a) throws Exception {
        for (int i = 0; i < 1000; ++i) { kept.add(new byte[1000]); byte[] dropped = new byte[1000]; }
        new java.io.File(a[0], "first").createNewFile();
        while (!new java.io.File(a[0], "go").exists()) Thread.sleep(10);
        for (int i = 0; i < 1000; ++i) { kept.add(new byte[1000]); byte[] dropped = new byte[1000]; }
        new java.io.File(a[0], "second").createNewFile();
        Thread.sleep(600000);
    }
})";
    const auto run = [&](std::vector<std::string> words) {
        Command command;
        command.arguments = std::move(words);
        command.directory = directory.path();
        return Child::start(command);
    };
    REQUIRE(run({"javac", "Keeps.java"}).wait().code == 0);
    Child jvm = run({"java", "-Xint", "Keeps", directory.path()});
    const auto wait_for = [&](const char* file) {
        while (::access((directory.path() + "/" + file).c_str(), F_OK) != 0 && jvm.running())
            system_clock().sleep_until(system_clock().monotonic() + 10ms);
        REQUIRE(jvm.running());
    };
    wait_for("first");
    CHECK(is_jvm(jvm.pid()));
    const auto first = count_live_objects(jvm.pid());
    REQUIRE(first.has_value());
    std::ofstream(directory.path() + "/go") << "";
    wait_for("second");
    const auto second = count_live_objects(jvm.pid());
    REQUIRE(second.has_value());
    const auto grown = static_cast<double>(second->bytes) - static_cast<double>(first->bytes);
    CHECK(grown > 1000 * 1016);
    CHECK(grown < 1000 * 1016 + 200'000);  // the list's array, and what the runtime itself loads
    CHECK(second->classes.front().name == "byte[]");
}
