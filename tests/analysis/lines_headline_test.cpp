// The line that a report names first, and the code that growth is never charged to.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "analysis/lines/code_kind.hpp"
#include "analysis/lines/internal/user_lines.hpp"
#include "analysis/lines/lines.hpp"
#include "profile_builder.hpp"

using namespace leakline;
using namespace leakline::analysis;
using namespace std::chrono_literals;

namespace {

const test::At kString{"std::__cxx11::basic_string<char>::basic_string(std::__cxx11::basic_string<char> const&)",
                       "/usr/include/c++/12/bits/basic_string.h", 450};
const test::At kNode{"std::_Hashtable<int, Order>::_M_emplace(int, Order&&)", "/usr/include/c++/12/bits/hashtable.h", 900};
const test::At kStore{"Store::keep(Order)", "/src/store.cpp", 44};
const test::At kHandle{"handle(int)", "/src/server.cpp", 80};
const test::At kLoop{"serve()", "/src/server.cpp", 12};

// What is kept of the traces in each of eight rounds of 1000 requests: bytes and blocks.
struct Kept {
    TraceId trace;
    std::uint64_t bytes = 0, blocks = 0, freed_again = 0;  // blocks
};
LineReport report_of(test::ProfileBuilder& builder, const std::vector<Kept>& kept, const LineOptions& options = {}) {
    for (int round = 0; round < 8; ++round) {
        for (const Kept& k : kept) {
            builder.allocate(k.trace, k.bytes, k.blocks + k.freed_again);
            if (k.freed_again > 0) builder.release(k.trace, k.bytes, k.freed_again);
        }
        builder.round_end();
    }
    return grow_lines(builder.profile(), options);
}

std::string headline_of(const LineReport& report) {
    if (!report.headline) return "none";
    return report.headline->line.at.file + ":" + std::to_string(report.headline->line.at.line);
}

std::string sum_of(const LineReport& report) {
    std::int64_t sum = report.accounting.unattributed_bytes;
    for (const LineGrowth& line : report.lines) sum += line.growth_bytes;
    return std::to_string(sum) + " of " + std::to_string(report.accounting.live_delta_bytes);
}

}  // namespace

TEST_CASE("what the compiler's copies of a record allocate is charged to the statement that copies it, and summed there") {
    // by_id.emplace(order.id, std::move(order)): a node, the key's copy, and the record's parts, in members that no one wrote.
    const test::At copy{"Order::Order(Order const&)", "/src/order.hpp", 28};
    const test::At move{"Order::Order(Order&&)", "/src/order.hpp", 28};
    const test::At assign{"Order::operator=(Order const&)", "/src/order.hpp", 28};
    test::ProfileBuilder builder;
    const TraceId node = builder.trace({kNode, kStore, kHandle, kLoop});
    const TraceId copied = builder.trace({kString, copy, kNode, kStore, kHandle, kLoop});
    const TraceId moved = builder.trace({kString, move, kNode, kStore, kHandle, kLoop});
    const TraceId assigned = builder.trace({kString, assign, kStore, kHandle, kLoop});
    const LineReport report =
        report_of(builder, {{node, 120, 1000, 0}, {copied, 67, 1000, 0}, {moved, 40, 1000, 0}, {assigned, 40, 1000, 0}});
    CHECK(headline_of(report) == "/src/store.cpp:44");
    REQUIRE(report.headline);
    CHECK(report.headline->line.growth_bytes == 7 * 267'000);
    CHECK(report.headline->line.bytes_per_request->estimate == doctest::Approx(267));
    CHECK(report.headline->line.leaking);
    CHECK(report.headline->share == doctest::Approx(1));
    CHECK(report.headline->elsewhere == 0);
    REQUIRE(report.lines.size() == 1);
    CHECK(report.lines[0].growth_bytes == 7 * 267'000);
    CHECK(sum_of(report) == "1869000 of 1869000");
}

TEST_CASE("a copy constructor that allocates by itself, or on several lines, is a line like any other") {
    const test::At own{"Buffer::Buffer(Buffer const&)", "/src/buffer.hpp", 12};
    const test::At first{"Big::Big(Big const&)", "/src/big.hpp", 5}, second{"Big::Big(Big const&)", "/src/big.hpp", 6};
    test::ProfileBuilder builder;
    const TraceId a = builder.trace({{"operator new[](unsigned long)", "", 0}, own, kStore});
    const TraceId b = builder.trace({kString, first, kStore}), c = builder.trace({kString, second, kStore});
    const LineReport report = report_of(builder, {{a, 100, 10, 0}, {b, 50, 10, 0}, {c, 20, 10, 0}});
    REQUIRE(report.lines.size() == 3);
    CHECK(report.lines[0].at.file == "/src/buffer.hpp");
    CHECK(report.lines[1].at.line == 5);
    CHECK(report.lines[2].at.line == 6);
}

TEST_CASE("one statement's growth that is split over the lines it calls is summed at that statement") {
    const test::At call{"handle(int)", "/src/server.cpp", 81};
    test::ProfileBuilder builder;
    const TraceId name = builder.trace({{"strdup_name()", "/src/user.c", 10}, {"make_user()", "/src/user.c", 30}, call, kLoop});
    const TraceId body = builder.trace({{"make_user()", "/src/user.c", 31}, call, kLoop});
    const TraceId tags = builder.trace({{"make_tags()", "/src/tags.c", 7}, {"make_user()", "/src/user.c", 32}, call, kLoop});
    const TraceId scratch = builder.trace({{"parse()", "/src/json.c", 5}, kHandle, kLoop});
    const LineReport report = report_of(builder, {{name, 40, 1000, 0}, {body, 60, 1000, 0}, {tags, 20, 3000, 0}, {scratch, 500, 0, 4000}});
    CHECK(headline_of(report) == "/src/server.cpp:81");
    CHECK(report.headline->line.bytes_per_request->estimate == doctest::Approx(160));
    CHECK(report.headline->lines == 3);
    CHECK(report.lines.size() == 4);
    CHECK(sum_of(report) == "1120000 of 1120000");
}

TEST_CASE("parts of a record that a handler makes are summed at its own line, not at the server's call of a std::function") {
    const test::At call{"std::function<void (Request&)>::operator()(Request&) const", "/usr/include/c++/12/bits/std_function.h", 591};
    const test::At invoke{"operator()", "/usr/include/c++/12/bits/std_function.h", 591};  // inlined: without its class
    const test::At session{"handle(Request&)", "/src/api.cpp", 5}, timer{"handle(Request&)", "/src/api.cpp", 6};
    for (const test::At& through : {call, invoke}) {
        test::ProfileBuilder builder;
        const TraceId a = builder.trace({session, through, kHandle, kLoop}), b = builder.trace({kString, session, through, kHandle, kLoop});
        const TraceId c = builder.trace({timer, through, kHandle, kLoop});
        const LineReport report = report_of(builder, {{a, 100, 1000, 0}, {b, 260, 1000, 0}, {c, 140, 1000, 0}});
        CHECK(headline_of(report) == "/src/api.cpp:5");
        REQUIRE(report.headline);
        CHECK(report.headline->line.bytes_per_request->estimate == doctest::Approx(500));
        CHECK(report.headline->elsewhere == 0);
    }
}

TEST_CASE("what an event loop keeps is put down to the line that gave it the work, not to the line that runs it") {
    const test::At run{"boost::asio::detail::scheduler::run(boost::system::error_code&)",
                       "/usr/include/boost/asio/detail/impl/scheduler.ipp", 204};
    const test::At spawn{"boost::asio::detail::co_spawn_entry_point()", "/usr/include/boost/asio/impl/co_spawn.hpp", 80};
    const test::At main{"main", "/src/main.cpp", 24}, session{"session(tcp::socket)", "/src/main.cpp", 20};
    test::ProfileBuilder builder;
    const test::At timers{"std::vector<heap_entry>::push_back(heap_entry&&)", "/usr/include/c++/12/bits/stl_vector.h", 1296};
    const TraceId inside = builder.trace({spawn, run, main}), given = builder.trace({spawn, session, run, main});
    const TraceId queue = builder.trace({timers, spawn, run, main});
    CHECK(headline_of(report_of(builder, {{inside, 200, 4190, 0}, {given, 290, 1000, 0}, {queue, 8192, 1, 0}})) == "/src/main.cpp:20");
    test::ProfileBuilder alone;
    const TraceId only = alone.trace({spawn, run, main});
    CHECK(headline_of(report_of(alone, {{only, 200, 4190, 0}})) == "/src/main.cpp:24");
}

TEST_CASE("a line that has most of the growth by itself is named, however many lines call it") {
    test::ProfileBuilder builder;
    std::vector<Kept> kept;
    for (std::uint32_t caller = 1; caller <= 5; ++caller)
        kept.push_back({builder.trace({{"insert()", "/src/cache.c", 9}, {"handler()", "/src/api.c", caller}, kLoop}), 100, 100, 0});
    kept.push_back({builder.trace({{"log()", "/src/log.c", 3}, kLoop}), 20, 100, 0});
    const LineReport report = report_of(builder, kept);
    CHECK(headline_of(report) == "/src/cache.c:9");
    CHECK(report.headline->line.growth_bytes == 7 * 50'000);
    CHECK(report.headline->elsewhere == 1);
}

TEST_CASE("of two leaks the larger is named, not the line that dispatches every request") {
    const test::At dispatch{"dispatch()", "/src/server.c", 20};
    SUBCASE("whose temporaries pass through it as well") {
        test::ProfileBuilder builder;
        const TraceId a = builder.trace({{"remember()", "/src/a.c", 1}, dispatch, kLoop});
        const TraceId b = builder.trace({{"audit()", "/src/b.c", 2}, dispatch, kLoop});
        const TraceId temporary = builder.trace({{"parse()", "/src/json.c", 3}, dispatch, kLoop});
        const LineReport report = report_of(builder, {{a, 45, 1000, 0}, {b, 40, 1000, 0}, {temporary, 200, 0, 3000}});
        CHECK(headline_of(report) == "/src/a.c:1");
        CHECK(report.headline->elsewhere == 1);
    }
    SUBCASE("of which each kind of request has its own") {
        test::ProfileBuilder builder;
        const TraceId a = builder.trace({{"remember()", "/src/a.c", 1}, dispatch, kLoop});
        const TraceId b = builder.trace({{"audit()", "/src/b.c", 2}, dispatch, kLoop});
        const LineReport report = report_of(builder, {{a, 60, 1000, 0}, {b, 100, 410, 0}});
        CHECK(headline_of(report) == "/src/a.c:1");
    }
}

TEST_CASE("two leaks in equal shares are each named at their own line, not at the line that calls both") {
    const test::At chunk{"std::deque<char*>::push_back(char* const&)", "/usr/include/c++/12/bits/stl_deque.h", 1600};
    const test::At remember{"remember()", "/src/a.cpp", 1}, audit{"audit()", "/src/b.cpp", 2};
    const test::At call_one{"handle(int)", "/src/server.cpp", 50}, call_two{"handle(int)", "/src/server.cpp", 51};
    test::ProfileBuilder builder;
    const TraceId a = builder.trace({remember, call_one, kLoop}), b = builder.trace({audit, call_two, kLoop});
    const TraceId chunks_a = builder.trace({chunk, remember, call_one, kLoop}), chunks_b = builder.trace({chunk, audit, call_two, kLoop});
    const LineReport report = report_of(builder, {{a, 101, 1000, 0}, {b, 100, 1000, 0}, {chunks_a, 512, 16, 0}, {chunks_b, 512, 16, 0}});
    CHECK(headline_of(report) == "/src/a.cpp:1");
    REQUIRE(report.headline);
    CHECK(report.headline->line.bytes_per_request->estimate == doctest::Approx(101 + 8.192));
    CHECK(report.headline->share == doctest::Approx(0.5).epsilon(0.01));
    CHECK(report.headline->elsewhere == 1);
}

TEST_CASE("a record that is made by one line and kept by another is named where it is kept, with the sum of its parts") {
    const test::At parse{"parse(std::string const&)", "/src/parse.cpp", 70}, items{"parse(std::string const&)", "/src/parse.cpp", 71};
    const test::At make{"handle(int)", "/src/server.cpp", 50}, keep{"handle(int)", "/src/server.cpp", 53};
    const test::At member{"std::vector<int>::push_back(int const&)", "/usr/include/c++/12/bits/stl_vector.h", 1280};
    const test::At rehash{"std::_Hashtable<int, Order>::_M_rehash(unsigned long)", "/usr/include/c++/12/bits/hashtable.h", 2500};
    const test::At emplace{"std::unordered_map<int, Order>::emplace<int&, Order>(int&, Order&&)",
                           "/usr/include/c++/12/bits/unordered_map.h", 390};
    for (const std::uint64_t body : {100u, 5000u}) {  // split over lines, or nearly all of it on one
        CAPTURE(body);
        test::ProfileBuilder builder;
        const TraceId text = builder.trace({kString, parse, make, kLoop});
        const TraceId numbers = builder.trace({member, items, make, kLoop});  // a vector in each record
        const TraceId node = builder.trace({kNode, emplace, keep, kLoop});
        const TraceId table = builder.trace({rehash, emplace, keep, kLoop});
        // A kind of request without the text and the numbers leaves a record as well.
        const std::uint64_t with_text = 700;
        const LineReport report = report_of(
            builder,
            {{text, body, with_text, 0}, {numbers, 80, with_text, 0}, {node, 90, 1000, 0}, {table, 800, body == 100 ? 1u : 0u, 0}});
        CHECK(headline_of(report) == "/src/server.cpp:53");
        REQUIRE(report.headline);
        CHECK(report.headline->line.bytes_per_request->estimate ==
              doctest::Approx(static_cast<double>(body + 80) * 0.7 + 90).epsilon(0.01));
    }
}

TEST_CASE("a line that allocates nearly all is named, also where the next line of its function puts the block into a vector") {
    const test::At make{"keep(unsigned long)", "/src/keep.cpp", 20}, put{"keep(unsigned long)", "/src/keep.cpp", 22};
    const test::At push{"std::vector<char*>::push_back(char* const&)", "/usr/include/c++/12/bits/stl_vector.h", 1280};
    for (const std::uint64_t steps : {0u, 1u}) {  // whether the vector was seen to double
        CAPTURE(steps);
        test::ProfileBuilder builder;
        const TraceId block = builder.trace({make, kLoop}), pointers = builder.trace({push, put, kLoop});
        const LineReport report = report_of(builder, {{block, 8192, 1000, 0}, {pointers, 8000, steps, 0}});
        CHECK(headline_of(report) == "/src/keep.cpp:20");
    }
}

TEST_CASE("insertions into containers are known by their names") {
    for (const char* name : {"std::vector<Order>::push_back(Order const&)", "std::deque<int>::emplace_back<int>(int&&)",
                             "alloc::vec::Vec<T,A>::push", "hashbrown::map::HashMap<K,V,S,A>::insert", "g_array_append"})
        CHECK_MESSAGE(insertion_of(name) == (std::string_view(name).starts_with("hashbrown") ? Insertion::node : Insertion::block), name);
    for (const char* name :
         {"std::map<int, Order>::operator[](int&&)", "std::unordered_map<int, Order>::emplace<int&, Order>(int&, Order&&)",
          "std::list<Order>::push_back(Order&&)", "g_hash_table_insert", "g_list_append"})
        CHECK_MESSAGE(insertion_of(name) == Insertion::node, name);
    // Inlined functions come without their class.
    const std::string headers = "/usr/include/c++/12/bits/";
    CHECK(insertion_of("emplace<std::string&, Order>", headers + "unordered_map.h") == Insertion::node);
    CHECK(insertion_of("_Scoped_node<std::string&, Order>", headers + "hashtable.h") == Insertion::node);
    CHECK(insertion_of("_M_realloc_insert<Order const&>", headers + "vector.tcc") == Insertion::block);
    CHECK(insertion_of("append", headers + "basic_string.h") == Insertion::none);
    CHECK(insertion_of("push", "/src/stack.cpp") == Insertion::none);
    for (const char* name : {"std::__cxx11::basic_string<char>::append(char const*)", "operator new(unsigned long)",
                             "std::vector<int>::reserve(unsigned long)", "std::make_shared<Session>()"})
        CHECK_MESSAGE(insertion_of(name) == Insertion::none, name);
}

TEST_CASE("functions named after what they hand out are passed over, unless the stack has no other user code") {
    test::ProfileBuilder builder;
    const TraceId wrapped = builder.trace({{"mg_calloc(unsigned long)", "/src/mem.c", 4}, {"accept()", "/src/net.c", 90}});
    const TraceId own_new = builder.trace({{"operator new(unsigned long)", "/src/new.cpp", 8}, kString, kStore});
    const TraceId alone = builder.trace({{"xmalloc", "/src/mem.c", 9}, {"start_thread", "", 0}}, "/lib/x86_64-linux-gnu/libc.so.6");
    const TraceId only = builder.trace({{"xmalloc", "/src/mem.c", 9}});
    (void)alone;
    const LineReport report = report_of(builder, {{wrapped, 100, 10, 0}, {own_new, 50, 10, 0}, {only, 10, 10, 0}});
    REQUIRE(report.lines.size() == 3);
    CHECK(report.lines[0].at.file == "/src/net.c");
    CHECK(report.lines[1].at.file == "/src/store.cpp");
    CHECK(report.lines[2].at.file == "/src/mem.c");
    CHECK(report.lines[2].at.line == 9);

    for (const char* name : {"xmalloc", "zmalloc(unsigned long)", "g_strdup", "ns::Arena<int>::allocate(unsigned long)", "xstrndup",
                             "operator new[](unsigned long)", "safe_realloc(void*, unsigned long)", "g_malloc0_n", "my_alloc", "ngx_palloc",
                             "memAlloc(unsigned long)", "apr_pstrdup", "pool_alloc"})
        CHECK_MESSAGE(is_allocator_name(name), name);
    for (const char* name : {"handle_malloc_error()", "allocate", "make_user()", "Store::keep(Order)", "strdup_all", "grow_by_realloc()",
                             "session_alloc", "Pool::alloc(int)", "realloc_session"})
        CHECK_FALSE_MESSAGE(is_allocator_name(name), name);
}

TEST_CASE("a function that most allocation sites go through is passed over; one that only keeps is not") {
    const auto growth_at = [](std::uint64_t freed_again) {
        test::ProfileBuilder builder;
        std::vector<Kept> kept;
        for (std::uint32_t site = 1; site <= 20; ++site)
            kept.push_back({builder.trace({{"get_memory()", "/src/mem.c", 4}, {"work()", "/src/work.c", site}, kLoop}), 10,
                            site == 7 ? 100u : 0u, freed_again});
        return headline_of(report_of(builder, kept));
    };
    CHECK(growth_at(100) == "/src/work.c:7");
    CHECK(growth_at(0) == "/src/mem.c:4");
}

TEST_CASE("copying members are known by their signature") {
    for (const char* name : {"Order::Order(Order&&)", "Order::Order(Order const&)", "a::B<int>::B(a::B<int> const&)",
                             "Order::operator=(Order&&)", "ns::Order::operator=(ns::Order const&)"})
        CHECK_MESSAGE(is_copying_member(name), name);
    for (const char* name : {"Order::Order()", "Order::Order(std::string const&)", "Order::~Order()", "keep(Order const&)",
                             "Order::same(Order const&)", "Order::Order(Order*)"})
        CHECK_FALSE_MESSAGE(is_copying_member(name), name);
}

TEST_CASE("Rust's own library and fetched packages are not user code, and --only asks for them all the same") {
    test::ProfileBuilder builder;
    const TraceId trace =
        builder.trace({{"alloc::alloc::alloc", "/rustc/59807616e1fa/library/alloc/src/alloc.rs", 95},
                       {"<alloc::vec::Vec<u8>>::push", "library/alloc/src/vec/mod.rs", 992},
                       {"bytes::BytesMut::reserve", "/home/me/.cargo/registry/src/index.crates.io-6f17/bytes-1.7/src/lib.rs", 5},
                       {"svc::remember", "/home/me/svc/src/main.rs", 7},
                       {"core::ops::function::FnOnce::call_once", "/rustc/59807616e1fa/library/core/src/ops/function.rs", 250}});
    CHECK(headline_of(report_of(builder, {{trace, 24, 1000, 0}})) == "/home/me/svc/src/main.rs:7");
    LineOptions options;
    options.only = {"bytes-1.7"};
    CHECK(grow_lines(builder.profile(), options).lines[0].at.line == 5);
    CHECK_FALSE(is_user_code("", "/opt/svc", "alloc::vec::Vec<T,A>::push"));
    CHECK(is_user_code("", "/opt/svc", "svc::remember"));
}

TEST_CASE("an interpreter's own lines are no user code, and the report says what gives the lines of its programs") {
    test::ProfileBuilder builder;
    builder.profile().command = "python3 server.py";
    const auto at = [&](const char* function, const char* file, std::uint32_t line, const char* module, TraceId parent) {
        return builder.node(builder.ip({{function, file, line}}, module), parent);
    };
    const TraceId main = at("_PyEval_EvalFrameDefault", "../Python/ceval.c", 4181, "/usr/bin/python3.11", {});
    const TraceId list = at("list_resize", "../Objects/listobject.c", 81, "/usr/bin/python3.11", main);
    const std::string extension = "/srv/venv/lib/python3.11/site-packages/fast/_fast.cpython-311-x86_64-linux-gnu.so";
    SUBCASE("which hold the growth") {
        const LineReport report = report_of(builder, {{list, 845, 1000, 0}});
        CHECK(headline_of(report) == "none");
        CHECK(report.runtime == Runtime::python);
        CHECK(report.unavailable == "lines of Python code cannot be recorded here; to get them, use `memray run` or tracemalloc");
        CHECK_FALSE(report.lines[0].user_code);
    }
    SUBCASE("or call an extension of the user's that does") {
        const TraceId own = at("fast_append", "src/fast.c", 33, extension.c_str(), main);
        CHECK(headline_of(report_of(builder, {{list, 4, 10, 0}, {own, 800, 1000, 0}})) == "src/fast.c:33");
    }
    SUBCASE("or call an extension, where the recording has the line of Python that does") {
        const TraceId line = builder.node(builder.ip({{"do_POST", "/srv/server.py", 12}}, ""), {});
        const TraceId own = at("fast_append", "src/fast.c", 33, extension.c_str(), line);
        CHECK(headline_of(report_of(builder, {{list, 4, 10, 0}, {own, 800, 1000, 0}})) == "/srv/server.py:12");
    }
}

TEST_CASE("the statement that starts a Python program is not named for all that it allocates, and a package's script is no user code") {
    for (const test::At& start : {test::At{"<module>", "/srv/app.py", 40}, {"<module>", "/usr/bin/gunicorn", 33}}) {
        test::ProfileBuilder builder;
        builder.profile().command = "gunicorn: worker [app]";
        const TraceId made =
            builder.trace({{"dumps", "/usr/lib/python3.11/json/__init__.py", 231}, {"handle", "/srv/app.py", 30}, start}, "");
        const TraceId kept = builder.trace({{"keep", "/srv/app.py", 12}, {"handle", "/srv/app.py", 28}, start}, "");
        const TraceId inner = builder.trace({{"feed", "/usr/lib/python3.11/asyncio/streams.py", 90}, start}, "");
        const LineReport report = report_of(builder, {{made, 500, 1000, 0}, {kept, 300, 1000, 0}, {inner, 200, 1000, 0}});
        CHECK(headline_of(report) == "/srv/app.py:30");
        CHECK(report.runtime == Runtime::python);
        CHECK(report.unavailable.empty());
    }
}

TEST_CASE("what a server in Python keeps is put down to the handler, not to the line that runs its event loop") {
    for (const test::At& loop : {test::At{"BaseEventLoop.run_forever", "/usr/lib/python3.11/asyncio/base_events.py", 607},
                                 test::At{"serve_forever", "/usr/lib/python3.9/socketserver.py", 232}}) {
        for (const test::At& start : {test::At{"<module>", "/srv/app.py", 40}, test::At{"main", "/srv/app.py", 36}}) {
            // The headers are made by the library before it calls the handler, which keeps them.
            const test::At parse{"data_received", "/usr/lib/python3/dist-packages/aiohttp/web_protocol.py", 300};
            test::ProfileBuilder builder;
            const TraceId parsed = builder.trace({parse, loop, start}, "");
            const TraceId made = builder.trace({{"audit", "/srv/app.py", 9}, parse, loop, start}, "");
            const TraceId kept = builder.trace({{"audit", "/srv/app.py", 11}, parse, loop, start}, "");
            CHECK(headline_of(report_of(builder, {{parsed, 380, 1010, 0}, {made, 242, 1000, 0}, {kept, 8, 1003, 0}})) == "/srv/app.py:9");
            test::ProfileBuilder alone;
            const TraceId only = alone.trace({parse, loop, start}, "");
            CHECK(headline_of(report_of(alone, {{only, 380, 1000, 0}})) == start.file + (":" + std::to_string(start.line)));
        }
    }
}

TEST_CASE("a native service that is called like an interpreter stays native") {
    test::ProfileBuilder builder;
    builder.profile().command = "./node --port 80";
    const TraceId trace = builder.node(builder.ip({{"Chain::append(Block)", "/src/chain.cpp", 5}}, "/opt/coin/node"), {});
    const LineReport report = report_of(builder, {{trace, 100, 100, 0}});
    CHECK(report.runtime == Runtime::native);
    CHECK(report.unavailable.empty());
    CHECK(headline_of(report) == "/src/chain.cpp:5");
    for (const auto& each : std::vector<std::pair<std::string, Runtime>>{{"/usr/lib/jvm/java-17/lib/server/libjvm.so", Runtime::java},
                                                                         {"/usr/bin/python3.11", Runtime::python},
                                                                         {"/home/me/venv/bin/python", Runtime::python},
                                                                         {"/usr/bin/node", Runtime::node},
                                                                         {"/usr/bin/pythonista", Runtime::native},
                                                                         {"/usr/lib/libruby-3.1.so.3.1", Runtime::ruby},
                                                                         {"/opt/service", Runtime::native}})
        CHECK_MESSAGE(runtime_of_module(each.first) == each.second, each.first);
}

TEST_CASE("a level is paired with the time of its own mark, so that rates hold where marks are not evenly spaced") {
    // As a recording without rounds has them that halved its marks: 100 ms apart, then 200, 400 and 800.
    for (const bool temporaries : {false, true}) {
        CAPTURE(temporaries);
        test::ProfileBuilder builder;
        const TraceId leak = builder.trace({{"remember()", "/src/a.c", 1}});
        Nanoseconds at{}, step = 100ms;
        std::uint64_t kept = 0, in_flight = 0;
        for (int mark = 0; mark < 240; ++mark) {
            if (mark % 60 == 59) step *= 2;
            at += step;
            const std::uint64_t blocks = static_cast<std::uint64_t>(at / 100ms) - kept;  // 10 a second
            builder.allocate(leak, 1024, blocks);
            kept += blocks;
            builder.release(leak, 1024, in_flight);
            in_flight = temporaries ? static_cast<std::uint64_t>(mark * 7 % 5) : 0;
            builder.allocate(leak, 1024, in_flight);
            builder.mark(HeapMark::Kind::interval, at);
        }
        const LineReport report = grow_lines(builder.profile());
        REQUIRE(report.lines[0].bytes_per_hour);
        CHECK(report.lines[0].bytes_per_hour->estimate == doctest::Approx(10 * 1024.0 * 3600).epsilon(0.02));
        CHECK(report.lines[0].growth_class == GrowthClass::linear);
        CHECK(report.lines[0].leaking);
    }
}

TEST_CASE("what malloc adds to small blocks is an account of its own, and explains its part of resident memory") {
    test::ProfileBuilder builder;
    const TraceId small = builder.trace({{"remember()", "/src/a.c", 1}});
    for (int round = 0; round <= 8; ++round) {
        HeapMark& mark = builder.round_end();
        mark.rss = 10'000'000u + static_cast<unsigned>(round) * 32u * 18'375u;
        mark.overhead_bytes = round * 10 * 18'375;
        builder.allocate(small, 22, 18'375);
    }
    const LineReport report = grow_lines(builder.profile());
    CHECK(report.accounting.live_delta_bytes == 147'000 * 22);
    CHECK(report.accounting.overhead_delta_bytes == 147'000 * 10);
    CHECK(report.accounting.rss_delta_bytes == 147'000 * 32);
    CHECK(report.accounting.other_delta_bytes == 0);
    for (const std::string& warning : report.warnings) CHECK_MESSAGE(warning.find("most of the growth") == warning.npos, warning);
}
