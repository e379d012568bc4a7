#include "analysis/lines/per_path.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "analysis/trend/internal/traces.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

// Blocks of some 1000 requests of three kinds in a random mix, of which kinds leak by `bytes`, with noise of two pages.
std::vector<MixBlock> random_blocks(std::uint64_t seed, std::size_t count, const std::vector<double>& bytes) {
    TraceRandom random(seed, 1, count);
    std::vector<MixBlock> blocks;
    for (std::size_t i = 0; i < count; ++i) {
        MixBlock block;
        block.growth_bytes = 8192 * random.normal() + 20'000;
        for (const double each : bytes) {
            block.requests.push_back(static_cast<std::uint64_t>(random.uniform(50, 600)));
            block.growth_bytes += each * static_cast<double>(block.requests.back());
        }
        blocks.push_back(std::move(block));
    }
    return blocks;
}

}  // namespace

TEST_CASE("the endpoint that leaks is told from those that do not, with its bytes per request") {
    const PathGrowthReport report = growth_per_path({"GET /a", "POST /b", "GET /c"}, random_blocks(1, 24, {0, 512, 0}));
    REQUIRE(report.paths.size() == 3);
    CHECK(report.reasons.empty());
    CHECK(report.paths[0].path == "POST /b");
    CHECK(report.paths[0].leaks);
    CHECK(report.paths[0].bytes_per_request.estimate == doctest::Approx(512).epsilon(.05));
    CHECK_FALSE(report.paths[1].leaks);
    CHECK_FALSE(report.paths[2].leaks);
    CHECK(report.residual_bytes == doctest::Approx(8192).epsilon(.4));
}

TEST_CASE("intervals hold the truth in 95 of 100 runs") {
    int covered = 0, total = 0, false_leaks = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        for (const PathGrowth& path : growth_per_path({"a", "b"}, random_blocks(seed, 12, {100, 0})).paths) {
            const double truth = path.path == "a" ? 100 : 0;
            covered += path.bytes_per_request.low <= truth && truth <= path.bytes_per_request.high;
            false_leaks += path.path == "b" && path.leaks;
            ++total;
        }
    }
    CHECK(covered >= .92 * total);
    CHECK(covered <= .98 * total);
    CHECK(false_leaks <= 10);  // 2.5 % of 200 expected
}

TEST_CASE("the slopes and their errors agree with numpy and scipy") {
    // numpy 1.24 linalg.lstsq over [a, b, 1], scipy 1.10 stats.t.ppf(.975, 4)
    const std::vector<double> growth{1210, 1905, 2720, 1100, 3150, 2230, 1790};
    const std::vector<std::uint64_t> a{1, 2, 3, 1, 4, 2, 2}, b{4, 3, 6, 1, 5, 9, 1};
    std::vector<MixBlock> blocks;
    for (std::size_t i = 0; i < growth.size(); ++i) blocks.push_back({growth[i], {a[i], b[i]}});
    const PathGrowthReport report = growth_per_path({"a", "b"}, blocks);
    REQUIRE(report.paths.size() == 2);
    CHECK(report.paths[0].bytes_per_request.estimate == doctest::Approx(626.235119048).epsilon(1e-6));
    CHECK(report.paths[1].bytes_per_request.estimate == doctest::Approx(58.452380952).epsilon(1e-6));
    CHECK(report.paths[0].bytes_per_request.low == doctest::Approx(542.705539795).epsilon(1e-6));
    CHECK(report.residual_bytes == doctest::Approx(73.043809221).epsilon(1e-6));
}

TEST_CASE("too few blocks give the reason instead of paths") {
    const PathGrowthReport report = growth_per_path({"a", "b", "c"}, random_blocks(1, 5, {0, 0, 0}));
    CHECK(report.paths.empty());
    REQUIRE(report.reasons.size() == 1);
    CHECK(report.reasons[0] == "5 blocks of traffic are too few to separate 3 kinds of requests; at least 6 are needed");
    CHECK(growth_per_path({}, {}).paths.empty());
}

TEST_CASE("paths whose numbers always go together are not told apart") {
    std::vector<MixBlock> blocks = random_blocks(3, 20, {300, 0});
    for (MixBlock& block : blocks) block.requests[1] = 2 * block.requests[0];
    const PathGrowthReport report = growth_per_path({"a", "b"}, blocks);
    for (const PathGrowth& path : report.paths) {
        CHECK_FALSE(path.separable);
        CHECK_FALSE(path.leaks);
        CHECK(std::isinf(path.bytes_per_request.high));
    }
    CHECK(report.reasons.size() == 2);
}

TEST_CASE("over many endpoints that leak nothing, hardly any run names one") {
    const std::vector<std::string> names = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    int named = 0, found = 0;
    for (std::uint64_t seed = 1000; seed < 1300; ++seed) {
        std::vector<MixBlock> clean = random_blocks(seed, 24, std::vector<double>(10, 0.0));
        if (seed % 3 == 0) clean[seed % 24].growth_bytes += 1 << 20;  // a container grew in one block
        for (const PathGrowth& path : growth_per_path(names, clean).paths) named += path.leaks;
        std::vector<double> one(10, 0.0);
        one[3] = 300;
        const PathGrowthReport leaking = growth_per_path(names, random_blocks(seed, 24, one));
        found += leaking.paths.front().path == "d" && leaking.paths.front().leaks;
        for (const PathGrowth& path : leaking.paths) named += path.leaks && path.path != "d";
    }
    CHECK(named <= 3);  // of 600 runs; Bonferroni at 5 % named one in about twenty
    CHECK(found >= 285);
}
