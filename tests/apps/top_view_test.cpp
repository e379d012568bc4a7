#include "leakline/top_view.hpp"

#include <doctest/doctest.h>

using namespace leakline;
using namespace leakline::cli;

namespace {

LineGrowth line(std::string file, std::uint32_t number, std::int64_t growth, std::int64_t blocks, std::uint64_t calls) {
    LineGrowth line;
    line.at = {"handle", std::move(file), number};
    line.growth_bytes = growth;
    line.live_last_blocks = blocks;
    line.allocations = calls;
    return line;
}

TopFigures figures() {
    TopFigures figures;
    figures.process = "svc (pid 7)";
    figures.pids = {7, 8};
    figures.recorded = std::chrono::seconds(120);
    figures.resident = Bytes{50} << 20;
    figures.sampling = leakline::Sampling{65536, 65536, 100};
    figures.all.accounting.live_delta_bytes = 3 << 20;
    figures.all.accounting.live_delta_error_bytes = 1024;
    figures.all.lines = {line("/src/a.cpp", 5, 2 << 20, 40, 50), line("/src/b.cpp", 9, 1 << 20, 400, 900),
                         line("/src/c.cpp", 1, -10, 0, 5000)};
    figures.all.lines[0].source = "  keep(x);";
    return figures;
}

}  // namespace

TEST_CASE("the view of top has totals, and the lines that grow with their rates") {
    const std::vector<std::string> view = top_view(figures(), TopOrder::growth, 10, 100);
    REQUIRE(view.size() == 6);
    CHECK(view[0] == "svc (pid 7) and 1 other process: attached for 2m, 1 in 65,536 allocated bytes sampled");
    CHECK(view[1] == "live heap +3 MiB +- 1.96 KiB since then, +1.5 MiB per minute, +440 blocks; RSS 50 MiB");
    CHECK(view[2] == "    growth per minute     lately    blocks     calls  line");
    CHECK(view[3] == "    +2 MiB     +1 MiB          -       +40        50  a.cpp:5 in handle");
    CHECK(view[4] == "                                                      keep(x);");
    CHECK(view[5] == "    +1 MiB   +512 KiB          -      +400       900  b.cpp:9 in handle");
}

TEST_CASE("the order of top's lines can be changed, and what it leaves out is said") {
    TopFigures now = figures();
    now.lately_span = std::chrono::seconds(60);
    now.lately[now.all.lines[1].at] = 4096;
    now.unseen = {"2 processes that started after the attach"};
    const auto first = [&](TopOrder order) { return top_view(now, order, 1, 200).at(3); };
    CHECK(first(TopOrder::growth).find("/src/a.cpp:5") != std::string::npos);
    CHECK(first(TopOrder::last_minute) == "    +1 MiB   +512 KiB     +4 KiB      +400       900  /src/b.cpp:9 in handle");
    CHECK(first(TopOrder::blocks).find("b.cpp:9") != std::string::npos);
    CHECK(first(TopOrder::calls).find("c.cpp:1") != std::string::npos);
    CHECK(next_order(TopOrder::calls) == TopOrder::growth);
    CHECK(top_view(now, TopOrder::growth, 1, 200).back() == "not shown: 2 processes that started after the attach");
    for (const std::string& text : top_view(now, TopOrder::growth, 10, 20)) CHECK(text.size() <= 20);
}

TEST_CASE("top's JSON is one line with figures in bytes") {
    CHECK(
        top_json(figures(), TopOrder::growth, 1) ==
        "{\"schema\":1,\"recorded_s\":120.000,\"process\":\"svc (pid 7)\",\"pids\":[7,8],\"rss_bytes\":52428800,"
        "\"sample_interval_bytes\":65536,\"live_delta_bytes\":3145728,\"live_delta_error_bytes\":1024,\"lines\":[{\"file\":\"/src/a.cpp\","
        "\"line\":5,\"function\":\"handle\",\"source\":\"keep(x);\",\"growth_bytes\":2097152,\"growth_blocks\":40,\"allocations\":50}],"
        "\"not_shown\":[]}");
}
