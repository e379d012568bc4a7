#include <doctest/doctest.h>

#include <leakline/loop.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/binary.hpp"

using namespace leakline;
using namespace leakline::literals;
using namespace leakline::test;

namespace {

// What a loop over this body says; "" where it does not leak.
template <class Body>
std::string verdict_on(std::uint64_t iterations, BytesPerIteration budget, Body body) {
    std::string said;
    for (LeakLoop loop(iterations, budget, [&](const std::string& message) { said = message; }); loop.next();) body();
    return said;
}

using Block = std::unique_ptr<char[]>;

}  // namespace

TEST_CASE("a loop finds what its body keeps, by its size, and lets a budget of that size pass") {
    std::vector<Block> kept;
    kept.reserve(20'000);
    const auto keep = [&] { kept.push_back(std::make_unique<char[]>(104)); };
    const std::uint64_t before = live_malloc_bytes();
    keep();
    const double size = static_cast<double>(live_malloc_bytes() - before);  // 112 of glibc's, 104 of a sanitizer's
    CHECK(verdict_on(1000, 0_B_per_iteration, keep)
              .starts_with("leakline: " + std::to_string(static_cast<int>(size)) +
                           " B per iteration are kept, 0 allowed (over 992 iterations, in 16 of 16 blocks)"));
    CHECK(verdict_on(1000, {size - 1}, keep) != "");
    CHECK(verdict_on(1000, {size}, keep) == "");
    CHECK(verdict_on(1000, 1_KiB_per_iteration, keep) == "");
}

TEST_CASE("a leak in every tenth iteration, and elements of a vector that doubles, are found") {
    std::vector<Block> kept;
    kept.reserve(1000);
    int count = 0;
    CHECK(verdict_on(1000, 0_B_per_iteration, [&] {
              if (++count % 10 == 0) kept.push_back(std::make_unique<char[]>(24));
          }) != "");
    std::vector<int> numbers;
    CHECK(verdict_on(1000, 0_B_per_iteration, [&] { numbers.push_back(1); }) != "");
}

TEST_CASE("what is freed, what is set up once, and a cache that is full after a block are no leaks") {
    CHECK(verdict_on(1000, 0_B_per_iteration, [] { std::vector<std::string> freed(20, std::string(100, 'x')); }) == "");
    std::vector<Block> kept;
    int count = 0;
    const auto once = [&] {
        if (++count == 500) kept.push_back(std::make_unique<char[]>(100'000));
    };
    CHECK(verdict_on(1000, 0_B_per_iteration, once) == "");
    std::vector<Block> cache;
    const auto fill = [&] {
        if (cache.size() < 120) cache.push_back(std::make_unique<char[]>(1000));
    };
    CHECK(verdict_on(1000, 0_B_per_iteration, fill) == "");
    CHECK(verdict_on(1, 0_B_per_iteration, [] { Block freed = std::make_unique<char[]>(100); }) == "");
}

TEST_CASE("a body that ends early is not judged") {
    std::vector<Block> kept;
    CHECK_THROWS(verdict_on(1000, 0_B_per_iteration, [&] {
        kept.push_back(std::make_unique<char[]>(100));
        if (kept.size() == 900) throw std::runtime_error("failed");
    }));
}

TEST_CASE("a test of each framework fails with the bytes, at the line of its loop") {
    int tried = 0;
    for (const std::string name : {"doctest", "googletest", "catch2"}) {
        const std::string program = std::string(LEAKLINE_BIN_DIR) + "/loop_" + name;
        if (!std::filesystem::exists(program)) {
            MESSAGE("not tried: " << name << " is not installed");
            continue;
        }
        ++tried;
        const std::string source = read_file(std::string(LOOP_SOURCES) + "/" + name + ".cpp");
        const std::string before = source.substr(0, source.find("LEAKLINE_LOOP(1000, 8_B"));
        const std::string line = std::to_string(1 + std::count(before.begin(), before.end(), '\n'));
        const Outcome outcome = run_binary("loop_" + name, {});
        INFO(outcome.out << outcome.err);
        CHECK(outcome.code == 1);
        CHECK(outcome.out.find(name + ".cpp:" + line) != std::string::npos);
        CHECK(outcome.out.find("B per iteration are kept, 8 allowed") != std::string::npos);
        CHECK(outcome.out.find("0 allowed") == std::string::npos);
    }
    CHECK(tried >= 1);
}
