#include "unwind/internal/rule_cache.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <thread>
#include <vector>

using leakline::unwind::FrameRule;
using leakline::unwind::RuleCache;

namespace {

FrameRule rule_for(std::uintptr_t address) {
    return {FrameRule::Cfa::sp_plus, FrameRule::Bp::kept, static_cast<std::int32_t>(address % 100000) * 8, 0};
}

void forget(RuleCache& cache) {
    cache.suspend();
    cache.forget_all();
}

}  // namespace

TEST_CASE("a rule is found under its address until everything is forgotten") {
    const auto cache = std::make_unique<RuleCache>();
    CHECK(!cache->find(0x401000, cache->generation()));
    cache->put(0x401000, cache->generation(), rule_for(0x401000));
    CHECK(cache->find(0x401000, cache->generation()) == rule_for(0x401000));
    CHECK(!cache->find(0x401001, cache->generation()));
    const std::uint32_t before = cache->generation();
    forget(*cache);
    CHECK(cache->generation() == before + 1);
    CHECK(!cache->find(0x401000, cache->generation()));
    cache->put(0x402000, before, rule_for(0x402000));  // found before the unloading
    CHECK(!cache->find(0x402000, cache->generation()));
}

TEST_CASE("while anybody has it suspended it is not to be used, and then under a generation that never was") {
    const auto cache = std::make_unique<RuleCache>();
    const std::uint32_t before = cache->generation();
    cache->suspend();
    CHECK(cache->generation() == RuleCache::kLastGeneration);
    cache->suspend();
    cache->forget_all();
    CHECK(cache->generation() == RuleCache::kLastGeneration);
    cache->put(0x401000, before, rule_for(0x401000));  // by one who began before
    cache->forget_all();
    CHECK(cache->generation() > before);
    CHECK(cache->generation() < RuleCache::kLastGeneration);
    CHECK(!cache->find(0x401000, cache->generation()));
}

TEST_CASE("the last generation is never left") {
    const auto cache = std::make_unique<RuleCache>();
    for (std::uint32_t i = 0; i < RuleCache::kLastGeneration + 10; ++i) forget(*cache);
    CHECK(cache->generation() == RuleCache::kLastGeneration);
}

TEST_CASE("with more addresses than it has room for, what it finds is right") {
    const auto cache = std::make_unique<RuleCache>();
    std::size_t found = 0;
    for (std::uintptr_t address = 0x7f0000000000; address < 0x7f0000000000 + 200000; ++address) cache->put(address, 0, rule_for(address));
    for (std::uintptr_t address = 0x7f0000000000; address < 0x7f0000000000 + 200000; ++address) {
        const auto rule = cache->find(address, 0);
        if (!rule) continue;
        ++found;
        REQUIRE(*rule == rule_for(address));
    }
    CHECK(found > 20000);
}

TEST_CASE("threads that put, find and forget at once find only what belongs to an address") {
    const auto cache = std::make_unique<RuleCache>();
    std::atomic<int> wrong{0}, found{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (std::uintptr_t i = 0; i < 100000; ++i) {
                const std::uintptr_t address = 0x555500000000 + (i * 7919 + static_cast<std::uintptr_t>(t)) % 30000;
                if (i % 5000 == 0 && t == 0) forget(*cache);
                const std::uint32_t generation = cache->generation();
                if (generation == RuleCache::kLastGeneration) continue;
                if (const auto rule = cache->find(address, generation)) {
                    ++found;
                    if (*rule != rule_for(address)) ++wrong;
                } else {
                    cache->put(address, generation, rule_for(address));
                }
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(found > 0);
}
