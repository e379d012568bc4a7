#include "report/internal/line_table.hpp"
#include "base/quantities.hpp"
#include "report/source_text.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/temporary_directory.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

using namespace leakline;
using namespace leakline::report;

namespace {

const std::string kGolden = LEAKLINE_TESTDATA "/golden/line_table";

// What golden_line_table.py does with the real memory_profiler, done with ours.
std::string tables_of(const std::string& directory) {
    SourceText source({directory});
    std::string out;
    for (const auto& item : nlohmann::json::parse(read_file(directory + "/cases.json"))) {
        LineTable table;
        table.file = item["file"];
        const std::vector<std::string>& text = source.lines(table.file);
        for (std::uint32_t line = item["first"]; line <= item["last"].get<std::uint32_t>(); ++line) {
            LineTable::Row row{line, text.at(line - 1), std::nullopt};
            if (const auto cells = item["cells"].find(std::to_string(line)); cells != item["cells"].end())
                row.cells = {(*cells)[1].get<double>() * kMiB, (*cells)[0].get<double>() * kMiB, (*cells)[2].get<std::uint64_t>()};
            table.rows.push_back(row);
        }
        RenderOptions options;
        options.strict = true;
        options.precision = item["precision"];
        out += line_table(table, options);
    }
    return out;
}

}  // namespace

TEST_CASE("a strict table is memory_profiler's, byte for byte") { CHECK(tables_of(kGolden) == read_file(kGolden + "/expected.txt")); }

TEST_CASE("a strict table is what the installed memory_profiler prints for random numbers") {
    const TemporaryDirectory directory;
    std::mt19937_64 random(7);
    nlohmann::json cases = nlohmann::json::array();
    std::ofstream source(directory.path() + "/source.c");
    for (int line = 1; line <= 60; ++line)
        source << std::string(random() % 9, ' ') << std::string(random() % 3, '\t') << "x" << random() << ";\n";
    source.close();
    for (int i = 0; i < 40; ++i) {
        nlohmann::json item = {{"file", "source.c"}, {"precision", random() % 7}, {"cells", nlohmann::json::object()}};
        item["first"] = 1 + random() % 30;
        item["last"] = item["first"].get<int>() + static_cast<int>(random() % 30);
        for (int line = item["first"]; line <= item["last"].get<int>(); ++line) {
            if (random() % 3 == 0) continue;
            const auto mib = [&] { return std::ldexp(static_cast<double>(random() % 2'000'001) - 1e6, -static_cast<int>(random() % 20)); };
            item["cells"][std::to_string(line)] = {mib(), mib(), random() >> (random() % 64)};
        }
        cases.push_back(item);
    }
    std::ofstream(directory.path() + "/cases.json") << cases;

    Command command;
    command.arguments = {LEAKLINE_SOURCE_DIR "/scripts/golden_line_table.py", directory.path() + "/cases.json"};
    command.output_file = directory.path() + "/expected.txt";
    const ExitStatus status = Child::start(command).wait();
    if (status.code == 77) {
        MESSAGE("skipped: python3-memory-profiler is not installed");
        return;
    }
    REQUIRE(status.shell_code() == 0);
    const std::string expected = read_file(directory.path() + "/expected.txt");
    REQUIRE(expected.size() > 10'000);
    CHECK(tables_of(directory.path()) == expected);
}

TEST_CASE("without strict, a footer says what each column is and control characters are shown") {
    LineTable table;
    table.file = "a.cpp";
    table.rows = {{7, "\tx = \"\x1b[2J\";", LineCells{2.5 * kMiB, 1024, 3}}};
    RenderOptions options;
    options.precision = 4;
    CHECK(line_table(table, options) ==
          "Filename: a.cpp\n\n"
          "Line #    Mem usage    Increment  Occurrences   Line Contents\n"
          "=============================================================\n"
          "     7   2.5000 MiB   0.0010 MiB           3   \tx = \"\\x1b[2J\";\n"
          "\n"
          "  Mem usage: memory of the process at the start of the window + growth through this line and the "
          "lines above\n"
          "  Increment: growth of live heap bytes, within the window, allocated through this line\n"
          "  Occurrences: allocations made through this line within the window\n");
    table.origin = LineTable::Origin::observed;
    CHECK(line_table(table, options).find("Occurrences: times the line ran\n") != std::string::npos);
}

TEST_CASE("the unit of the memory columns can be chosen") {
    CHECK(memory_cell(1536, RenderOptions::Unit::bytes, 1) == " 1536 B");
    CHECK(memory_cell(1536, RenderOptions::Unit::kib, 2) == "  1.50 KiB");
    CHECK(memory_cell(-1536, RenderOptions::Unit::kib, 1) == " -1.5 KiB");
    CHECK(memory_cell(1024, RenderOptions::Unit::mib, 4) == "  0.0010 MiB");
}
