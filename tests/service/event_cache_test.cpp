#include "service/event_cache.hpp"
#include "base/error.hpp"
#include "counted_heap.hpp"
#include "support/fake_clock.hpp"
#include "system/clock.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <thread>

namespace leakline::service {
namespace {

using namespace std::chrono_literals;

CachedEvents record_of(std::mt19937& random) {
    CachedEvents record;
    record.user_id = "user_" + std::to_string(random() % 40);
    if (random() % 8 == 0) record.user_id += std::string(random() % 60, 'u');  // longer than a string keeps inside
    record.events.resize(random() % 5);
    for (std::string& event : record.events) event.assign(random() % 300, 'e');
    return record;
}

void insert(CacheMode& mode, CachedEvents record, Nanoseconds now) {
    CachedRecords one;
    one.push_back(std::move(record));
    mode.insert(std::move(one), now);
}

std::vector<std::string> events_of(CacheMode& mode, const std::string& user, Nanoseconds now = 0s) {
    std::vector<std::string> out;
    mode.collect(user, now, out);
    return out;
}

// Random traffic on a mode, with reads and sweeps between; check runs after every append.
template <class Check>
void drive(CacheMode& mode, int appends, Check check) {
    std::mt19937 random(7);
    Nanoseconds now = 1h;
    for (int i = 0; i < appends; ++i) {
        now += std::chrono::milliseconds(random() % 2000);
        insert(mode, record_of(random), now);
        if (random() % 3 == 0) {
            std::vector<std::string> out;
            mode.collect("user_" + std::to_string(random() % 40), now, out);
        }
        check(now);
    }
}

TEST_CASE("every mode accounts for each byte that it has on the heap") {
    for (const CacheModeRow& row : cache_modes()) {
        CAPTURE(std::string(row.name));
        CacheLimits limits;
        limits.entries = 50;
        limits.bytes = 20'000;
        limits.ttl = 60s;
        const std::size_t before = test::live_bytes();
        const auto mode = row.make(limits);
        const std::size_t object = test::live_bytes() - before;
        // What it had when it was empty is the object itself and, for the ring, its slots.
        std::size_t wrong = 0;
        const Bytes empty = mode->bytes();
        const std::size_t fixed = object - empty;
        drive(*mode, 2000, [&](Nanoseconds now) {
            if (static_cast<int>(now.count()) % 7 == 0) mode->sweep(now);
            wrong += test::live_bytes() - before - fixed != mode->bytes();
        });
        CHECK(wrong == 0);
        CHECK(mode->entries() > 0);
    }
}

TEST_CASE("leaky never forgets and grows with every record") {
    const auto mode = make_leaky({});
    Bytes last = 0;
    std::size_t grown = 0, count = 0;
    drive(*mode, 500, [&](Nanoseconds now) {
        mode->sweep(now);
        grown += mode->bytes() > last;
        last = mode->bytes();
        ++count;
    });
    CHECK(grown == 500);
    CHECK(mode->entries() == count);
}

TEST_CASE("bounded keeps the newest N and drops the oldest") {
    CacheLimits limits;
    limits.entries = 3;
    const auto mode = make_bounded(limits);
    for (int i = 0; i < 5; ++i) insert(*mode, {"u", {"{\"n\":" + std::to_string(i) + "}"}}, 0s);
    CHECK(mode->entries() == 3);
    CHECK(events_of(*mode, "u") == std::vector<std::string>{"{\"n\":2}", "{\"n\":3}", "{\"n\":4}"});
}

TEST_CASE("bounded stays within capacity times the largest record and its slot") {
    CacheLimits limits;
    limits.entries = 64;
    const auto mode = make_bounded(limits);
    // user_id: 66 bytes and an end; 4 events of 299 and an end; 4 strings.
    const Bytes largest = 67 + 4 * 300 + 4 * sizeof(std::string);
    std::size_t over = 0;
    drive(*mode, 5000, [&](Nanoseconds) { over += mode->entries() > 64 || mode->bytes() > 64 * (largest + sizeof(CachedEvents)); });
    CHECK(over == 0);
}

TEST_CASE("lru drops the user unused for longest, and a read is a use") {
    CacheLimits limits;
    limits.entries = 3;
    const auto mode = make_lru(limits);
    for (const char* user : {"a", "b", "c"}) insert(*mode, {user, {user}}, 0s);
    CHECK(events_of(*mode, "a") == std::vector<std::string>{"a"});  // b is the oldest now
    insert(*mode, {"d", {"d"}}, 0s);
    CHECK(events_of(*mode, "b").empty());
    CHECK(mode->entries() == 3);
    CHECK(events_of(*mode, "a") == std::vector<std::string>{"a"});
    CHECK(events_of(*mode, "c") == std::vector<std::string>{"c"});
    CHECK(events_of(*mode, "d") == std::vector<std::string>{"d"});
}

TEST_CASE("lru drops a user with all his records, but of a user alone only the oldest") {
    CacheLimits limits;
    limits.entries = 3;
    const auto mode = make_lru(limits);
    insert(*mode, {"a", {"1"}}, 0s);
    insert(*mode, {"a", {"2"}}, 0s);
    insert(*mode, {"b", {"3"}}, 0s);
    insert(*mode, {"b", {"4"}}, 0s);
    CHECK(events_of(*mode, "a").empty());
    CHECK(events_of(*mode, "b") == std::vector<std::string>{"3", "4"});
    insert(*mode, {"b", {"5"}}, 0s);
    insert(*mode, {"b", {"6"}}, 0s);
    CHECK(events_of(*mode, "b") == std::vector<std::string>{"4", "5", "6"});
}

TEST_CASE("lru does not keep a record that is over the byte limit by itself") {
    CacheLimits limits;
    limits.bytes = 1000;
    const auto mode = make_lru(limits);
    insert(*mode, {"big", {std::string(2000, 'x')}}, 0s);
    CHECK(mode->entries() == 0);
    CHECK(mode->bytes() == 0);
}

TEST_CASE("lru is within both limits after any append") {
    CacheLimits limits;
    limits.entries = 60;
    limits.bytes = 15'000;
    const auto mode = make_lru(limits);
    std::size_t over = 0;
    drive(*mode, 5000, [&](Nanoseconds) { over += mode->entries() > 60 || mode->bytes() > 15'000; });
    CHECK(over == 0);
    CHECK(mode->bytes() > 10'000);  // and uses them
}

TEST_CASE("ttl cache forgets a record at its deadline, and the sweep frees it") {
    CacheLimits limits;
    limits.ttl = 30min;
    const auto mode = make_ttl(limits);
    insert(*mode, {"u", {"{}"}}, 1h);
    CHECK(events_of(*mode, "u", 1h + 30min - 1ns).size() == 1);
    CHECK(events_of(*mode, "u", 1h + 30min).empty());
    CHECK(mode->sweep(1h + 30min - 1ns) == 0);
    CHECK(mode->entries() == 1);
    CHECK(mode->sweep(1h + 30min) == 1);
    CHECK(mode->bytes() == 0);
}

TEST_CASE("ttl holds no more than what arrived within ttl and one sweep interval") {
    CacheLimits limits;
    limits.ttl = 60s;
    const auto mode = make_ttl(limits);
    const Nanoseconds sweep_every = 30s;
    std::deque<Nanoseconds> arrivals;
    Nanoseconds next_sweep = 0s;
    // A list's node with the record and its time, and the record's own heap bytes as above.
    const Bytes largest = 2 * sizeof(void*) + sizeof(CachedEvents) + sizeof(Nanoseconds) + 67 + 4 * 300 + 4 * sizeof(std::string);
    std::size_t over = 0, most = 0;
    drive(*mode, 5000, [&](Nanoseconds now) {
        arrivals.push_back(now);
        while (arrivals.front() <= now - limits.ttl - sweep_every) arrivals.pop_front();
        if (next_sweep == 0s) next_sweep = now + sweep_every;
        for (; now >= next_sweep; next_sweep += sweep_every) mode->sweep(now);
        over += mode->entries() > arrivals.size() || mode->bytes() > arrivals.size() * largest;
        most = std::max(most, mode->entries());
    });
    CHECK(over == 0);
    CHECK(most < 500);  // of 5000
}

TEST_CASE("a pending record is not shown, displaces nothing, and leaves nothing behind when it is taken back") {
    test::FakeClock clock;
    for (const CacheModeRow& row : cache_modes()) {
        CAPTURE(std::string(row.name));
        CacheLimits limits;
        limits.entries = 1;
        EventCache cache(row.make(limits), clock);
        cache.keep(cache.append("u", {"{\"saved\":1}"}));
        const EventCache::Size kept = cache.size();
        const std::vector<std::string> saved = {"{\"saved\":1}"};
        const std::size_t heap = test::live_bytes();
        {
            const auto duplicate = cache.append("u", saved), other = cache.append("w", {std::string(500, 'x')});
            CHECK(cache.events_of("u") == saved);
            CHECK(cache.events_of("w").empty());
            CHECK(cache.size().entries == kept.entries);
            CHECK(cache.size().bytes - kept.bytes == test::live_bytes() - heap);
            cache.take_back(duplicate);  // and not its equal, which is saved
            cache.take_back(other);
        }
        CHECK(cache.events_of("u") == saved);
        CHECK(cache.size().bytes == kept.bytes);
        CHECK(test::live_bytes() == heap);
    }
}

TEST_CASE("records that many threads append, keep and take back at once are exactly those that were kept") {
    constexpr int kThreads = 4, kEach = 2000;
    EventCache cache(make_leaky({}), system_clock());
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&cache, t] {
            std::deque<std::pair<EventCache::Pending, int>> waiting;
            const auto settle = [&] {
                const auto [record, n] = waiting.front();
                waiting.pop_front();
                if (n % 3 == 0)
                    cache.take_back(record);
                else
                    cache.keep(record);
            };
            for (int n = 0; n < kEach; ++n) {
                waiting.emplace_back(cache.append("user " + std::to_string(t), {std::to_string(n)}), n);
                if (waiting.size() > 7) settle();
            }
            while (!waiting.empty()) settle();
        });
    for (std::thread& thread : threads) thread.join();
    std::vector<std::string> expected;
    for (int n = 0; n < kEach; ++n)
        if (n % 3 != 0) expected.push_back(std::to_string(n));
    for (int t = 0; t < kThreads; ++t) CHECK(cache.events_of("user " + std::to_string(t)) == expected);
    CHECK(cache.size().entries == kThreads * expected.size());
}

TEST_CASE("the cache stamps records with its clock") {
    test::FakeClock clock;
    CacheLimits limits;
    limits.ttl = 10s;
    EventCache cache(make_ttl(limits), clock);
    cache.keep(cache.append("u", {"{}"}));
    clock.advance(9s);
    CHECK(cache.events_of("u").size() == 1);
    clock.advance(1s);
    CHECK(cache.events_of("u").empty());
    CHECK(cache.sweep() == 1);
    CHECK(cache.size().entries == 0);
}

TEST_CASE("an unknown mode is answered with the nearest and all") {
    CHECK_THROWS_WITH(cache_mode_named("lur"),
                      "--mode: unknown cache mode 'lur'; did you mean 'lru'?\n  hint: the modes are leaky, bounded, lru, ttl");
}

}  // namespace
}  // namespace leakline::service
