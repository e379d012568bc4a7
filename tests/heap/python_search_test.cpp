// The search for Python variables that hold memory, in running programs.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "analysis/verdict/held_by.hpp"
#include "heap/python_holders.hpp"
#include "heap/recorder.hpp"
#include "pythons.hpp"
#include "support/comes_true.hpp"
#include "support/diagnosed.hpp"
#include "system/proc_file.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;

namespace {

const std::string kProgram = std::string(LEAKLINE_SOURCE_DIR) + "/tests/programs/python_holders.py";

enum class With { preloaded, attached };

void wait_for(const std::string& file, Child& program) {
    while (!std::filesystem::exists(file)) REQUIRE_FALSE(program.wait_for(std::chrono::milliseconds(10)).has_value());
}

// A program, recorded from its start or attached to, that has made the file `begin`.
class Recorded {
  public:
    Recorded(const std::vector<std::string>& arguments, const std::string& begin, Bytes interval, With with) {
        heap::RecordOptions options;
        options.with = heap::RecordWith::agent;
        options.sample_interval = interval;
        Command command;
        command.arguments = arguments;
        if (with == With::attached) {
            program_ = Child::start(command);
            wait_for(begin, *program_);
            options.attach_to = program_->pid();
        } else {
            options.command = command;
        }
        recorder_.emplace(heap::Recorder::start(options));
        wait_for(begin, child());
    }
    heap::Recorder& recorder() { return *recorder_; }
    Child& child() { return program_ ? *program_ : recorder_->child(); }

  private:
    std::optional<Child> program_;
    std::optional<heap::Recorder> recorder_;
};

// Once the program has kept all.
PythonHolders search(const std::string& interpreter, With with) {
    const TemporaryDirectory folder;
    const std::string begin = folder.path() + "/begin", done = folder.path() + "/done";
    Recorded recorded({interpreter, kProgram, done, begin}, begin, 1024, with);
    heap::Recorder& recorder = recorded.recorder();
    Child& child = recorded.child();
    std::filesystem::remove(begin);
    wait_for(done, child);
    // Objects that only keep each other alive are looked for where another thread may be changing them: not every copy shows them.
    PythonHolders found;
    for (int copies = 0; copies < 3 && found.lost.empty(); ++copies) {
        REQUIRE(recorder.search_python_holders({}));
        found = recorder.python_holders(std::chrono::seconds(30));
    }
    // The same from outside, as of any process that is recorded.
    const auto report = with == With::attached ? recorder.python_holder_report({}) : heap::find_python_holders(recorder.pid(), {});
    REQUIRE(report.has_value());
    CHECK(report->holders.size() >= 12);
    CHECK(report->bytes > report->holders.front().bytes);
    CHECK(report->holders.front().bytes >= report->holders.back().bytes);
    const auto objects_of = [&](std::string_view type) -> std::uint64_t {
        for (const ObjectType& one : report->types)
            if (one.name == type) return one.objects;
        return 0;
    };
    CHECK(objects_of("python_holders.Event") == 500);
    CHECK(objects_of("python_holders.Store") == 1);
    CHECK(objects_of("dict") >= 6000);
    CHECK(report->types.front().bytes > report->types.back().bytes);
    // All objects by their own sizes: exact, and whatever the samples are.
    const auto all = with == With::attached ? recorder.python_holder_report(heap::kAllObjects)
                                            : heap::find_python_holders(recorder.pid(), heap::kAllObjects);
    REQUIRE(all.has_value());
    for (const std::string name : {"kept_list", "kept_names", "store.own", "compressors"}) {
        CAPTURE(name);
        const auto is_it = [&](const Holder& holder) { return holder.path == "python_holders." + name; };
        const auto holder = std::find_if(all->holders.begin(), all->holders.end(), is_it);
        REQUIRE(holder != all->holders.end());
        CHECK(holder->elements == (name == "compressors" ? 30u : 500u));
        CHECK(holder->bytes > 250'000);
        CHECK(holder->bytes < 1'500'000);
    }
    CHECK(all->bytes > 10'000'000);
    CHECK(std::any_of(all->lost.begin(), all->lost.end(),
                      [](const LostKind& kind) { return kind.type == "python_holders.Node" && kind.count == 500; }));
    recorder.keep(found);
    CHECK(child.running());
    if (with == With::preloaded) child.terminate(std::chrono::seconds(1));
    const int pid = recorder.pid();
    const HeapProfile profile = recorder.finish();
    CHECK(profile.holders.holders.size() == found.holders.size());
    CHECK(profile.holders.types.size() == found.types.size());
    CHECK(profile.holders.lost_bytes == found.lost_bytes);
    CHECK(child.running() == (with == With::attached));
    CHECK_FALSE(heap::find_python_holders(pid, {}).has_value());
    return found;
}

struct Case {
    const char *line, *path, *type;
    unsigned items = 500;
};
const std::vector<Case> kCases = {{"# list", "python_holders.kept_list", "list"},
                                  {"# dict", "python_holders.kept_dict", "dict"},
                                  {"# set", "python_holders.kept_set", "set"},
                                  {"# class", "python_holders.Store.shared", "list"},
                                  {"# default", "python_holders.with_default default argument seen", "list"},
                                  {"# closure", "python_holders.keeper closure variable inside", "list"},
                                  {"# lru_cache", "python_holders.cached lru_cache", "dict"},
                                  {"# handler", "python_holders.logger.handlers", "list"},
                                  {"# thread", "python_holders.local.kept", "list"},
                                  {"# task", "python_holders.tasks", "set"},
                                  {"# traceback", "python_holders.errors", "list"},
                                  {"# object", "python_holders.store.own", "dict"},
                                  {"# key", "python_holders.kept_names", "dict"},
                                  {"# method", "python_holders.Store.add default argument calls", "list"},
                                  {"# native memory", "python_holders.compressors", "list", 30},
                                  {"# native code", "", "tuple"},
                                  {"# cycle", "", ""}};

void check_holders(const std::string& python, With with) {
    const PythonHolders found = search(python, with);
    CAPTURE(python);
    CAPTURE(found.reason);
    const std::vector<ObjectType> grown = analysis::grown_types(found.types);
    const auto dicts = std::find_if(grown.begin(), grown.end(), [](const ObjectType& type) { return type.name == "dict"; });
    REQUIRE(dicts != grown.end());
    CHECK(dicts->growth_objects >= 5000);  // about 7,000 of which nearly all are recorded
    CHECK(static_cast<std::uint64_t>(dicts->growth_objects) <= dicts->objects);
    for (const Case& one : kCases) {
        const std::string line(one.line);
        CAPTURE(line);
        const CodeLine at{"", kProgram, static_cast<std::uint32_t>(test::line_with(kProgram, line + "\n"))};
        const auto held = analysis::what_holds(found, at);
        CHECK(held.has_value());
        if (!held) continue;
        const bool lost = std::string_view(one.type).empty();
        CHECK(held->holder.has_value() != lost);
        if (lost) CHECK(held->lost_type == "python_holders.Node");
        if (lost || !held->holder) continue;
        const bool by_native_code = std::string_view(one.path).empty();
        if (by_native_code && held->holder->path == "sys.modules[\"atexit\"]") continue;  // until 3.9 the module shows them
        CHECK((held->holder->root == Holder::Root::native_code) == by_native_code);
        CHECK(held->holder->path == std::string(one.path));
        CHECK(held->holder->type == std::string(one.type));
        CHECK((held->holder->line > 0) != by_native_code);
        CHECK(held->holder->elements.value_or(0) >= one.items);
    }
}

}  // namespace

TEST_CASE("what holds the memory of a Python program is found in a copy of it, in seventeen ways to leak") {
    const std::vector<std::string> pythons = test::pythons();
    if (pythons.size() < 7) MESSAGE("skipped: " << 7 - pythons.size() << " of 7 interpreters are not installed");
    for (const std::string& python : pythons) check_holders(python, With::preloaded);
}

TEST_CASE("the same is found by an agent that was attached, of what was allocated since, and the program goes on") {
    check_holders("/usr/bin/python3", With::attached);
}

TEST_CASE("a Python process that does nothing is not copied, and the reason is said") {
    const TemporaryDirectory folder;
    const std::string begun = folder.path() + "/begun", go_on = folder.path() + "/go_on";
    heap::RecordOptions options;
    options.with = heap::RecordWith::agent;
    options.command.arguments = {"/usr/bin/python3", "-c",
                                 "import os, sys, time\nopen(sys.argv[1], 'w').close()\nos.mkfifo(sys.argv[2])\n"
                                 "open(sys.argv[2]).read()\nkept = [str(i) * 20 for i in range(100_000)]",
                                 begun, go_on};
    heap::Recorder recorder = heap::Recorder::start(options);
    while (!std::filesystem::exists(go_on)) REQUIRE_FALSE(recorder.child().wait_for(std::chrono::milliseconds(10)).has_value());
    REQUIRE(recorder.search_python_holders({}));
    const PythonHolders found = recorder.python_holders(std::chrono::milliseconds(50));
    CHECK(found.holders.empty());
    CHECK(found.reason == "process " + std::to_string(recorder.pid()) + " has not allocated memory since it was asked");
    std::ofstream(go_on) << "go on";
    CHECK(recorder.child().wait().code == 0);
    recorder.finish();
}

// As a server whose requests run in threads, or one that embeds the interpreter (mod_wsgi).
TEST_CASE("if the main thread of a Python program waits for the others, one of them makes the copy") {
    std::vector<std::string> some = test::pythons();
    some.resize(std::min<std::size_t>(some.size(), 2));
    for (const std::string& python : some) {
        CAPTURE(python);
        const TemporaryDirectory folder;
        const std::string program = folder.path() + "/service.py", begun = folder.path() + "/begun";
        std::ofstream(program) << "import sys, threading, time\n"
                                  "kept = []\n"
                                  "def work():\n"
                                  "    for i in range(20000): kept.append({'user': i, 'name': str(i) * 5})\n"
                                  "    open(sys.argv[1], 'w').close()\n"
                                  "    while True:\n"
                                  "        time.sleep(.001)\n"
                                  "        passing = [str(i) * 9 for i in range(1000)]\n"
                                  "thread = threading.Thread(target=work)\n"
                                  "thread.start()\n"
                                  "thread.join()\n";
        Recorded recorded({python, program, begun}, begun, 4096, With::preloaded);
        REQUIRE(recorded.recorder().search_python_holders({}));
        const PythonHolders found = recorded.recorder().python_holders(std::chrono::seconds(30));
        CHECK(found.reason == "");
        CHECK(std::any_of(found.holders.begin(), found.holders.end(), [](const PythonHolder& one) {
            return one.holder.path == "service.kept" && one.holder.elements == 20'000u && one.holder.element_type == "dict";
        }));
        CHECK(recorded.child().running());
        recorded.child().terminate(std::chrono::seconds(1));
        recorded.recorder().finish();
    }
}

namespace {

constexpr const char* kReplacesItself =
    "import os, sys, time\n"
    "kept = [[str(i)] for i in range(400_000)]\n"  // the copy works for a while
    "def children():\n"
    "    return ''.join(open(f'/proc/self/task/{thread}/children').read() for thread in os.listdir('/proc/self/task'))\n"
    "open(sys.argv[1], 'w').close()\n"
    "while os.path.exists(sys.argv[1]): time.sleep(0.02)\n"
    "for _ in range(20_000):\n"  // the copy may have ended before
    "    if children(): break\n"
    "    more = [str(i) for i in range(1000)]\n"
    "os.execv('/bin/sleep', ['sleep', '600'])\n";

// Whether the new program has no child after an exec during the search.
void replace_during_search(With with) {
    const TemporaryDirectory folder;
    const std::string begin = folder.path() + "/begin";
    Recorded recorded({"/usr/bin/python3", "-c", kReplacesItself, begin}, begin, 65536, with);
    heap::Recorder& recorder = recorded.recorder();
    Child& child = recorded.child();
    REQUIRE(recorder.search_python_holders({}));
    std::filesystem::remove(begin);
    const std::string folder_of_it = "/proc/" + std::to_string(child.pid());
    REQUIRE(test::comes_true([&] { return read_small_file(folder_of_it + "/comm").value_or("") == "sleep\n"; }));
    CHECK(read_small_file(folder_of_it + "/task/" + std::to_string(child.pid()) + "/children") == "");
    child.terminate(std::chrono::seconds(1));
    recorder.finish();
}

}  // namespace

TEST_CASE("a program that is replaced during the search does not leave the copy to the new one") {
    replace_during_search(With::preloaded);
    replace_during_search(With::attached);
}
