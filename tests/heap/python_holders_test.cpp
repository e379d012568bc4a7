// The agent's answer about what holds memory, and the lines that it belongs to.
#include "heap/python_holders.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

std::string answer(const std::string& file, const std::string& path, const std::string& name = "cache") {
    return "holder\t9500\t9000\tlist\t30\tdict\nvariable\tglobal\t__main__\t" + file + "\t" + name + "\t0\npath\t" + path + "\nframe\t" +
           file + "\t12\t8000\nothers\nframe\t" + file + "\t12\t1000\nend\n";
}

}  // namespace

TEST_CASE("a holder is named after its module's file, and has the line where it is made") {
    const TemporaryDirectory folder;
    const std::string file = folder.path() + "/app.py";
    std::ofstream(file)
        << "import sys\n\ndef f():\n    cache = 1\n\nclass Store:\n    events: list = []\n\ncache == 2\ncache = []\n"
           "class Shop:\n    @cached\n    def sell(self, seen=[]):\n        pass\n    async def buy(self, *, seen={}):\n        pass\n";
    struct Case {
        const char *name, *path, *shown;
        std::uint32_t line;
    };
    for (const Case& one : {Case{"cache", "", "app.cache", 10},
                            {"Store", ".events", "app.Store.events", 7},
                            {"f", " closure variable cache", "app.f closure variable cache", 4},
                            {"f", " default argument seen", "app.f default argument seen", 3},
                            {"Shop", ".sell lru_cache", "app.Shop.sell lru_cache", 13},
                            {"Shop", ".buy default argument seen", "app.Shop.buy default argument seen", 15},
                            {"other", "", "app.other", 0}}) {
        PythonHolders found;
        REQUIRE(heap::add_answer(answer(file, one.path, one.name), found));
        const Holder& holder = found.holders.at(0).holder;
        CHECK(holder.path == one.shown);
        CHECK(holder.line == one.line);
        CHECK(holder.file == (one.line != 0 ? file : ""));
        CHECK(holder.elements == 30);
    }
}

TEST_CASE("the line is found in scripts without an ending, too, and in no file that is not Python's") {
    const TemporaryDirectory folder;
    const auto line_in = [&](const std::string& name, const char* text) {
        const std::string file = folder.path() + "/" + name;
        std::ofstream(file) << text;
        PythonHolders found;
        REQUIRE(heap::add_answer(answer(file, ""), found));
        return found.holders.at(0).holder.line;
    };
    CHECK(line_in("service", "#!/usr/bin/env python3\ncache = []\n") == 2);
    CHECK(line_in("site.wsgi", "cache = []\n") == 1);
    CHECK(line_in("service.conf", "cache = []\n") == 0);
    CHECK(line_in("service.sh", "#!/bin/sh\ncache = []\n") == 0);
}

TEST_CASE("a variable that several modules have is named where it is made") {
    const TemporaryDirectory folder;
    const std::string user = folder.path() + "/main.py", maker = folder.path() + "/store.py";
    std::ofstream(user) << "from store import cache\n";
    std::ofstream(maker) << "cache = []\n";
    PythonHolders found;
    REQUIRE(heap::add_answer("holder\t9\t9\tlist\t3\tdict\nvariable\tglobal\t__main__\t" + user + "\tcache\t0\nvariable\tglobal\tstore\t" +
                                 maker + "\tcache\t0\npath\t\nothers\nend\n",
                             found));
    CHECK(found.holders.at(0).holder.path == "store.cache");
    CHECK(found.holders.at(0).holder.file == maker);
}

TEST_CASE("the program's module is named after its file in workers of multiprocessing, and after its package where that was started") {
    const auto named = [](const char* module, const std::string& file) {
        PythonHolders found;
        REQUIRE(heap::add_answer("program\t" + file + "\nholder\t9\t9\tlist\t3\tdict\nvariable\tglobal\t" + module + "\t" + file +
                                     "\tcache\t0\npath\t\nothers\ntype\t" + module + ".Event\t3\t2\t3\t3\t2\t3\nend\n",
                                 found));
        CHECK(found.types.at(0).name == found.holders.at(0).holder.path.substr(0, found.holders[0].holder.path.rfind('.')) + ".Event");
        return found.holders[0].holder.path;
    };
    CHECK(named("__main__", "/none/app.py") == "app.cache");
    CHECK(named("__mp_main__", "/none/app.py") == "app.cache");
    CHECK(named("__main__", "/none/ledger/__main__.py") == "ledger.__main__.cache");
    CHECK(named("__main__", "/none/app.pyz/__main__.py") == "app.pyz.__main__.cache");
    CHECK(named("__main__", "__main__.py") == "__main__.cache");
    CHECK(named("__main__", "") == "__main__.cache");
    CHECK(named("ledger.store", "/none/ledger/store.py") == "ledger.store.cache");
}

TEST_CASE("only the last complete part of an answer counts, and damage is passed over") {
    PythonHolders found;
    CHECK_FALSE(heap::add_answer("", found));
    CHECK_FALSE(heap::add_answer("holder\t1\t1\tlist\t1\tdict\n", found));
    REQUIRE(heap::add_answer(
        "holder\t1\t1\tset\t1\tstr\nothers\nend\nholder\tx\tlist\nholder\t7\t6\tlist\t1\t\nframe\n\npath\nothers\nend\nholder\t1", found));
    REQUIRE(found.holders.size() == 1);
    CHECK(found.holders[0].holder.bytes == 7);
    CHECK(found.holders[0].holder.type == "list");
}

TEST_CASE("the same variable of several processes is one holder, and what is lost is added up") {
    PythonHolders found;
    REQUIRE(heap::add_answer(answer("/none/app.py", ""), found));
    REQUIRE(heap::add_answer(answer("/none/app.py", "") + "lost\t3\t100\nframe\t/none/app.py\t7\t100\nend\n", found));
    REQUIRE(found.holders.size() == 1);
    const Holder& holder = found.holders[0].holder;
    CHECK(holder.bytes == 9500);
    CHECK(holder.growth_bytes == 9000);
    CHECK(holder.elements == 30u);
    CHECK(found.lost_blocks == 3);
    CHECK(found.lost_bytes == 100);
    REQUIRE(found.lost.size() == 1);
    CHECK(found.lost[0].line == 7);
    REQUIRE(heap::add_answer(answer("/none/app.py", ""), found));
    REQUIRE(found.holders.size() == 1);
    CHECK(found.holders[0].holder.elements == 60u);
    CHECK(found.holders[0].lines.size() == 2);
}

TEST_CASE("objects are counted by type, and classes of the program are named after its file") {
    PythonHolders found;
    const std::string one =
        "program\t/srv/app.py\ntype\t__main__.Event\t30\t20\t3\t3000\t2000\t300\ntype\tdict\t7\t0\t0\t0\t0\t0\ntype\tbad\t1\nend\n";
    REQUIRE(heap::add_answer(one, found));
    REQUIRE(heap::add_answer(one + "program\t/srv/app.py\ntype\t__main__.Event\t10\t5\t4\t1000\t500\t400\nend\n", found));
    REQUIRE(found.types.size() == 2);
    const ObjectType& event = found.types[0];
    CHECK(event.name == "app.Event");
    CHECK(event.objects == 40);
    CHECK(event.growth_objects == 25);
    CHECK(event.growth_error_objects == doctest::Approx(5));
    CHECK(event.bytes == 4000);
    CHECK(event.growth_bytes == 2500);
    CHECK(event.growth_error_bytes == doctest::Approx(500));
    CHECK(found.types[1].name == "dict");
}

TEST_CASE("what only native code holds is a holder without a name, and what is lost is known by type") {
    PythonHolders found;
    REQUIRE(
        heap::add_answer("program\t/srv/app.py\nholder\t90\t80\ttuple\t12\t\nvariable\tnative\t\t\t\t0\npath\t\nframe\t/srv/app.py\t3\t80\n"
                         "others\nlost\t7\t300\nlost_type\t__main__.Node\t5\t7\t300\nend\n",
                         found));
    for (int again = 0; again < 2; ++again) {
        REQUIRE(found.holders.size() == 1);
        const Holder& holder = found.holders[0].holder;
        CHECK(holder.root == Holder::Root::native_code);
        CHECK(holder.path.empty());
        CHECK(holder.type == "tuple");
        CHECK(holder.elements == 12u);
        CHECK(found.holders[0].lines.at(0).bytes == 80);
        REQUIRE(found.lost_kinds.size() == 1);
        CHECK(found.lost_kinds[0].type == "app.Node");
        CHECK(found.lost_kinds[0].count == 5);
        CHECK(found.lost_kinds[0].bytes == 300);
        // The same from a recording.
        PythonHolders stored;
        REQUIRE(heap::add_answer(heap::answer_of(found), stored));
        found = std::move(stored);
    }
}

TEST_CASE("an answer says what was weighed for it") {
    CHECK(heap::weighed_in("total\t1\t2\nend\ntotal\t30\t900\nothers\nend\ntotal\t5\t").blocks == 30);
    CHECK(heap::weighed_in("total\t30\t900\nend\n").bytes == 900);
    CHECK(heap::weighed_in("others\nend\n").bytes == 0);
}

TEST_CASE("between two searches, types grow by their numbers of objects") {
    HolderReport before, after;
    before.bytes = 100;
    before.types = {{"dict", 10, 0, 0, 0, {}, {}}};
    after.bytes = 400;
    after.types = {{"dict", 25, 0, 7, 300, 2.0, {}}, {"app.Event", 3, 0, 2, 100, {}, {}}};
    after = heap::growth_between_searches(before, after, std::chrono::seconds(5));
    CHECK(after.growth_bytes == 300);
    CHECK(after.types[0].growth_objects == 15);
    CHECK_FALSE(after.types[0].growth_error_objects.has_value());
    CHECK(after.types[1].growth_objects == 3);
}
