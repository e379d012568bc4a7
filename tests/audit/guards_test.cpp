// Which conditions bound a container, and which look alike: those of its elements, and searches.
#include <doctest/doctest.h>

#include <string>

#include "project.hpp"

using namespace leakline;

namespace {

// A handler of Python with the key `user`, and the globals `cache` and `items`.
Subjects python_handler(const std::string& body) {
    return warnings_in(
        "app.py",
        "cache = {}\nitems = []\nMISSING = object()\n\n\n@app.route('/<user>')\ndef handle(user):\n" + body +
            "\n\n\ndef find(user):\n    return cache.get(user)\n\n\ndef add(user):\n    x = cache[user] = make()\n    return x\n");
}

// A service of C that calls handle(text), with a table of lists and an array.
Subjects c_handler(const std::string& statement) {
    return warnings_in(
        "service.c",
        "#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n"
        "struct node { char name[64]; int hits; struct node *next; };\nstatic struct node *table[64];\n"
        "struct item { char name[64]; int hits; };\nstatic struct item *items;\nstatic int count, room;\n"
        "static struct node *find(const char *k) { struct node *p; for (p = table[k[0] & 63]; p; p = p->next) if (!strcmp(p->name, k)) "
        "return p; return NULL; }\n"
        "static struct node *insert(const char *k) { struct node *p = calloc(1, sizeof *p); strcpy(p->name, k);\n"
        "    p->next = table[k[0] & 63]; table[k[0] & 63] = p; return p; }\n"
        "static int find_item(const char *k) { int i; for (i = 0; i < count; i++) if (!strcmp(items[i].name, k)) return i; return -1; }\n"
        "static void grow(const char *k) { if (count == room) { room = room * 2 + 8; items = realloc(items, room * sizeof *items); }\n"
        "    strcpy(items[count].name, k); items[count].hits = 0; count++; }\n"
        "static void handle(const char *k) {\n" +
            statement + "\n}\nint main(void) {\n    char text[64];\n    for (;;) if (recv(3, text, 63, 0) > 0) handle(text);\n}\n");
}

}  // namespace

TEST_CASE("in Python that an element is missing, empty or old does not bound its container" NEEDS_PYTHON) {
    const std::string bound = "    if len(cache) > 100:\n        cache.clear()\n";
    for (const char* body : {
             "    x = cache.get(user)\n    if x is None:\n        x = cache[user] = make()\n    return x\n",
             "    x = cache.get(user)\n    if not x:\n        x = make()\n        cache[user] = x\n    return x\n",
             "    x = cache.get(user)\n    if x is not None:\n        return x\n    cache[user] = make()\n",
             "    x = cache.get(user)\n    if x:\n        return x\n    cache[user] = make()\n",
             "    x = cache.get(user)\n    if x is not None:\n        x.hits = 1\n    else:\n        cache[user] = make()\n",
             "    try:\n        return cache[user]\n    except KeyError:\n        cache[user] = make()\n",
             "    if user in cache:\n        return cache[user]\n    x = cache[user] = make()\n    return x\n",
             "    if user not in cache:\n        cache[user] = make()\n    return cache[user]\n",
             "    if (x := cache.get(user)) is None:\n        x = cache[user] = make()\n    return x\n",
             "    if x := cache.get(user):\n        return x\n    cache[user] = make()\n",
             "    if cache.get(user) is None:\n        cache[user] = make()\n",
             "    return cache.setdefault(user, make())\n",
             "    x = find(user)\n    if x is None:\n        x = add(user)\n    return x\n",
             "    x = cache.get(user, MISSING)\n    if x is MISSING:\n        cache[user] = make()\n",
             "    x = cache[user] if user in cache else None\n    if x is None:\n        cache[user] = make()\n",
             "    x = cache.get(user)\n    if x and x.until > now():\n        return x\n    cache[user] = make()\n",
             "    n = cache.get(user, 0)\n    if n < 5:\n        cache[user] = n + 1\n",
             "    x = cache.get(user, [])\n    if len(x) > 10:\n        return x\n    cache[user] = x + [1]\n",
         }) {
        CAPTURE(body);
        CHECK(python_handler(body) == Subjects{"cache"});
        CHECK(python_handler(bound + body).empty());
    }
}

TEST_CASE(
    "in Python what is filled only while it is empty grows in the other branch, and views are as long as their container" NEEDS_PYTHON) {
    CHECK(python_handler("    if not items:\n        items.append(user)\n").empty());
    CHECK(python_handler("    if items:\n        pass\n    else:\n        items.append(user)\n").empty());
    CHECK(python_handler("    if not items:\n        start()\n    else:\n        items.append(user)\n") == Subjects{"items"});
    CHECK(python_handler("    if len(cache.keys()) < 100:\n        cache[user] = 1\n").empty());
    CHECK(python_handler("    if len(list(cache.values())) < 100:\n        cache[user] = 1\n").empty());
    CHECK(python_handler("    cache.setdefault(1, []).append(user)\n") == Subjects{"cache"});
    CHECK(python_handler("    for lines in cache.values():\n        lines.clear()\n    cache.setdefault(1, []).append(user)\n").empty());
}

TEST_CASE("that an element is missing or empty does not bound its container" NEEDS_CLANG) {
    const std::string members =
        "struct Thing { std::string name; int hits = 0; };\nstatic std::map<std::string, int> kept;\nstatic std::map<std::string, Thing*> things;\n"
        "static std::map<std::string, std::vector<int>> lists;\nstatic std::vector<Thing> all;\n";
    const std::string bound =
        "if (kept.size() + things.size() + lists.size() + all.size() > 100) { kept.clear(); things.clear(); lists.clear(); all.clear(); }\n";
    const std::pair<const char*, const char*> cases[] = {
        {"auto it = kept.find(text); if (it == kept.end()) kept.emplace(text, 1);", "kept"},
        {"if (auto it = kept.find(text); it != kept.end()) return; kept[text] = 1;", "kept"},
        {"if (!kept.count(text)) kept.emplace(text, 1);", "kept"},
        {"if (kept.count(text) > 0) return; kept[text] = 1;", "kept"},
        {"Thing*& slot = things[text]; if (!slot) slot = new Thing;", "things"},
        {"auto& list = lists[text]; if (list.empty()) list.push_back(1);", "lists"},
        {"auto& list = lists[text]; if (list.size() > 9) return; list.push_back(1);", "lists"},
        {"for (auto& thing : all) if (thing.name == text) return; all.push_back(Thing{text});", "all"},
        {"std::size_t i = 0; while (i < all.size() && all[i].name != text) ++i; if (i == all.size()) all.push_back(Thing{text});", "all"},
    };
    for (const auto& [body, subject] : cases) {
        CAPTURE(body);
        CHECK(warnings_of(audit_of(members, body)) == Subjects{subject});
        CHECK(warnings_of(audit_of(members, bound + body)).empty());
    }
    // Up to an index is a bound, and so is a limit of the index.
    CHECK(warnings_of(audit_of(members, "for (std::size_t i = 0; i < 9; ++i) if (i >= all.size()) all.push_back(Thing{text});")).empty());
}

TEST_CASE("in C a search that finds nothing does not bound what it searched" NEEDS_CLANG) {
    for (const char* body : {"if (!find(k)) insert(k);", "struct node *p = find(k); if (p == NULL) p = insert(k); p->hits++;"}) {
        CAPTURE(body);
        CHECK(c_handler(body) == Subjects{"table"});
    }
    for (const char* body :
         {"if (find_item(k) < 0) grow(k);",
          "int i; for (i = 0; i < count; i++) if (!strcmp(items[i].name, k)) break;\nif (i == count) grow(k);",
          "int i; for (i = 0; i < count; i++) if (!strcmp(items[i].name, k)) break;\nif (i < count) return;\ngrow(k);"}) {
        CAPTURE(body);
        CHECK(c_handler(body) == Subjects{"items"});
        CHECK(c_handler("if (count >= 100) return;\n" + std::string(body)).empty());
    }
}

TEST_CASE("a method that overrides another is given the arguments of calls through the base class" NEEDS_CLANG) {
    const auto found = [](const std::string& then) {
        return warnings_of(audit_of(
            "struct Store { virtual ~Store() = default; virtual void open(const std::string& id) = 0; virtual std::vector<std::string>& log() = 0; };\n"
            "class Memory : public Store {\n    std::map<std::string, int> sessions_;\n    std::vector<std::string> log_;\n"
            "    void open(const std::string& id) override { sessions_[id] = 1; " +
                then + " }\n    std::vector<std::string>& log() override { return log_; }\n};\nstatic Memory memory;\n",
            "Store& store = memory;\nstore.open(text.substr(1));\nstore.log().push_back(text);"));
    };
    CHECK(found("") == Subjects{"Memory::sessions_", "Memory::log_"});
    CHECK(found("if (sessions_.size() > 9) { sessions_.clear(); log_.clear(); }").empty());
}

TEST_CASE("in Python a condition of elif bounds as one of if does" NEEDS_PYTHON) {
    CHECK(python_handler("    if user:\n        cache.get(user)\n    elif len(items) < 100:\n        items.append(user)\n").empty());
    CHECK(python_handler("    if user:\n        cache.get(user)\n    elif user:\n        items.append(user)\n") == Subjects{"items"});
    // A value that is added once is a key: it needs to come from requests.
    const auto once = [](const std::string& condition) {
        return warnings_in(
            "app.py",
            "import time\nnames = []\n\n\ndef main():\n    while True:\n        time.sleep(1)\n        for name in read_names():\n"
            "            if not name:\n                pass\n            elif " +
                condition + ":\n                names.append(name)\n\n\nmain()\n");
    };
    CHECK(once("name not in names").empty());
    CHECK(once("name") == Subjects{"names"});
}

TEST_CASE("in Python what a thread's loop fills that ends with its input is a note" NEEDS_PYTHON) {
    const auto found = [](const std::string& end) {
        return warnings_in("copy.py",
                           "import queue, threading\nrows = queue.Queue()\n\n\ndef copy():\n    written = []\n\n    def write():\n"
                           "        while True:\n            row = rows.get()\n" +
                               end +
                               "            written.append(row)\n\n    threading.Thread(target=write).start()\n\n\n"
                               "def main():\n    copy()\n\n\nmain()\n");
    };
    CHECK(found("") == Subjects{"written"});
    CHECK(found("            if row is None:\n                break\n").empty());
}
