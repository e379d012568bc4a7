// Styles of services in C and C++: what keeps the state of a service in each of them, beside a bounded twin.
#include <doctest/doctest.h>

#include <string>

#include "project.hpp"

using namespace leakline;
using Level = AuditFinding::Level;

namespace {

// Services of C that receive into `text` and call `call`.
std::string c_service(const std::string& code, const std::string& call) {
    return "#include <stdlib.h>\n#include <string.h>\n#include <sys/queue.h>\n#include <sys/socket.h>\n" + code +
           "\nint main(void) {\n    char text[64];\n    for (;;) if (recv(3, text, 63, 0) > 0) " + call + "\n}\n";
}

}  // namespace

TEST_CASE("a string made from a char buffer is not a key with few values" NEEDS_CLANG) {
    CHECK(
        warnings_in(
            "service.cpp",
            "#include <map>\n#include <string>\n#include <sys/socket.h>\nstd::map<std::string, int> kept;\n"
            "int main() {\n    char text[100];\n    for (;;)\n        if (recv(3, text, 99, 0) > 0) kept.emplace(std::string(text), 1);\n}\n") ==
        Subjects{"kept"});
}

TEST_CASE("a loop that an atomic flag ends is a service's" NEEDS_CLANG) {
    CHECK(warnings_in("service.cpp",
                      "#include <atomic>\n#include <poll.h>\n#include <vector>\nstd::vector<int> kept;\nstd::atomic<bool> stop{false};\n"
                      "int main() { while (!stop) { kept.push_back(poll(nullptr, 0, -1)); } }\n") == Subjects{"kept"});
}

TEST_CASE("a container that a wrapper hands to a lambda is what the lambda adds to" NEEDS_CLANG) {
    const auto found = [](const std::string& call, const std::string& parameter, const std::string& then) {
        return warnings_in(
            "service.cpp",
            "#include <mutex>\n#include <string>\n#include <sys/socket.h>\n#include <utility>\n#include <vector>\n"
            "template <class T> class Guarded {\n  public:\n    template <class F> auto with(F&& f) { std::lock_guard<std::mutex> "
            "l(lock); return " +
                call +
                "(value); }\n  private:\n    std::mutex lock;\n    T value;\n};\nGuarded<std::vector<std::string>> trail;\n"
                "int main() {\n    char b[9];\n    for (;;)\n        if (recv(3, b, 9, 0) > 0) trail.with([&](" +
                parameter + "& lines) { " + then + " lines.push_back(b); });\n}\n");
    };
    CHECK(found("f", "auto", "") == Subjects{"Guarded::value"});
    CHECK(found("std::forward<F>(f)", "std::vector<std::string>", "") == Subjects{"Guarded::value"});
    CHECK(found("f", "auto", "lines.clear();").empty());
    CHECK(found("f", "auto", "if (lines.size() > 9) return;").empty());
    // A sink that a template is given may be anything.
    CHECK(warnings_in("service.cpp",
                      "#include <string>\n#include <sys/socket.h>\nstruct Database { void insert(const std::string&); };\n"
                      "template <class S> struct Writer { void put(const std::string& t) { sink.insert(t); }\n    S sink; };\n"
                      "Writer<Database> writer;\nint main() { char b[9]; for (;;) if (recv(3, b, 9, 0) > 0) writer.put(b); }\n")
              .empty());
}

TEST_CASE("a member of an aggregate stands for the container that it is given the address of" NEEDS_CLANG) {
    const auto found = [](const std::string& guard, const std::string& made, const std::string& then) {
        Project project;
        project.add("CMakeLists.txt", "set(CMAKE_CXX_STANDARD 20)\n");
        project.add("service.cpp", "#include <mutex>\n#include <string>\n#include <sys/socket.h>\n#include <vector>\n" + guard +
                                       "struct Trail {\n    auto lock() { return " + made +
                                       "; }\n    std::mutex mutex;\n    std::vector<std::string> lines;\n};\nTrail trail;\n"
                                       "int main() {\n    char b[9];\n    for (;;) {\n        if (recv(3, b, 9, 0) <= 0) continue;\n"
                                       "        auto held = trail.lock();\n        held.items->push_back(b);\n" +
                                       then + "    }\n}\n");
        return warnings_of(project.audit());
    };
    const std::string plain = "struct Held { std::unique_lock<std::mutex> lock; std::vector<std::string>* items; };\n";
    const std::string generic = "template <class T> struct Held { std::unique_lock<std::mutex> lock; T* items; };\n";
    const std::string based =
        "struct Base { std::vector<std::string>* other; };\nstruct Held : Base { std::vector<std::string>* items; };\n";
    for (const std::string then : {"", "held.items->clear();"}) {
        const Subjects expected = then.empty() ? Subjects{"Trail::lines"} : Subjects{};
        CHECK(found(plain, "Held{std::unique_lock(mutex), &lines}", then) == expected);
        CHECK(found(plain, "Held{.lock = std::unique_lock(mutex), .items = &lines}", then) == expected);
        CHECK(found(plain, "Held{.items = &lines}", then) == expected);
        CHECK(found(generic, "Held<std::vector<std::string>>{std::unique_lock(mutex), &lines}", then) == expected);
    }
    // What stands first is for the base.
    CHECK(found(based, "Held{{&lines}, new std::vector<std::string>}", "").empty());
}

TEST_CASE("structured bindings, parts of a variant and maps of a template's parameters are followed" NEEDS_CLANG) {
    const auto found = [](const std::string& code, const std::string& statement) {
        Project project;
        project.add("CMakeLists.txt", "set(CMAKE_CXX_STANDARD 20)\n");
        project.add("service.cpp",
                    "#include <map>\n#include <string>\n#include <sys/socket.h>\n#include <utility>\n#include <variant>\n"
                    "#include <vector>\n" +
                        code + "\nint main() { char b[9]; for (;;) if (recv(3, b, 9, 0) > 0) { " + statement + " } }\n");
        return warnings_of(project.audit());
    };
    const std::string pair = "std::pair<std::vector<std::string>, int> state;";
    CHECK(found(pair, "auto& [lines, count] = state; lines.push_back(b);") == Subjects{"state"});
    CHECK(found(pair, "auto& [lines, count] = state; lines.push_back(b); if (lines.size() > 9) lines.clear();").empty());
    CHECK(found(pair, "auto [lines, count] = state; lines.push_back(b);").empty());
    const std::string variant = "std::variant<int, std::vector<std::string>> state;";
    CHECK(found(variant, "if (auto* v = std::get_if<1>(&state)) v->push_back(b);") == Subjects{"state"});
    CHECK(found(variant, "if (auto* v = std::get_if<1>(&state)) { v->push_back(b); v->clear(); }").empty());
    const std::string cache =
        "template <class K, class P> struct Cache { void put(const K& k) { table[k] = 1; P::trim(table); }\n"
        "    std::map<K, int> table; };\n";
    const std::string keep = "struct Keep { template <class M> static void trim(M&) {} };\n";
    const std::string evict = "struct Evict { template <class M> static void trim(M& m) { m.erase(m.begin()); } };\n";
    CHECK(found(cache + keep + "Cache<std::string, Keep> cache;", "cache.put(b);") == Subjects{"Cache::table"});
    CHECK(found(cache + evict + "Cache<std::string, Evict> cache;", "cache.put(b);").empty());
}

TEST_CASE("links in an array are links, and what is made while a pointer is not set is one object" NEEDS_CLANG) {
    const auto levels = [](const std::string& then) {
        return warnings_in(
            "service.c",
            c_service(
                "struct node { struct node *next[4]; char name[32]; };\nstatic struct node first;\n"
                "static void add(const char *name) {\n    struct node *n = calloc(1, sizeof *n);\n"
                "    strncpy(n->name, name, 31);\n    for (int i = 0; i < 4; i++) { n->next[i] = first.next[i]; first.next[i] = n; }\n}\n"
                "static void drop(void) { struct node *n = first.next[0]; if (n) { first = *n; free(n); } }\n",
                "{ add(text); " + then + " }"));
    };
    CHECK(levels("") == Subjects{"first"});
    CHECK(levels("drop();").empty());
    const auto made = [](const std::string& condition) {
        return warnings_in("service.c",
                           c_service("struct list { char **items; int n; };\nstatic struct list *jobs;\n"
                                     "static struct list *make(void) { return calloc(1, sizeof(struct list)); }\n"
                                     "static void push(struct list *l, char *s) { l->items = realloc(l->items, sizeof s * (l->n + 1)); "
                                     "l->items[l->n++] = s; }\n",
                                     "{ " + condition + " jobs = make(); push(jobs, strdup(text)); }"));
    };
    CHECK(made("if (!jobs)") == Subjects{"list::items"});
    CHECK(made("").empty());
}

TEST_CASE("std::invoke gives its arguments to the function" NEEDS_CLANG) {
    const auto found = [](const std::string& before, const std::string& statement) {
        return warnings_in(
            "service.cpp",
            "#include <functional>\n#include <string>\n#include <sys/socket.h>\n#include <thread>\n#include <vector>\n"
            "struct Trail {\n    void add(const std::string& t) { lines.push_back(t); }\n    void clear() { lines.clear(); }\n"
            "    std::vector<std::string> lines;\n};\nTrail trail;\n" +
                before + "int main() { char b[9]; for (;;) if (recv(3, b, 9, 0) > 0) { " + statement + " } }\n");
    };
    const std::string with = "template <class F> void with(F&& f) { std::invoke(std::forward<F>(f), trail.lines); }\n";
    CHECK(found("", "std::invoke(&Trail::add, trail, b);") == Subjects{"Trail::lines"});
    CHECK(found("", "std::invoke(&Trail::add, trail, b); std::invoke(&Trail::clear, trail);").empty());
    CHECK(found(with, "with([&](std::vector<std::string>& lines) { lines.push_back(b); });") == Subjects{"Trail::lines"});
    CHECK(found(with, "with([&](auto& lines) { lines.push_back(b); if (lines.size() > 9) lines.clear(); });").empty());
    // The first argument behind a method is its object.
    const std::string fill = "struct Worker { void fill(std::vector<std::string>& to, char* b) { to.push_back(b); } };\nWorker worker;\n";
    CHECK(found(fill, "std::invoke(&Worker::fill, worker, trail.lines, b);") == Subjects{"Trail::lines"});
    CHECK(found(fill, "std::thread(&Worker::fill, &worker, std::ref(trail.lines), b).join();") == Subjects{"Trail::lines"});
}

TEST_CASE("objects behind a base class last in the container of an object that lasts" NEEDS_CLANG) {
    CHECK(warnings_in(
              "service.cpp",
              "#include <memory>\n#include <string>\n#include <sys/socket.h>\n#include <vector>\n"
              "struct Step { virtual ~Step() = default; virtual void on(const std::string&) = 0; };\n"
              "struct Trail : Step { void on(const std::string& t) override { kept.push_back(t); }\n    std::vector<std::string> kept; };\n"
              "struct Server { Server() { steps.push_back(std::make_unique<Trail>()); }\n"
              "    void serve() { char b[9]; for (;;) if (recv(3, b, 9, 0) > 0) for (auto& step : steps) step->on(b); }\n"
              "    std::vector<std::unique_ptr<Step>> steps; };\nint main() { Server server; server.serve(); }\n") ==
          Subjects{"Trail::kept"});
}

TEST_CASE("a removal by one of several functions of a name counts in a template, too" NEEDS_CLANG) {
    const auto found = [](const std::string& last) {
        return warnings_in("service.cpp",
                           "#include <algorithm>\n#include <sys/socket.h>\n#include <vector>\n"
                           "template <class T> void drop(std::vector<T>& all, const typename std::vector<T>::iterator& it) { " +
                               last +
                               " }\ntemplate <class T> void drop(std::vector<T>& all, const T& value) {\n"
                               "    const auto it = std::find(all.begin(), all.end(), value);\n    if (it != all.end()) drop(all, it);\n}\n"
                               "std::vector<int> kept;\nint main() { char b[9]; for (;;) if (recv(3, b, 9, 0) > 0) {\n"
                               "    if (b[0] == 1) kept.push_back(b[1]); else drop(kept, int(b[1])); } }\n");
    };
    CHECK(found("*it = all.back(); all.pop_back();").empty());
    CHECK(found("*it = all.back();") == Subjects{"kept"});
}

TEST_CASE("a tree whose insertion calls itself grows, and a ring in a template does not" NEEDS_CLANG) {
    CHECK(warnings_in("service.c", c_service("struct tree { struct tree *left, *right; char name[32]; };\nstatic struct tree *root;\n"
                                             "static struct tree *add(struct tree *t, const char *name) {\n"
                                             "    if (!t) { t = calloc(1, sizeof *t); strncpy(t->name, name, 31); return t; }\n"
                                             "    if (strcmp(name, t->name) < 0) t->left = add(t->left, name);\n"
                                             "    else t->right = add(t->right, name);\n    return t;\n}\n",
                                             "root = add(root, text);")) == Subjects{"root"});
    CHECK(
        warnings_in(
            "service.cpp",
            "#include <string>\n#include <sys/socket.h>\n#include <vector>\n"
            "template <class T, unsigned N> struct Ring { void add(T x) { if (data.size() < N) data.push_back(x); else data[at++ % N] = x; }\n"
            "    std::vector<T> data;\n    unsigned at = 0; };\nRing<std::string, 9> last;\n"
            "int main() { char b[9]; for (;;) if (recv(3, b, 9, 0) > 0) last.add(b); }\n")
            .empty());
}

TEST_CASE("in a template methods of its parameters are known by their names, and free functions take" NEEDS_CLANG) {
    const std::string start =
        "#include <string>\n#include <sys/socket.h>\n#include <vector>\n"
        "template <class D> struct Base { void process(const std::string& t) { self().on_text(t); }\n    D& self() { return static_cast<D&>(*this); } };\n"
        "struct Trail : Base<Trail> { void on_text(const std::string& t) { kept.emplace_back(t); }\n    std::vector<std::string> kept; };\n";
    const std::string end =
        "template <class P> void pump(P& p) { char b[9]; for (;;) { if (recv(3, b, 9, 0) > 0) p.process(b); } }\n"
        "int main() { Trail trail; pump(trail); }\n";
    CHECK(warnings_in("service.cpp", start + end) == Subjects{"Trail::kept"});
    const auto slots = [](const std::string& then) {
        Project project;
        project.add("CMakeLists.txt", "set(CMAKE_CXX_STANDARD 20)\n");
        project.add(
            "service.cpp",
            "#include <functional>\n#include <sys/socket.h>\n#include <vector>\n"
            "template <class A> struct Signal {\n    int connect(std::function<void(A)> f) { slots.emplace_back(++last, f); return last; }\n"
            "    void disconnect(int id) { std::erase_if(slots, [id](const auto& s) { return s.first == id; }); }\n"
            "    int last = 0;\n    std::vector<std::pair<int, std::function<void(A)>>> slots;\n};\nSignal<int> bus;\n"
            "struct Client { Client() { id = bus.connect([](int) {}); }\n    ~Client() { " +
                then + " }\n    int id; };\nint main() { for (;;) { Client c; if (recv(3, nullptr, 0, 0) < 0) c.id = 0; } }\n");
        return warnings_of(project.audit());
    };
    CHECK(slots("") == Subjects{"Signal::slots"});
    CHECK(slots("bus.disconnect(id);").empty());
}

TEST_CASE("an object that puts itself into a registry is a new key where requests make it" NEEDS_CLANG) {
    const std::string start =
        "#include <memory>\n#include <set>\n#include <sys/socket.h>\nstruct Session;\n"
        "struct Room { void join(std::shared_ptr<Session> s) { members.insert(std::move(s)); }\n"
        "    void leave(const std::shared_ptr<Session>& s) { members.erase(s); }\n    std::set<std::shared_ptr<Session>> members; };\n"
        "struct Session : std::enable_shared_from_this<Session> { void start(Room& r) { r.join(shared_from_this()); ";
    const std::string end =
        " } };\nint main() { Room room; for (;;) if (accept(3, nullptr, nullptr) > 0) std::make_shared<Session>()->start(room); }\n";
    CHECK(warnings_in("service.cpp", start + end) == Subjects{"Room::members"});
    CHECK(warnings_in("service.cpp", start + "r.leave(shared_from_this());" + end).empty());
}

TEST_CASE("what grows only while a file is not open yet is a note" NEEDS_CLANG) {
    const std::string members = "#include <cstdio>\nstd::vector<std::string> kept; FILE* file;\n";
    CHECK(only(audit_of(members, "if (file) fputs(text.c_str(), file); else kept.push_back(text);")).level == Level::note);
    CHECK(only(audit_of(members, "if (file) kept.push_back(text);")).level == Level::warning);
}

TEST_CASE("a file that a child process opens before it ends is no finding" NEEDS_CLANG) {
    const auto found = [](const std::string& end) {
        const std::string code =
            "#include <stdio.h>\n#include <unistd.h>\nstatic void on_text(void) {\n    if (fork() == 0) {\n        FILE *f = fopen(\"x\", \"r\");\n"
            "        if (fgetc(f) == 3) _exit(1);\n        execl(\"/bin/true\", \"true\", (char *)0);\n";
        return warnings_in("service.c", c_service(code + end + "    }\n}", "on_text();"));
    };
    CHECK(found("_exit(1);") == Subjects{});
    CHECK(found("") == Subjects{"f"});
}

TEST_CASE("the lists of sys/queue.h are named by their head" NEEDS_CLANG) {
    const std::string tail =
        "struct conn { int fd; TAILQ_ENTRY(conn) entry; };\nstatic TAILQ_HEAD(, conn) conns = TAILQ_HEAD_INITIALIZER(conns);\n"
        "static void on_text(int fd) {\n    struct conn *c = calloc(1, sizeof *c);\n    c->fd = fd;\n    TAILQ_INSERT_TAIL(&conns, c, entry);\n";
    CHECK(warnings_in("service.c", c_service(tail + "}\n", "on_text(3);")) == Subjects{"conns"});
    CHECK(warnings_in("service.c", c_service(tail + "    TAILQ_REMOVE(&conns, c, entry);\n}\n", "on_text(3);")).empty());
    const std::string list =
        "struct seen { int id; LIST_ENTRY(seen) link; };\nLIST_HEAD(head, seen);\nstatic struct { struct head all[8]; } server;\n"
        "static void on_text(int id) {\n    struct seen *s = malloc(sizeof *s);\n    s->id = id;\n    LIST_INSERT_HEAD(&server.all[id % 8], s, link);\n";
    CHECK(warnings_in("service.c", c_service(list + "}\n", "on_text(3);")) == Subjects{"all"});
    CHECK(warnings_in("service.c", c_service(list + "    LIST_REMOVE(s, link);\n    free(s);\n}\n", "on_text(3);")).empty());
}

TEST_CASE("tables of uthash are known by its macros" NEEDS_CLANG) {
    const auto found = [](const std::string& then) {
        // As the macros of uthash do: the links have no type, and the handle comes from a header of the system.
        return warnings_in("service.c",
                           c_service("struct peer { char name[64]; struct peer *next; };\nstatic struct peer *peers;\n"
                                     "#define HASH_ADD_STR(head, field, add) do { void **at = (void **)&(head); *at = (add); } while (0)\n"
                                     "#define HASH_DEL(head, gone) do { void **at = (void **)&(head); *at = (gone)->next; } while (0)\n"
                                     "static void on_text(const char *text) {\n    struct peer *p = calloc(1, sizeof *p);\n"
                                     "    strcpy(p->name, text);\n    HASH_ADD_STR(peers, name, p);\n" +
                                         then + "}\n",
                                     "on_text(text);"));
    };
    CHECK(found("") == Subjects{"peers"});
    CHECK(found("HASH_DEL(peers, p);").empty());
}

TEST_CASE("nodes end with the object that they are a part of" NEEDS_CLANG) {
    const std::string code =
        "struct node { struct node *next; };\nstruct lease { int ip; struct node node; };\nstatic struct node leases;\n"
        "static void add(struct node *n) { n->next = leases.next; leases.next = n; }\n"
        "static void on_text(int ip) {\n    struct lease *l = malloc(sizeof *l);\n    l->ip = ip;\n    add(&l->node);\n}\n";
    CHECK(warnings_in("service.c", c_service(code, "on_text(3);")) == Subjects{"leases"});
    CHECK(warnings_in("service.c", c_service(code + "static void drop(struct lease *l) { leases = *leases.next; free(l); }\n",
                                             "{ on_text(3); drop((struct lease *)leases.next); }"))
              .empty());
}

TEST_CASE("types of a missing header that are pointers or numbers are taken for such" NEEDS_CLANG) {
    const Audit audit = audit_of_file(
        "service.c",
        "#include <missing/glib.h>\n#include <sys/socket.h>\ntypedef struct { int n; } App;\nstatic GList *kept;\n"
        "static gboolean on_text(gpointer data, gssize n) {\n    App *app = data;\n    if (n <= 0 || n > 1 + app->n) return FALSE;\n"
        "    kept = g_list_prepend(kept, g_strdup(\"x\"));\n    return TRUE;\n}\n"
        "int main(void) {\n    App app = {1};\n    for (;;) on_text(&app, recv(3, 0, 0, 0));\n}\n");
    REQUIRE(audit.failed.size() == 1);
    CHECK(audit.failed[0].guessed);
    REQUIRE(audit.findings.size() == 1);
    CHECK(audit.findings[0].subject == "kept");
}

TEST_CASE("a loop that walks over a list is no service's" NEEDS_CLANG) {
    const auto found = [](const std::string& head) {
        return warnings_in(
            "service.cpp",
            "#include <sys/socket.h>\n#include <vector>\nstruct Row { Row* next; int fd; };\nRow* rows;\nstd::vector<int> kept;\n"
            "void handle() { Row* r = rows;\n    " +
                head + " { recv(r->fd, nullptr, 0, 0); kept.push_back(1); }\n}\nint main() { handle(); }\n");
    };
    CHECK(found("for (r = rows; r; r = r->next)").empty());
    CHECK(found("for (;;)") == Subjects{"kept"});
}
