// Whole audits of small programs: what the rules say of a removal, what accepts a finding, what cannot be read.
#include "audit/audit.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "project.hpp"
#include "system/temporary_directory.hpp"

using namespace leakline;
using Level = AuditFinding::Level;

TEST_CASE("a global that a handler adds to is a warning, with the way to it" NEEDS_CLANG) {
    const Audit audit = audit_of("std::vector<std::string> kept;", "kept.push_back(text);");
    const AuditFinding& finding = only(audit);
    CHECK(finding.level == Level::warning);
    CHECK(finding_message(finding) == "kept grows by push_back at service.cpp:7, and nothing removes from it");
    CHECK(finding.lifetime == "global");
    REQUIRE(finding.reach.size() == 1);
    CHECK(finding.reach[0] == "on_request (service.cpp:6), called in the loop at service.cpp:11");
    CHECK(finding.growth[0].source == "kept.push_back(text);");
    CHECK(audit.open(Level::warning) == 1);
}

TEST_CASE("an audit leaves the current folder as it is" NEEDS_CLANG) {
    const std::filesystem::path here = std::filesystem::current_path();  // libclang enters the folder of the code
    CHECK(audit_of("std::vector<std::string> kept;", "kept.push_back(text);").findings.size() == 1);
    CHECK(std::filesystem::current_path() == here);
}

TEST_CASE("a removal that nothing calls does not count" NEEDS_CLANG) {
    const AuditFinding finding = only(audit_of("std::vector<std::string> kept;\nvoid forget() { kept.clear(); }", "kept.push_back(text);"));
    CHECK(finding.rule == AuditFinding::Rule::removal_never_runs);
    REQUIRE(finding.removals.size() == 1);
    CHECK(finding.removals[0].why == "forget is never called");
}

TEST_CASE("a removal by another function of the handler's counts" NEEDS_CLANG) {
    CHECK(audit_of("std::vector<std::string> kept;\nvoid forget() { kept.clear(); }", "kept.push_back(text); forget();").findings.empty());
}

TEST_CASE("what is filled before the service waits is no finding" NEEDS_CLANG) {
    CHECK(
        audit_of_file(
            "service.cpp",
            "#include <sys/socket.h>\n#include <vector>\nstd::vector<int> table;\nvoid load() { for (int i = 0; i < 9; ++i) table.push_back(i); }\n"
            "int main() {\n    load();\n    for (;;) accept(3, nullptr, nullptr);\n}\n")
            .findings.empty());
}

TEST_CASE("a function in a table runs where the table's functions are called" NEEDS_CLANG) {
    const auto findings = [](const std::string& main) {
        return audit_of_file("service.cpp",
                             "#include <sys/socket.h>\n#include <vector>\nstd::vector<int> kept;\nvoid add(int n) { kept.push_back(n); }\n"
                             "struct Row { const char* name; void (*run)(int); };\nconst Row rows[] = {{\"add\", add}};\nint main() {\n" +
                                 main + "}\n")
            .findings;
    };
    CHECK(findings("    rows[0].run(1);\n    for (;;) accept(3, nullptr, nullptr);\n").empty());
    const auto found = findings("    for (;;) rows[0].run(accept(3, nullptr, nullptr));\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].level == Level::warning);
}

TEST_CASE("a thread that is started once is no request" NEEDS_CLANG) {
    CHECK(audit_of_file("service.cpp",
                        "#include <pthread.h>\n#include <sys/socket.h>\n#include <vector>\nstd::vector<int> kept;\n"
                        "void* work(void*) { kept.push_back(1); return nullptr; }\nint main() {\n    pthread_t id;\n    int failed;\n"
                        "    if ((failed = pthread_create(&id, nullptr, work, nullptr)) != 0) return 1;\n"
                        "    for (;;) accept(3, nullptr, nullptr);\n}\n")
              .findings.empty());
}

TEST_CASE("what is filled while it is empty is no finding" NEEDS_CLANG) {
    for (const char* body : {"if (kept.empty()) kept.push_back(text);", "if (!kept.empty()) return;\nkept.push_back(text);",
                             "if (kept.size() > 0) return;\nkept.push_back(text);"}) {
        CAPTURE(body);
        CHECK(audit_of("std::vector<std::string> kept;", body).findings.empty());
    }
    CHECK(only(audit_of("std::vector<std::string> kept;", "if (!kept.empty()) kept.push_back(text);")).level == Level::warning);
}

TEST_CASE("what is read again with the settings, and what is kept by a descriptor, are notes" NEEDS_CLANG) {
    CHECK(only(audit_of("std::vector<std::string> kept;\nvoid reload_config(const std::string& t) { kept.push_back(t); }",
                        "reload_config(text);"))
              .level == Level::note);
    CHECK(only(audit_of("std::map<int, std::string> kept;\nvoid keep(int fd, const std::string& t) { kept[fd] = t; }",
                        "keep(accept(3, nullptr, nullptr), text);"))
              .level == Level::note);
}

TEST_CASE("a wrapper of realloc does not make all arrays one" NEEDS_CLANG) {
    CHECK(only(audit_of_file("service.c",
                             "#include <stdlib.h>\n#include <sys/socket.h>\nvoid *grow(void *p, size_t n) { return realloc(p, n); }\n"
                             "static int *first, *second;\nstatic int count, bytes;\n"
                             "static void keep(int n) {\n    first = grow(first, ++bytes);\n    first[0] = n;\n"
                             "    second = grow(second, sizeof(int) * (count + 1));\n    second[count++] = n;\n}\n"
                             "int main(void) { for (;;) keep(accept(3, 0, 0)); }\n"))
              .subject == "second");
}

TEST_CASE("tests and examples below a folder are left out" NEEDS_CLANG) {
    Project project;
    project.add("service.cpp", "int main() {}\n");
    std::filesystem::create_directory(project.path("tests"));
    project.add("tests/service.cpp", service("std::vector<std::string> kept;", "kept.push_back(text);"));
    CHECK(project.audit().findings.empty());
    audit::AuditOptions options;
    options.paths = {project.path("tests")};
    CHECK(audit::run_audit(options).findings.size() == 1);
}

TEST_CASE("members of an object that is made for each request are no finding" NEEDS_CLANG) {
    CHECK(audit_of("struct Reply { std::vector<std::string> parts; void add(const std::string& t) { parts.push_back(t); } };",
                   "Reply reply; reply.add(text);")
              .findings.empty());
}

TEST_CASE("without a handler or a loop that waits a global that grows is a note" NEEDS_CLANG) {
    const AuditFinding finding = only(audit_of_file(
        "tool.cpp",
        "#include <vector>\nstd::vector<int> found;\nvoid look(int n) { found.push_back(n); }\nint main(int argc, char**) { look(argc); }\n"));
    CHECK(finding.level == Level::note);
    CHECK(finding.doubts.size() == 1);
}

TEST_CASE("two programs with a main each are told apart" NEEDS_CLANG) {
    Project project;
    project.add("a.cpp", service("static std::vector<std::string> kept_a;", "kept_a.push_back(text);"));
    project.add("b.cpp", "int main() { return 0; }\n");
    CHECK(only(project.audit()).subject == "kept_a");
}

TEST_CASE("a comment with a bound and a reason accepts, one without a reason is reported" NEEDS_CLANG) {
    CHECK(audit_of("std::vector<std::string> kept;  // leakline: bounded by 64, one for each worker", "kept.push_back(text);")
              .findings.empty());
    CHECK(audit_of("std::vector<std::string> kept;", "// leakline: bounded by kMost: the caller checks\nkept.push_back(text);")
              .findings.empty());
    const Audit audit = audit_of("std::vector<std::string> kept;  // leakline: bounded by 64", "kept.push_back(text);");
    CHECK(audit.findings.size() == 1);
    REQUIRE(audit.warnings.size() == 1);
    CHECK(audit.warnings[0].find("this comment accepts nothing: 'bounded by 64'") != std::string::npos);
}

TEST_CASE("a line that leaked in a run makes its finding an error with what was measured" NEEDS_CLANG) {
    Audit audit = audit_of("std::vector<std::string> kept;", "kept.push_back(text);");
    Diagnosis diagnosis;
    LineGrowth& line = diagnosis.lines.lines.emplace_back();
    line.at = {"on_request", "/build/src/service.cpp", 7};
    line.leaking = true;
    line.growth_bytes = 4096;
    line.bytes_per_request = Interval{64, 60, 70};
    audit.findings[0].growth[0].at.file = "src/service.cpp";
    LineGrowth& other = diagnosis.lines.lines.emplace_back();
    other.at = {"other", "other.cpp", 3};
    other.leaking = true;
    CHECK(audit::apply_evidence(audit, diagnosis, "d.json") == 1);
    CHECK(audit.findings[0].level == Level::error);
    REQUIRE(audit.findings[0].measured);
    CHECK(finding_message(audit.findings[0]).ends_with("; measured: +4 KiB grew there in d.json, 64 B per request"));
}

TEST_CASE("the container that holds what leaked in a run is the error, wherever the memory was allocated" NEEDS_CLANG) {
    const auto audit_with = [](const std::string& statement, std::uint32_t member_line) {
        Diagnosis diagnosis;
        LineGrowth& line = diagnosis.lines.lines.emplace_back();
        line.at = {"allocate", "/usr/include/allocator.h", 9};
        line.leaking = true;
        line.growth_bytes = 4096;
        Holder holder;
        holder.member_file = "service.cpp";
        holder.member_line = member_line;
        diagnosis.held_by = HeldBy{};
        diagnosis.held_by->holder = holder;
        Project project;
        project.add("service.cpp", service("std::vector<std::string> kept;\nstd::vector<std::string> other;", statement));
        Audit audit = project.audit(false, audit::places_of(diagnosis, line));
        CHECK(audit::apply_evidence(audit, diagnosis, "d.json") == (member_line == 3 ? 1 : 0));
        return audit;
    };
    const Audit found = audit_with("kept.push_back(text); other.push_back(text);", 5);
    REQUIRE(found.findings.size() == 2);
    CHECK(found.findings[0].subject == "kept");
    CHECK(found.findings[0].level == Level::error);
    CHECK(found.findings[1].level == Level::warning);
    // Something removes, so that the rules alone say nothing.
    const Audit removed = audit_with("kept.push_back(text); if (text.empty()) kept.clear();", 5);
    REQUIRE(removed.findings.size() == 1);
    CHECK(removed.findings[0].level == Level::error);
    CHECK(removed.findings[0].removals.front().why == "did not run, or not often enough");
    CHECK(audit_with("kept.push_back(text);", 3).open(Level::error) == 0);
}

TEST_CASE("for a line that leaks the container is named, and what became of its removals" NEEDS_CLANG) {
    const auto explained = [](const std::string& members, const std::string& statement, const CodeLine& at, bool broken = false) {
        Project project;
        project.add("service.cpp", service(members, statement));
        if (broken) project.add("other.cpp", "void drop() {\n    unknown(kept);\n}\n");
        return project.audit(false, {{"other", "nowhere.cpp", 1}, at}).explained;
    };
    const CodeLine grown{"on_request", "service.cpp", 8};
    const auto message = [&](const std::string& forget, const std::string& statement) {
        const auto cause = explained("std::vector<std::string> kept;\n" + forget, statement, grown);
        REQUIRE(cause);
        return cause_message(*cause);
    };
    CHECK(message("", "kept.push_back(text);") == "kept grows by push_back at service.cpp:8; nothing removes from it");
    CHECK(message("void forget() { kept.clear(); }", "kept.push_back(text);") ==
          "kept grows by push_back at service.cpp:8; clear at service.cpp:6: forget is never called");
    CHECK(message("void forget() { kept.clear(); }", "kept.push_back(text); if (text.empty()) forget();") ==
          "kept grows by push_back at service.cpp:8; clear at service.cpp:6: did not run, or not often enough");
    // By the declaration of what holds it.
    const auto held = explained("std::vector<std::string> kept;", "kept.push_back(text);", {"", "service.cpp", 5}, true);
    REQUIRE(held);
    CHECK(held->subject == "kept");
    CHECK(held->doubts == std::vector<std::string>{"other.cpp:2 has errors and may do more to it than is seen"});
    CHECK(!explained("std::vector<std::string> kept;", "kept.push_back(text);", {"", "service.cpp", 2}));
}

TEST_CASE("the growth of a line is looked for at the callers that most of it came through") {
    LineGrowth line;
    line.at = {"f", "a.cpp", 1};
    line.growth_bytes = 100;
    CallerNode most, few;
    most.at = {"g", "a.cpp", 2};
    most.growth_bytes = 90;
    few.at = {"h", "a.cpp", 3};
    few.growth_bytes = 10;
    line.callers = {most, few};
    CHECK(audit::places_of({}, line) == std::vector<CodeLine>{line.at, most.at});
}

TEST_CASE("a baseline and a suppression accept, until it expires" NEEDS_CLANG) {
    Audit audit = audit_of("std::vector<std::string> kept;", "kept.push_back(text);");
    const Baseline next = audit::next_baseline(audit, {});
    REQUIRE(next.findings.size() == 1);
    audit::accept_known(audit, next, "2026-01-01");
    CHECK(audit.findings[0].accepted == "in the baseline");
    CHECK(audit.open(Level::warning) == 0);

    Baseline suppressing;
    suppressing.suppressions.push_back({"", "", "bounded by the number of tenants", {}, "2026-06-30", "kept"});
    Audit before = audit_of("std::vector<std::string> kept;", "kept.push_back(text);"), after = before;
    audit::accept_known(before, suppressing, "2026-06-30");
    CHECK(before.findings[0].accepted == "suppressed: bounded by the number of tenants");
    audit::accept_known(after, suppressing, "2026-07-01");
    CHECK(after.findings[0].accepted.empty());
    CHECK(after.warnings == std::vector<std::string>{"the suppression of kept expired on 2026-06-30"});
}

TEST_CASE("a unit that does not compile is counted, and the rest goes on" NEEDS_CLANG) {
    Project project;
    project.add("broken.cpp", "#include <missing_header.hpp>\nint x = ;\n");
    project.add("service.cpp", service("std::vector<std::string> kept;", "kept.push_back(text);"));
    const Audit audit = project.audit();
    CHECK(audit.units == 2);
    REQUIRE(audit.failed.size() == 1);
    CHECK(audit.failed[0].file.ends_with("broken.cpp"));
    CHECK(audit.failed[0].reasons[0] == "not found: missing_header.hpp");
    CHECK(audit.findings.size() == 1);
}

TEST_CASE("unchanged units are not read again, changed ones are" NEEDS_CLANG) {
    Project project;
    project.add("kept.hpp", "#include <string>\n#include <vector>\nextern std::vector<std::string> kept;\n");
    project.add("service.cpp", service("#include \"kept.hpp\"\nstd::vector<std::string> kept;", "kept.push_back(text);"));
    CHECK(project.audit(true).cached == 0);
    const Audit again = project.audit(true);
    CHECK(again.cached == 1);
    CHECK(again.findings.size() == 1);
    project.add("kept.hpp", "#include <string>\n#include <vector>\nextern std::vector<std::string> kept;\n// another text\n");
    CHECK(project.audit(true).cached == 0);
}

TEST_CASE("what cannot be audited is refused with what to do") {
    const auto error_of = [](const std::string& path) -> std::string {
        audit::AuditOptions options;
        options.paths = {path};
        try {
            (void)audit::run_audit(options);
        } catch (const Error& error) {
            return error.message();
        }
        return "none";
    };
    const TemporaryDirectory empty;
    CHECK(error_of("/no/such/folder") == "no such file or folder");
    CHECK(error_of(empty.path()) == "no source file of C, C++ or Python");
    std::ofstream(empty.path() + "/a.txt") << "text";
    CHECK(error_of(empty.path() + "/a.txt") == "not a source file of C, C++ or Python");
}

TEST_CASE("objects of another module are followed by what is imported" NEEDS_PYTHON) {
    Project project;
    project.add(
        "store.py",
        "class Store:\n    def __init__(self):\n        self.entries = {}\n\n    def save_entry(self, key, value):\n        self.entries[key] = value\n\n\nstore = Store()\n");
    project.add(
        "app.py",
        "from flask import Flask, request\nfrom store import store\n\napp = Flask(__name__)\n\n\n@app.post(\"/save\")\ndef save():\n    store.save_entry(request.path, 1)\n    return \"\"\n");
    const AuditFinding finding = only(project.audit());
    CHECK(finding.subject == "Store.entries");
    CHECK(finding.level == Level::warning);
}

TEST_CASE("what a decorator does at the definition comes with no request, what it returns does" NEEDS_PYTHON) {
    const auto findings = [](const std::string& decorator) {
        return audit_of_file("app.py", "import functools\n\nkept = []\n\n\n" + decorator +
                                           "\n\n@app.route(\"/\")\n@counted(\"x\")\ndef handle():\n    return \"\"\n")
            .findings;
    };
    CHECK(findings(
              "def counted(name):\n    def decorate(function):\n        kept.append(name)\n        return function\n    return decorate\n")
              .empty());
    const auto found = findings(
        "def counted(name):\n    def decorate(function):\n        def wrapper(*a):\n            kept.append(name)\n"
        "            return function(*a)\n        return wrapper\n    return decorate\n");
    REQUIRE(found.size() == 1);
    CHECK(found[0].level == Level::warning);
}

TEST_CASE("in Python what is filled while it is empty, or with keys that another container has, is no finding" NEEDS_PYTHON) {
    for (const char* body :
         {"    if table:\n        return\n    for i in range(9):\n        table[i] = f(i)\n", "    if not table:\n        table[key] = 1\n",
          "    if key not in ALLOWED:\n        return\n    table[key] = 1\n",
          "    if key not in ALLOWED:\n        raise KeyError(key)\n    table[(key, True)] = 1\n", "    table[key] = table[key] + 1\n"}) {
        CAPTURE(body);
        CHECK(audit_of_file("app.py", std::string("table = {}\n\n\n@app.route(\"/<key>\")\ndef handle(key):\n") + body).findings.empty());
    }
    CHECK(
        only(audit_of_file("app.py",
                           "table = {}\n\n\n@app.route(\"/<key>\")\ndef handle(key):\n    if key not in table:\n        table[key] = 1\n"))
            .level == Level::warning);
}

TEST_CASE("a container of a class that is not seen is a note" NEEDS_PYTHON) {
    CHECK(only(audit_of_file(
                   "app.py",
                   "from caches import Recent\n\nkept = Recent(100)\n\n\n@app.route(\"/<key>\")\ndef handle(key):\n    kept[key] = 1\n"))
              .level == Level::note);
}

TEST_CASE("removals in Python: pop, del, a new value, a bounded deque, a limit" NEEDS_PYTHON) {
    for (const char* body :
         {"    items.append(1)\n    items.pop()\n", "    items.append(1)\n    del items[0]\n",
          "    global items\n    items.append(1)\n    items = []\n", "    if len(items) < 100:\n        items.append(1)\n",
          "    if len(items) >= 100:\n        return\n    items.append(1)\n", "    items.append(1)\n    items[:] = items[-10:]\n"}) {
        CAPTURE(body);
        CHECK(audit_of_file("app.py", std::string("items = []\n\n\n@app.route(\"/\")\ndef handle():\n") + body).findings.empty());
    }
}

TEST_CASE("a module with a syntax error is counted" NEEDS_PYTHON) {
    const Audit audit = audit_of_file("bad.py", "def f(:\n    pass\n");
    REQUIRE(audit.failed.size() == 1);
    CHECK(audit.failed[0].partly);
}

TEST_CASE("what is made only while it is not set comes with no request" NEEDS_CLANG) {
    const std::string members =
        "std::vector<int> kept;\nstruct Table {};\nTable* table;\nTable* load() { kept.push_back(1); return new Table; }";
    CHECK(audit_of(members, "if (!table) table = load();").findings.empty());
    CHECK(audit_of(members, "if (table == nullptr) table = load();").findings.empty());
    CHECK(audit_of(members, "table = load();").open(Level::warning) == 1);
}

TEST_CASE("a loop that walks over a text is no service" NEEDS_CLANG) {
    const Audit audit = audit_of_file("tool.cpp",
                                      "#include <cstring>\n#include <unistd.h>\n#include <vector>\nstd::vector<const char*> kept;\n"
                                      "void split(char* p) { while ((p = strchr(p, ' '))) { sleep(1); kept.push_back(p++); } }\n");
    for (const AuditFinding& finding : audit.findings) CHECK(finding.level == Level::note);
}

TEST_CASE("keys that do not come from requests are a note, keys that do are a warning" NEEDS_CLANG) {
    const std::string members =
        "std::map<std::string, int> counts;\nstd::string host_of_settings;\n"
        "void count(const std::string& key) { counts[key] = 1; }";
    CHECK(only(audit_of(members, "count(host_of_settings);")).level == Level::note);
    CHECK(only(audit_of(members, "const std::string user = text + \"!\"; count(user);")).level == Level::warning);
}

TEST_CASE("in Python a removal that is handed over as a callback counts" NEEDS_PYTHON) {
    const auto findings = [](const std::string& statement) {
        return audit_of_file("service.py",
                             "tasks = set()\n@app.route('/')\ndef handle(request):\n    task = start(request)\n    tasks.add(task)\n" +
                                 ("    " + statement + "\n"))
            .findings;
    };
    CHECK(findings("task.add_done_callback(tasks.discard)").empty());
    REQUIRE(findings("task.add_done_callback(print)").size() == 1);
    CHECK(findings("task.add_done_callback(print)")[0].level == Level::warning);
}

TEST_CASE("in Python keys are followed to where they come from" NEEDS_PYTHON) {
    const auto audit = [](const std::string& key) {
        return audit_of_file("service.py",
                             "import settings\npages = {}\n@app.route('/')\ndef handle(request):\n    show(request.path)\n"
                             "def show(path):\n    key = " +
                                 key + "\n    pages[key] = 1\n");
    };
    CHECK(only(audit("(path, 1)")).level == Level::warning);
    CHECK(only(audit("settings.host")).level == Level::note);
    CHECK(audit("('a', 1)").findings.empty());
}

TEST_CASE("in Python a descriptor that is returned in a tuple has another owner" NEEDS_PYTHON) {
    CHECK(audit_of_file("service.py", "import os\n@app.route('/')\ndef handle(request):\n    fd = os.open('x', 0)\n    return fd, 'x'\n")
              .findings.empty());
}

TEST_CASE("sources of a unity build are read as they are compiled" NEEDS_CLANG) {
    Project project;
    project.add("service.cpp", service("std::vector<std::string> kept;", "kept.push_back(text);"));
    project.add("unity_0_cxx.cxx", "#include \"" + project.path("service.cpp") + "\"\n");
    project.add("compile_commands.json", R"([{"directory": ")" + project.path("") +
                                             R"(", "file": "unity_0_cxx.cxx", "command": "c++ -std=c++20 -c unity_0_cxx.cxx"}])");
    CHECK(only(project.audit()).growth[0].source == "kept.push_back(text);");
}

TEST_CASE("splice and swap take from their argument" NEEDS_CLANG) {
    const std::string members = "#include <list>\nstd::list<std::string> kept;";
    for (const char* taken :
         {"std::list<std::string> out; out.splice(out.end(), kept, kept.begin());", "std::list<std::string> out; out.swap(kept);"}) {
        CAPTURE(taken);
        CHECK(audit_of(members, std::string("kept.push_back(text);\n") + taken).findings.empty());
    }
}
