// Rules learned from the services of other projects: false findings that they gave, beside what has to be found.
#include <doctest/doctest.h>

#include <string>

#include "project.hpp"

using namespace leakline;
using Level = AuditFinding::Level;

namespace {

// A service of several parts: main waits, then runs `handle`.
std::string waiting_main(const std::string& handle) {
    return "int main() {\n    char text[100];\n    for (;;)\n        if (recv(3, text, 99, 0) > 0) " + handle + "\n}\n";
}

}  // namespace

TEST_CASE("headers are found anywhere in the project by what #include lines ask for" NEEDS_CLANG) {
    Project project;
    project.add("source/util/store.hpp", "#pragma once\n#include <types/row.hpp>\nextern std::vector<Row> kept;\n");
    project.add("fetched/vendor/types/row.hpp", "#pragma once\n#include <vector>\nstruct Row { int n; };\n");
    project.add("service.cpp", "#include \"util/store.hpp\"\n#include <sys/socket.h>\nstd::vector<Row> kept;\n" +
                                   waiting_main("kept.push_back({text[0]});"));
    CHECK(only(project.audit()).level == Level::warning);
}

TEST_CASE("without a database the build's own files say which C++ it is" NEEDS_CLANG) {
    const std::string text =
        "#include <concepts>\ntemplate <std::integral T> T twice(T n) { return n + n; }\nint main() { return twice(0); }\n";
    Project project;
    project.add("service.cpp", text);
    CHECK(project.audit().failed.size() == 1);
    project.add("CMakeLists.txt", "set(CMAKE_CXX_STANDARD 20)\n");
    CHECK(project.audit().failed.empty());
}

TEST_CASE("fetched code is left out, however its folder is written" NEEDS_CLANG) {
    for (const char* folder : {"Thirdparty", "third-party", "vendor", "deps"}) {
        CAPTURE(folder);
        Project project;
        project.add("main.cpp", "int main() {}\n");
        project.add(std::string(folder) + "/library.cpp", service("std::vector<std::string> kept;", "kept.push_back(text);"));
        CHECK(project.audit().findings.empty());
    }
}

TEST_CASE("growth of what code with errors names is a note, errors elsewhere do not matter" NEEDS_CLANG) {
    const auto audit = [](const std::string& other) {
        const Audit found = audit_of_file(
            "service.cpp", service("std::vector<std::string> kept;\nvoid other() {\n" + other + "\n}\n", "kept.push_back(text);"));
        CHECK(found.failed.size() == 1);
        REQUIRE(found.findings.size() == 1);
        return found.findings[0];
    };
    const AuditFinding named = audit("unknown_function(kept);");
    CHECK(named.level == Level::note);
    CHECK(named.doubts.back() == "service.cpp:7 has errors and may do more to it than is seen");
    CHECK(audit("unknown_function(kept_elsewhere);").level == Level::warning);
}

TEST_CASE("a unit is read with stand-ins for headers that are missing" NEEDS_CLANG) {
    const Audit audit = audit_of_file(
        "service.c",
        "#include <missing/library.h>\n#include <stdlib.h>\n#include <sys/socket.h>\n"
        "struct node { struct node *next; json_t *value; struct library_key key; };\nstatic struct node *kept;\n"
        "static void keep(json_t *value) {\n    struct node *e = malloc(sizeof *e);\n    e->value = value;\n"
        "    library_fill(&e->key, LIBRARY_FLAGS, LIBRARY_VERSION);\n    e->key.owner = 0;\n    e->next = kept;\n    kept = e;\n}\n"
        "int main(void) {\n    for (;;) keep(library_parse(accept(3, 0, 0)));\n}\n");
    REQUIRE(audit.failed.size() == 1);
    CHECK(audit.failed[0].guessed);
    CHECK(audit.failed[0].reasons == std::vector<std::string>{"not found, so what it declares was guessed: missing/library.h"});
    REQUIRE(audit.findings.size() == 1);
    CHECK(audit.findings[0].subject == "kept");
    CHECK(audit.findings[0].level == Level::warning);
}

TEST_CASE("in C++ a unit with a missing header is read, too" NEEDS_CLANG) {
    const Audit audit = audit_of_file(
        "service.cpp", service("#include <missing.h>\nstd::vector<Item*> kept; std::map<int, library_key> keys;",
                               "Item* item = library_make(text.c_str(), LIBRARY_FLAGS);\nif (library_check(item) < 0) return;\n"
                               "kept.push_back(item);"));
    REQUIRE(audit.failed.size() == 1);
    CHECK(audit.failed[0].guessed);
    REQUIRE(audit.findings.size() == 1);
    CHECK(audit.findings[0].level == Level::warning);
}

TEST_CASE("a config.h that configure has not made yet defines what this machine has" NEEDS_CLANG) {
    Project project;
    project.add("configure.ac", "AC_INIT\n");
    project.add("service.c",
                "#ifdef HAVE_CONFIG_H\n#include \"config.h\"\n#endif\n"
                "#if defined(HAVE_SYS_EPOLL_H) && defined(HAVE_ACCEPT4) && SIZEOF_SHORT == 2 && !defined(HAVE_SURELY_NOT_THERE)\n"
                "int main(void) { return 0; }\n#else\nint broken = ;\n#endif\n");
    const Audit audit = project.audit();
    REQUIRE(audit.failed.size() == 1);
    CHECK(audit.failed[0].guessed);
}

TEST_CASE("a queue that a thread takes from is bounded by that thread" NEEDS_CLANG) {
    const std::string members =
        "#include <condition_variable>\n#include <mutex>\n#include <thread>\n"
        "struct Queue {\n    std::mutex mutex; std::condition_variable filled; std::vector<std::string> items;\n"
        "    void push(const std::string& t) { items.push_back(t); }\n"
        "    bool pop() { std::unique_lock lock(mutex); filled.wait(lock); items.pop_back(); return true; }\n};\nQueue queue;\n"
        "void drain() { while (queue.pop()) {} }\n";
    CHECK(audit_of(members + "std::thread worker(drain);", "queue.push(text);").findings.empty());
    CHECK(only(audit_of(members, "queue.push(text);")).rule == AuditFinding::Rule::removal_never_runs);
}

TEST_CASE("objects of a singleton's template last as long as the process" NEEDS_CLANG) {
    const std::string members =
        "template <class T> struct Single { static T& get() { static T one; return one; } };\n"
        "struct Names : Single<Names> { std::vector<std::string> kept; void add(const std::string& t) { kept.push_back(t); } };";
    for (const char* use : {"Names::get().add(text);", "Single<Names>::get().add(text);"}) {
        CAPTURE(use);
        const AuditFinding finding = only(audit_of(members, use));
        CHECK(finding.level == Level::warning);
        CHECK(finding.lifetime == "one is static");
    }
    CHECK(audit_of(members, "Names names; names.add(text);").findings.empty());
}

TEST_CASE("a callback that a macro stores runs" NEEDS_CLANG) {
    const auto audit = [](const std::string& stored) {
        return audit_of_file(
            "service.c",
            "#include <stdlib.h>\n#include <sys/socket.h>\nstruct node { struct node *next; };\nstatic struct node *kept;\n"
            "struct timer { void (*run)(int); } timer;\n#define ON_TIMER(t, f) do { (t)->run = (f); } while (0)\n"
            "static void drop(int n) { while (kept) { struct node *old = kept; kept = old->next; free(old); } (void)n; }\n"
            "static void keep(int n) { struct node *e = malloc(sizeof *e); e->next = kept; kept = e; (void)n; }\n"
            "int main(void) {\n    " +
                stored + "\n    for (;;) { keep(accept(3, 0, 0)); if (timer.run) timer.run(1); }\n}\n");
    };
    CHECK(audit("ON_TIMER(&timer, drop);").findings.empty());
    CHECK(only(audit("")).level == Level::warning);
}

TEST_CASE("a descriptor that goes to the caller through a reference is the caller's" NEEDS_CLANG) {
    const std::string members = "#include <fcntl.h>\n#include <unistd.h>\nint use(int);\n";
    CHECK(audit_of(members + "int open_one(int& fd) { fd = open(\"x\", 0); if (fd < 0) return -1; return use(fd); }",
                   "int fd = -1; open_one(fd); close(fd);")
              .findings.empty());
    CHECK(
        only(audit_of(members + "int open_one() { int fd; fd = open(\"x\", 0); if (fd < 0) return -1; return 0; }", "open_one();")).rule ==
        AuditFinding::Rule::handle_not_released);
}

TEST_CASE("a descriptor whose address is kept may be closed through it" NEEDS_CLANG) {
    const auto audit = [](const std::string& keep) {
        return audit_of_file(
            "service.c",
            "#include <fcntl.h>\n#include <stdio.h>\n#include <sys/socket.h>\n#include <unistd.h>\nvoid (*cleanup)(void *);\nvoid *argument;\n"
            "#define ON_EXIT(f, a) do { cleanup = (f); argument = (a); } while (0)\n"
            "static void close_it(void *fd) { close(*(int *)fd); }\n"
            "static int open_one(void) {\n    int fd = open(\"x\", 0);\n    " +
                keep + "\n    return 0;\n}\nint main(void) {\n    for (;;) { accept(3, 0, 0); open_one(); }\n}\n");
    };
    CHECK(audit("ON_EXIT(close_it, (void *)&fd);").findings.empty());
    CHECK(audit("FILE *file = fdopen(fd, \"w\"); if (file) fclose(file);").findings.empty());
    CHECK(only(audit("read(fd, 0, 0);")).rule == AuditFinding::Rule::handle_not_released);
}

TEST_CASE("a descriptor that is given to a callback is the callback's" NEEDS_CLANG) {
    const std::string members = "#include <fcntl.h>\n#include <unistd.h>\nstruct Hooks { int (*take)(int); } hooks;\n";
    const std::string opens = "int open_one() { int fd = open(\"x\", 0); if (fd < 0) return -1; ";
    CHECK(audit_of(members + opens + "return hooks.take(fd) ? 0 : -1; }", "open_one();").findings.empty());
    CHECK(only(audit_of(members + opens + "return hooks.take(3) ? 0 : -1; }", "open_one();")).rule ==
          AuditFinding::Rule::handle_not_released);
}

TEST_CASE("in Python fields of a dataclass are of each object, other attributes of a class are shared" NEEDS_PYTHON) {
    const auto audit = [](const std::string& value) {
        return audit_of_file("app.py", "import dataclasses\n@dataclasses.dataclass\nclass Reply:\n    parts: list = " + value +
                                           "\n    def add_part(self, part):\n        self.parts.append(part)\n"
                                           "@app.route('/')\ndef handle(request):\n    Reply().add_part(request.path)\n");
    };
    CHECK(audit("dataclasses.field(default_factory=list)").open(Level::warning) == 0);
    CHECK(audit("[]").open(Level::warning) == 1);
}

TEST_CASE("in Python a local variable that a loop sets anew is no finding" NEEDS_PYTHON) {
    const auto audit = [](const std::string& before, const std::string& within) {
        return audit_of_file("app.py", "import socket\ndef main():\n    s = socket.socket()\n" + before +
                                           "    while True:\n        data = s.recv(9)\n" + within +
                                           "if __name__ == '__main__':\n    main()\n");
    };
    CHECK(audit("", "        row = list(data)\n        row.append(data)\n").findings.empty());
    CHECK(audit("    rows = []\n", "        rows.append(data)\n        if b'x' in data:\n            rows = []\n").findings.empty());
    CHECK(only(audit("    rows = []\n", "        rows.append(data)\n")).level == Level::warning);
}

TEST_CASE("in Python the only place that sets an attribute is its start, unless requests reach it" NEEDS_PYTHON) {
    const auto audit = [](const std::string& more) {
        return audit_of_file(
            "app.py",
            "class State:\n    def start(self):\n        self.seen = {}\n    def save_one(self, key):\n        self.seen[key] = 1\n"
            "state = State()\n@app.route('/')\ndef handle(request):\n    state.save_one(request.path)\n" +
                more);
    };
    CHECK(only(audit("")).level == Level::warning);
    CHECK(audit("    state.start()\n").findings.empty());
}

TEST_CASE("in Python what a framework sets on a handler comes with the request" NEEDS_PYTHON) {
    const auto audit = [](const std::string& key) {
        return audit_of_file(
            "app.py",
            "from http.server import BaseHTTPRequestHandler\nhits = {}\nclass Api(BaseHTTPRequestHandler):\n    zone = 'a'\n"
            "    def do_GET(self):\n        key = " +
                key + "\n        hits[key] = 1\n");
    };
    CHECK(only(audit("self.client_address[0]")).level == Level::warning);
    CHECK(only(audit("self.zone")).level == Level::note);
}

TEST_CASE("in Python a class is followed through the package that imports it" NEEDS_PYTHON) {
    Project project;
    project.add("store/__init__.py", "from .backend import Backend\n");
    project.add(
        "store/backend.py",
        "class Backend:\n    def __init__(self):\n        self.rows = {}\n    def put_row(self, key):\n        self.rows[key] = 1\n");
    project.add(
        "app.py",
        "from store import Backend\nbackend = Backend()\n@app.route('/')\ndef handle(request):\n    backend.put_row(request.path)\n");
    const AuditFinding finding = only(project.audit());
    CHECK(finding.subject == "Backend.rows");
    CHECK(finding.level == Level::warning);
}

TEST_CASE("in Python what a thread's function captures lasts with it" NEEDS_PYTHON) {
    const auto audit = [](const std::string& start) {
        return audit_of_file("app.py",
                             "import socket, threading\ndef start_worker():\n    last = {}\n    def work():\n        s = socket.socket()\n"
                             "        while True:\n            key = s.recv(9)\n            last[key] = 1\n" +
                                 start);
    };
    CHECK(only(audit("    threading.Thread(target=work).start()\nstart_worker()\n")).level == Level::warning);
    const Audit many = audit("    threading.Thread(target=work).start()\n@app.route('/')\ndef handle(request):\n    start_worker()\n");
    for (const AuditFinding& finding : many.findings) CHECK(finding.subject != "last");
}
