#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include <leakline/loop.hpp>

#include <memory>
#include <vector>

TEST_CASE("leaks") {
    static std::vector<std::unique_ptr<char[]>> kept;
    LEAKLINE_LOOP(1000, 8_B_per_iteration) { kept.push_back(std::make_unique<char[]>(100)); }
}

TEST_CASE("does not leak") {
    LEAKLINE_LOOP(1000, 0_B_per_iteration) { std::vector<int> freed(100); }
}
