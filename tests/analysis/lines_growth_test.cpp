#include "analysis/lines/internal/growth.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "analysis/internal/false_discovery.hpp"

using namespace leakline;
using namespace leakline::analysis;

namespace {

using Values = std::vector<double>;

GrowthJudgment judge(const Values& bytes, double block = 1) {
    Values x, blocks;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        x.push_back(1000.0 * static_cast<double>(i + 1));
        blocks.push_back(bytes[i] / block);
    }
    return judge_growth(x, bytes, blocks);
}

std::string_view shape(const Values& bytes) { return growth_class_name(judge(bytes).growth_class); }

}  // namespace

TEST_CASE("shapes have the names that people use for them") {
    CHECK(shape({100, 200, 300, 400, 500, 600}) == "linear");
    CHECK(shape({500, 500, 500, 500, 500}) == "flat");
    CHECK(shape({1000, 990, 1010, 1005, 985, 1000}) == "flat");
    CHECK(shape({300, 600, 900, 1000, 1000, 1000, 1000}) == "filling then flat");
    CHECK(shape({300, 600, 900, 1000, 1012, 990, 1003}) == "filling then flat");
    CHECK(shape({500, 750, 875, 937, 968, 984, 992}) == "filling then flat");
    CHECK(shape({100, 900, 200, 800, 150, 950, 120}) == "sawtooth");
    CHECK(shape({900, 700, 500, 300, 100, 0}) == "shrinking");
    CHECK(shape({900, 0, 0, 0, 0}) == "shrinking");
    CHECK(shape({100, 200, 300}) == "unclear");
    CHECK(shape({0, 1, 1, 1, 1000, 1000, 5000}) == "unclear");
}

TEST_CASE("growth that is the same in every round is told from chance in six rounds") {
    CHECK(judge({64e3, 128e3, 192e3, 256e3, 320e3, 384e3}, 64).p_value < 1e-6);
    CHECK(judge({100, 210, 295, 410, 505, 610, 700}).p_value < 1e-5);
}

TEST_CASE("growth that stops in the last round is no candidate, even if only a part of the round is missing") {
    CHECK(judge({100, 200, 300, 400, 500, 600, 600}).p_value == 1);
    CHECK(judge({100, 200, 300, 400, 500, 600, 640}).p_value == 1);
    CHECK(judge({100, 200, 300, 400, 500, 600, 680}).p_value == 1);
    CHECK(judge({100, 200, 300, 400, 500, 600, 698}).p_value < 1e-6);
}

TEST_CASE("growth in chunks rarer than the rounds is found by putting rounds together") {
    const GrowthJudgment chunks = judge({0, 512, 512, 1024, 1024, 1536, 1536, 2048, 2048}, 512);
    CHECK(growth_class_name(chunks.growth_class) == "linear");
    CHECK(chunks.p_value < 0.01);
}

TEST_CASE("a few blocks that happen to rise are not as convincing as many") {
    CHECK(judge({0, 64, 128, 192, 256}, 64).p_value > 1e-3);
    CHECK(judge({0, 64e3, 128e3, 192e3, 256e3}, 64).p_value < 1e-5);
}

TEST_CASE("of a thousand lines that only fluctuate hardly one in a hundred runs names any") {
    std::mt19937 random(17);
    std::normal_distribution<double> noise(0, 300);
    int named_runs = 0;
    for (int run = 0; run < 100; ++run) {
        Values p;
        for (int line = 0; line < 1000; ++line) {
            Values bytes;
            for (int round = 0; round < 8; ++round) bytes.push_back(10'000 + noise(random));
            p.push_back(judge(bytes, 40).p_value);
        }
        for (double adjusted : adjust_for_discovery(p))
            if (adjusted <= 0.05) {
                ++named_runs;
                break;
            }
    }
    CHECK(named_runs <= 5);
}

TEST_CASE("a leak among a thousand noisy lines is named in nearly every run") {
    std::mt19937 random(18);
    std::normal_distribution<double> noise(0, 300), amount(0, 400);
    int found = 0;
    for (int run = 0; run < 50; ++run) {
        Values p, leak;
        double level = 0;
        for (int round = 0; round < 8; ++round) leak.push_back(level += 10'000 + amount(random));
        p.push_back(judge(leak, 40).p_value);
        for (int line = 1; line < 1000; ++line) {
            Values bytes;
            for (int round = 0; round < 8; ++round) bytes.push_back(10'000 + noise(random));
            p.push_back(judge(bytes, 40).p_value);
        }
        if (adjust_for_discovery(p)[0] <= 0.05) ++found;
    }
    CHECK(found >= 48);
}

TEST_CASE("a bounded cache is never named, whichever round it fills in") {
    std::mt19937 random(19);
    std::uniform_int_distribution<int> size(40, 400);
    for (int rounds = 6; rounds <= 10; ++rounds) {
        for (int per_round = 150; per_round <= 1100; per_round += 50) {
            const double filled_after = 1000.0 / per_round;
            // A bound that is not reached in the window, or only in its last twentieth, cannot be seen.
            if (filled_after > rounds - 0.15) continue;
            for (int run = 0; run < 20; ++run) {
                std::vector<int> records;
                Values bytes;
                for (int round = 0; round < rounds; ++round) {
                    for (int i = 0; i < per_round; ++i) records.push_back(size(random));
                    double sum = 0;
                    const std::size_t kept = std::min<std::size_t>(records.size(), 1000);
                    for (std::size_t i = records.size() - kept; i < records.size(); ++i) sum += records[i];
                    bytes.push_back(sum);
                }
                CAPTURE(rounds);
                CAPTURE(per_round);
                const GrowthJudgment judgment = judge(bytes, 220);
                CHECK(judgment.p_value > 0.01);
            }
        }
    }
}

TEST_CASE("the rate of growth comes with Student's interval") {
    const Values x = {0, 10, 20, 30, 40}, bytes = {0, 90, 200, 310, 400};
    const auto rate = growth_rate(x, bytes);
    REQUIRE(rate);
    CHECK(rate->estimate == doctest::Approx(10));
    // rates 9 11 11 9: s = 1.1547, t(0.975, 3) = 3.18245, half = 3.18245 * 1.1547 / 2
    CHECK(rate->low == doctest::Approx(10 - 1.83739).epsilon(1e-5));
    CHECK(rate->high == doctest::Approx(10 + 1.83739).epsilon(1e-5));
    CHECK_FALSE(growth_rate(Values{0, 1}, Values{0, 1}));
}

TEST_CASE("adjusted p-values are those of R's p.adjust with method BY") {
    // p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "BY")
    for (double p : adjust_for_discovery(Values{0.01, 0.02, 0.03, 0.04, 0.05})) CHECK(p == doctest::Approx(0.1141667));
    // p.adjust(c(0.5, 0.001, 0.04), "BY")
    const std::vector<double> adjusted = adjust_for_discovery(Values{0.5, 0.001, 0.04});
    CHECK(adjusted[0] == doctest::Approx(0.9166667));
    CHECK(adjusted[1] == doctest::Approx(0.0055));
    CHECK(adjusted[2] == doctest::Approx(0.11));
    CHECK(adjust_for_discovery({}).empty());
}

TEST_CASE("a line that starts late leaks if it grows in each of the last four rounds or more") {
    CHECK(shape({0, 0, 0, 0, 100, 200, 300, 400}) == "linear");
    CHECK(judge({500, 500, 500, 500, 600, 700, 800, 900}, 10).p_value < 0.01);
    CHECK(shape({0, 0, 0, 0, 0, 100, 200, 300}) == "unclear");   // three rounds could be chance
    CHECK(shape({0, 0, 0, 0, 100, 200, 300, 300}) != "linear");  // it stopped
    CHECK(shape({0, 0, 0, 400, 600, 700, 750, 770}) == "filling then flat");
}

TEST_CASE("the last round may be slower by the noise of samples, where bytes are estimated from them") {
    // 64 KiB between samples, about 160 of them a round: by chance the first rounds are alike, and the last is 15 % lower.
    const std::vector<double> x = {0, 10'000, 20'000, 30'000, 40'000, 50'000, 60'000};
    std::vector<double> bytes = {0};
    for (const double round : {10.6e6, 10.5e6, 10.7e6, 10.6e6, 10.5e6, 9.0e6}) bytes.push_back(bytes.back() + round);
    const std::vector<double> blocks(x.size(), 1);
    CHECK(judge_growth(x, bytes, blocks).growth_class != GrowthClass::linear);
    CHECK(judge_growth(x, bytes, blocks, 65536).growth_class == GrowthClass::linear);
    // A cache that is full does not grow at all.
    bytes.back() = bytes[bytes.size() - 2];
    CHECK(judge_growth(x, bytes, blocks, 65536).growth_class != GrowthClass::linear);
}

TEST_CASE("a level that is estimated from samples is flat within their noise") {
    // A full cache of 10 MiB with 32 KiB between samples, about 320 of them: a standard deviation of 0.57 MiB.
    const std::vector<double> x = {0, 1, 2, 3, 4, 5, 6, 7};
    std::vector<double> bytes;
    for (const double mib : {9.4, 10.9, 10.1, 9.1, 10.6, 11.2, 9.9, 10.3}) bytes.push_back(mib * kMiB);
    const std::vector<double> blocks(x.size(), 1);
    CHECK(judge_growth(x, bytes, blocks).growth_class == GrowthClass::sawtooth);
    CHECK(judge_growth(x, bytes, blocks, 32768).growth_class == GrowthClass::flat);
}

TEST_CASE("a cache that fills in the first rounds is told as that, whatever the samples of its level are by chance") {
    // 5 MiB in the end, with 32 KiB between samples: about 160 of them.
    const std::vector<double> full = {0.2, 0.6, 1, 1, 1, 1, 1, 1, 1, 1}, x = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, blocks(x.size(), 1);
    constexpr double kInterval = 32768, kLevel = 5 * kMiB;
    std::mt19937 random(1);
    int told = 0, sawtooth = 0;
    constexpr int kRuns = 500;
    for (int run = 0; run < kRuns; ++run) {
        std::vector<double> bytes;
        for (const double share : full) bytes.push_back(kInterval * std::poisson_distribution<int>(share * kLevel / kInterval)(random));
        const GrowthClass told_as = judge_growth(x, bytes, blocks, kInterval).growth_class;
        told += told_as == GrowthClass::filling_then_flat;
        sawtooth += told_as == GrowthClass::sawtooth;
    }
    CHECK(told >= kRuns * 99 / 100);
    CHECK(sawtooth == 0);
}
