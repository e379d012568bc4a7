// Styles of services in Python: what keeps the state of a service in each of them, beside a bounded twin.
#include <doctest/doctest.h>

#include <string>

#include "project.hpp"

using namespace leakline;

TEST_CASE("in Python an object that is made while a global or a class attribute is not set is a singleton" NEEDS_PYTHON) {
    const std::string start =
        "class Recorder:\n    shared = None\n\n    def __init__(self):\n        self.events = []\n\n"
        "    def record(self, user):\n        self.events.append(user)\n\n";
    const std::string handler = "\n\n@app.route('/<user>')\ndef handle(user):\n    ";
    const auto of_class = [&](const std::string& made) {
        return warnings_in("app.py",
                           start + "    @classmethod\n    def get(cls):\n        if cls.shared is None:\n            cls.shared = " + made +
                               "\n        return cls.shared\n" + handler + "Recorder.get().record(user)\n");
    };
    CHECK(of_class("cls()") == Subjects{"Recorder.events"});
    CHECK(of_class("Recorder()") == Subjects{"Recorder.events"});
    const auto of_module = [&](const std::string& condition) {
        return warnings_in("app.py", start + "\n_one = None\n\n\ndef get():\n    global _one\n    " + condition +
                                         "\n        _one = Recorder()\n    return _one\n" + handler + "get().record(user)\n");
    };
    CHECK(of_module("if _one is None:") == Subjects{"Recorder.events"});
    CHECK(of_module("if True:").empty());
}

TEST_CASE("in Python an assignment to a key that adds to a dict is not listed as a removal from it" NEEDS_PYTHON) {
    Project project;
    project.add(
        "app.py",
        "class Index:\n    documents = {}\n\n    @classmethod\n    def add(cls, path):\n"
        "        cls.documents[path, len(cls.documents)] = [part for part in path]\n        if not path:\n            cls.documents.popitem()\n");
    const auto cause = project.audit(false, {{"Index.add", "app.py", 6}}).explained;
    REQUIRE(cause);
    CHECK(cause->growth.size() == 1);
    REQUIRE(cause->removals.size() == 1);
    CHECK(cause->removals[0].site.what == "popitem");
}

TEST_CASE("in Python a server without a name lasts as long as it serves" NEEDS_PYTHON) {
    const auto found = [](const std::string& call) {
        return warnings_in(
            "app.py",
            "from http.server import BaseHTTPRequestHandler, HTTPServer\n\n\nclass Server(HTTPServer):\n"
            "    def __init__(self, *given):\n        super().__init__(*given)\n        self.served = []\n\n\n"
            "class Handler(BaseHTTPRequestHandler):\n    def do_GET(self):\n        self.server.served.append(self.path)\n\n\n"
            "def main():\n    Server(('', 80), Handler)." +
                call + "\n\n\nmain()\n");
    };
    CHECK(found("serve_forever()") == Subjects{"Server.served"});
    CHECK(found("server_close()").empty());
}

TEST_CASE("in Python middleware lasts as long as the application, and __new__ runs for each call of its class" NEEDS_PYTHON) {
    const auto middleware = [](const std::string& parameter) {
        return warnings_in("app.py",
                           "class Audit:\n    def __init__(self, " + parameter + "):\n        self.inner = " + parameter +
                               "\n        self.paths = []\n\n    def __call__(self, request):\n        self.paths.append(request.path)\n");
    };
    CHECK(middleware("get_response") == Subjects{"Audit.paths"});
    CHECK(middleware("name").empty());
    CHECK(warnings_in("app.py",
                      "class Registry:\n    made = {}\n\n    def __new__(cls, user):\n        if user not in cls.made:\n"
                      "            cls.made[user] = super().__new__(cls)\n        return cls.made[user]\n\n\n"
                      "@app.route('/<user>')\ndef handle(user):\n    Registry(user)\n") == Subjects{"Registry.made"});
}

TEST_CASE("in Python a slice of itself and keys of an enumeration are bounds, and a name may say that there are many keys" NEEDS_PYTHON) {
    const auto found = [](const std::string& statement) {
        return warnings_in(
            "app.py",
            "from enum import Enum\n\nlast = []\nsettings_by_session = {}\ncolors = {}\n\n\nclass Color(Enum):\n    RED = 1\n\n\n"
            "@app.route('/<text>')\ndef handle(text):\n    global last\n    " +
                statement + "\n");
    };
    CHECK(found("last = last + [text]") == Subjects{"last"});
    CHECK(found("last = last[-9:] + [text]").empty());
    CHECK(found("colors[text] = 1") == Subjects{"colors"});
    CHECK(found("colors[Color(text)] = 1").empty());
    CHECK(found("settings_by_session[text] = 1") == Subjects{"settings_by_session"});
}

TEST_CASE("in Python heaps and sorted lists grow by functions, and the queue's get takes" NEEDS_PYTHON) {
    const auto found = [](const std::string& body) {
        return warnings_in("app.py",
                           "import heapq\nfrom bisect import insort\nkept = []\n\n\n@app.post('/')\ndef handle(request):\n" + body);
    };
    CHECK(found("    heapq.heappush(kept, request.at)\n") == Subjects{"kept"});
    CHECK(found("    insort(kept, request.at)\n") == Subjects{"kept"});
    CHECK(found("    heapq.heappush(kept, request.at)\n    heapq.heappop(kept)\n").empty());
}

TEST_CASE("in Python a thread's loop over a queue is a service's, and takes what the queue was given" NEEDS_PYTHON) {
    CHECK(warnings_in("worker.py",
                      "import queue, threading\njobs = queue.Queue()\nresults = {}\n\n\nclass Worker(threading.Thread):\n"
                      "    def __init__(self, jobs):\n        super().__init__()\n        self.jobs = jobs\n        self.done = []\n\n"
                      "    def run(self):\n        while True:\n            key = self.jobs.get()\n            results[key] = 1\n"
                      "            self.done.append(key)\n\n\ndef main():\n    Worker(jobs).start()\n    while True:\n"
                      "        jobs.put(s.accept())\n\n\nmain()\n") == Subjects{"results", "Worker.done"});
}

TEST_CASE("in Python a loop that counts what runs is no service's" NEEDS_PYTHON) {
    const auto found = [](const std::string& condition) {
        return warnings_in("app.py", "import time\nkept = []\n\n\ndef main():\n    while " + condition +
                                         ":\n        time.sleep(1)\n        kept.append(time.time())\n\n\nmain()\n");
    };
    CHECK(found("not stopped") == Subjects{"kept"});
    CHECK(found("len(self.running)").empty());
}

TEST_CASE("in Python annotations and factories say what attributes hold" NEEDS_PYTHON) {
    CHECK(
        warnings_in(
            "app.py",
            "import asyncio\nfrom dataclasses import dataclass, field\n\n\n@dataclass\nclass Stats:\n    lines: list = field(default_factory=list)\n\n\n"
            "@dataclass\nclass Hub:\n    stats: Stats = field(default_factory=Stats)\n\n\nclass Client:\n    def __init__(self, hub: Hub, reader):\n"
            "        self.hub = hub\n        self.reader = reader\n\n    async def run(self):\n        while data := await self.reader.readline():\n"
            "            self.hub.stats.lines.append(data)\n\n\nasync def main():\n    hub = Hub()\n\n    async def on_client(reader, writer):\n"
            "        await Client(hub, reader).run()\n\n    server = await asyncio.start_server(on_client, '', 1)\n    await server.serve_forever()\n\n\n"
            "asyncio.run(main())\n") == Subjects{"Stats.lines"});
}

TEST_CASE("in Python an object whose method is registered lasts, and so does the application's state" NEEDS_PYTHON) {
    const auto found = [](const std::string& then) {
        return warnings_in(
            "app.py",
            "from aiohttp import web\n\n\nclass Chat:\n    def __init__(self):\n        self.lines = []\n\n    async def join(self, request):\n"
            "        self.lines.append(request.path)\n\n\nasync def upload(request):\n    request.app['uploads'][request.path] = 1\n" +
                then +
                "\n\ndef make_app():\n    app = web.Application()\n    app['uploads'] = {}\n    chat = Chat()\n"
                "    app.router.add_get('/chat', chat.join)\n    app.add_routes([web.post('/upload', upload)])\n    return app\n");
    };
    CHECK(found("") == Subjects{"Chat.lines", "app[\"uploads\"]"});
    CHECK(found("    request.app['uploads'].pop(request.path)\n") == Subjects{"Chat.lines"});
}

TEST_CASE("in Python what a decorator's wrapper keeps is kept, for the arguments of the function" NEEDS_PYTHON) {
    const auto found = [](const std::string& before) {
        return warnings_in(
            "app.py",
            "import functools\n\n\ndef memoize(function):\n    cache = {}\n\n    def wrapper(*args):\n        if args not in cache:\n" +
                before +
                "            cache[args] = function(*args)\n        return cache[args]\n\n    return wrapper\n\n\n"
                "@memoize\ndef lookup(name):\n    return name\n\n\n@functools.cache  # of all pages\ndef render(name):\n    return name\n\n\n"
                "@app.route('/<name>')\ndef show(name):\n    return lookup(name)\n");
    };
    CHECK(found("") == Subjects{"cache"});
    CHECK(found("            if len(cache) > 9:\n                cache.clear()\n").empty());
}

TEST_CASE("in Python a class that counts its objects keeps them" NEEDS_PYTHON) {
    const auto found = [](const std::string& made) {
        return warnings_in("app.py",
                           "import weakref\n\n\nclass Job:\n    all = " + made +
                               "\n\n    def __init__(self, name):\n        Job.all.add(self)\n\n\n@app.post('/')\ndef handle(request):\n"
                               "    Job(request.path)\n");
    };
    CHECK(found("set()") == Subjects{"Job.all"});
    CHECK(found("weakref.WeakSet()").empty());
}

TEST_CASE("in Python an attribute of a library's object is not taken for a method of the same name" NEEDS_PYTHON) {
    CHECK(
        warnings_in(
            "app.py",
            "import feedparser\n\n\nclass Decoder:\n    def __init__(self):\n        self.chunks = []\n\n    def feed(self, chunk):\n"
            "        self.chunks.append(chunk)\n\n\n@app.post('/')\ndef handle(request):\n    page.data = feedparser.parse(request.path).feed\n"
            "    Decoder().feed(request.path)\n")
            .empty());
}

TEST_CASE("in Python what finally removes is removed on every path" NEEDS_PYTHON) {
    const auto found = [](const std::string& last) {
        return warnings_in("app.py",
                           "open_calls = {}\n\n\n@app.post('/')\ndef handle(request):\n    try:\n        open_calls[request.id] = 1\n"
                           "        if not request.body:\n            raise ValueError()\n        work(request)\n" +
                               last);
    };
    CHECK(found("        del open_calls[request.id]\n    except KeyError:\n        pass\n") == Subjects{"open_calls"});
    CHECK(found("    finally:\n        del open_calls[request.id]\n").empty());
}

TEST_CASE("in Python a class that sets an attribute of its base sets the same one" NEEDS_PYTHON) {
    const auto found = [](const std::string& then) {
        Project project;
        project.add(
            "base.py",
            "class Server:\n    def __init__(self):\n        self.totals = {}\n\n    def count_one(self, key):\n        self.totals[key] = 1\n");
        project.add(
            "app.py",
            "from base import Server\n\n\nclass Worker(Server):\n    def beat(self):\n        " + then +
                "\n\n\nworker = Worker()\n\n\n@app.post('/')\ndef handle(request):\n    worker.count_one(request.path)\n    worker.beat()\n");
        return warnings_of(project.audit());
    };
    CHECK(found("pass") == Subjects{"Server.totals"});
    CHECK(found("self.totals = {}").empty());
}

TEST_CASE("in Python elements that are no containers do not grow" NEEDS_PYTHON) {
    const auto found = [](const std::string& made) {
        return warnings_in("app.py", "from collections import defaultdict, deque\nfrom crick import Digest\n\nkept = " + made +
                                         "\n\n\n@app.post('/')\ndef handle(request):\n    kept['all'].append(request.path)\n");
    };
    CHECK(found("defaultdict(list)") == Subjects{"kept"});
    CHECK(found("defaultdict(Digest)").empty());
    CHECK(found("{'all': deque(maxlen=9)}").empty());
    CHECK(found("defaultdict(lambda: deque(maxlen=9))").empty());
}

TEST_CASE("in Python a handler that is registered for a while keeps nothing" NEEDS_PYTHON) {
    const auto found = [](const std::string& then) {
        return warnings_in(
            "app.py",
            "@app.post('/')\ndef handle(request):\n    return 1\n\n\nclass Capture:\n    def __init__(self):\n        self.lines = []\n\n    def got_line(self, line):\n        self.lines.append(line)\n\n"
            "    def __enter__(self):\n        publisher.addObserver(self.got_line)\n\n    def __exit__(self, *error):\n        " +
                then + "\n");
    };
    CHECK(found("pass") == Subjects{"Capture.lines"});
    CHECK(found("publisher.removeObserver(self.got_line)").empty());
    CHECK(found("publisher.off(self.got_line)").empty());
    CHECK(found("publisher.offer(self.got_line)") == Subjects{"Capture.lines"});
}

TEST_CASE("in Python update() of what is not seen to come from requests is a note, and del() removes" NEEDS_PYTHON) {
    const auto found = [](const std::string& body) {
        return warnings_in("app.py", "import settings\n\nkept = {}\n\n\n@app.post('/')\ndef handle(request):\n" + body);
    };
    CHECK(found("    kept.update(request.json)\n") == Subjects{"kept"});
    CHECK(found("    kept.update(settings.all)\n").empty());
    CHECK(found("    kept[request.path] = 1\n    del(kept[request.path])\n").empty());
}

TEST_CASE("in Python commands of a terminal are no handlers" NEEDS_PYTHON) {
    const auto found = [](const std::string& import) {
        return warnings_in("app.py", "import " + import + "\n\nkept = []\n\n\n@main.command('x')\ndef run(name):\n    kept.append(name)\n");
    };
    CHECK(found("click").empty());
    CHECK(found("discord") == Subjects{"kept"});
}

TEST_CASE("in Python a key that is there already, and a text that is split again, do not grow" NEEDS_PYTHON) {
    const auto found = [](const std::string& made, const std::string& body) {
        return warnings_in("app.py", "kept = " + made + "\n\n\n@app.route('/<key>')\ndef handle(key):\n    global kept\n" + body);
    };
    CHECK(found("{}", "    if key not in kept:\n        kept[key] = 1\n") == Subjects{"kept"});
    CHECK(found("{}", "    if key in kept and not kept[key]:\n        kept[key] = 1\n").empty());
    CHECK(found("''", "    kept += key\n    line = kept.split(':')\n") == Subjects{"kept"});
    CHECK(found("''", "    kept += key\n    line, kept = kept.split(':', 1)\n").empty());
}

TEST_CASE("in Python a loop that awaits forever removes" NEEDS_PYTHON) {
    const auto found = [](const std::string& loop) {
        return warnings_in(
            "app.py",
            "kept = {}\n\n\n@app.route('/<key>')\ndef handle(key):\n    kept[key] = 1\n\n\ndef expire():\n    kept.clear()\n\n\n"
            "async def clean(timer):\n    " +
                loop + "        await timer.next()\n        expire()\n\n\nasyncio.run(clean(timer))\n");
    };
    CHECK(found("while True:\n").empty());
    CHECK(found("if timer:\n") == Subjects{"kept"});
}

TEST_CASE("in Python a function with a syntax error that names the container makes its finding a note" NEEDS_PYTHON) {
    const auto found = [](const std::string& other) {
        return warnings_in("app.py", "kept = {}\n\n\n@app.route('/<key>')\ndef handle(key):\n    kept[key] = 1\n\n\ndef drop(key):\n    " +
                                         other + "\n    x = = 1\n");
    };
    CHECK(found("del kept[key]").empty());
    CHECK(found("del other[key]") == Subjects{"kept"});
}

TEST_CASE("a key that is many calls away from the handler is a note" NEEDS_PYTHON) {
    const auto found = [](int calls) {
        std::string text = "kept = {}\n\n\n@app.route('/<user>')\ndef handle(user):\n    f0(user)\n";
        for (int i = 0; i < calls; ++i) text += "\n\ndef f" + std::to_string(i) + "(user):\n    f" + std::to_string(i + 1) + "(user)\n";
        return warnings_in("app.py", text + "\n\ndef f" + std::to_string(calls) + "(user):\n    kept[user] = 1\n");
    };
    CHECK(found(1) == Subjects{"kept"});
    CHECK(found(5).empty());
}

TEST_CASE("in Python a key that is calls away from the handler needs a name of something that has many values" NEEDS_PYTHON) {
    const auto found = [](const std::string& key) {
        return warnings_in("app.py", "kept = {}\n\n\n@app.route('/<" + key + ">')\ndef handle(" + key + "):\n    work(" + key +
                                         ")\n\n\ndef work(" + key + "):\n    keep(" + key + ")\n\n\ndef keep(" + key + "):\n    kept[" +
                                         key + "] = 1\n");
    };
    CHECK(found("session_id") == Subjects{"kept"});
    CHECK(found("quality").empty());
    CHECK(found("camera_id").empty());
}

TEST_CASE("in Python the keys of a callback that is registered are a note, unless they are new each time" NEEDS_PYTHON) {
    const auto found = [](const std::string& key) {
        return warnings_in(
            "app.py",
            "import uuid\n\nkept = {}\n\n\n@app.route('/')\ndef handle(request):\n    return 1\n\n\ndef on_found(info):\n    kept[" + key +
                "] = 1\n\n\nscanner.add_listener(on_found)\n");
    };
    CHECK(found("info.user_id").empty());
    CHECK(found("uuid.uuid4()") == Subjects{"kept"});
}

TEST_CASE("in Python a callback for one result does not make its object last" NEEDS_PYTHON) {
    const auto found = [](const std::string& word) {
        return warnings_in("app.py",
                           "class Results:\n    def __init__(self):\n        self.lines = []\n\n    def got_line(self, line):\n"
                           "        self.lines.append(line)\n\n\n@app.route('/')\ndef handle(request):\n    return 1\n\n\n"
                           "def check(node):\n    results = Results()\n    node.start()." +
                               word + "(results.got_line)\n");
    };
    CHECK(found("addCallback").empty());
    CHECK(found("addObserver") == Subjects{"Results.lines"});
}

TEST_CASE("in Python a list that an item is appended to once, and a deque with a length, are bounded like a set" NEEDS_PYTHON) {
    const auto found = [](const std::string& made, const std::string& condition) {
        return warnings_in("app.py", "from collections import deque\n\nkept = " + made +
                                         "\n\n\n@app.route('/')\ndef handle(request):\n    level = request.path[0]\n    " + condition +
                                         "kept.append(level)\n");
    };
    CHECK(found("[]", "") == Subjects{"kept"});
    CHECK(found("[]", "if level not in kept:\n        ").empty());
    CHECK(found("[]", "if level in kept:\n        return\n    ").empty());
    CHECK(found("deque([], 9)", "").empty());
    CHECK(found("deque([])", "") == Subjects{"kept"});
}

TEST_CASE("in Python a queue that is handed to code that is not seen is a note" NEEDS_PYTHON) {
    const auto found = [](const std::string& start) {
        return warnings_in("app.py", "import queue\nfrom pool import Worker\n\njobs = queue.Queue()\n" + start +
                                         "\n\n\n@app.route('/')\ndef handle(request):\n    jobs.put(request.path)\n");
    };
    CHECK(found("Worker()") == Subjects{"jobs"});
    CHECK(found("Worker(jobs)").empty());
    CHECK(found("Worker(args=(jobs,))").empty());
}

TEST_CASE("in Python a member of another class or library is not taken for a method of the same name" NEEDS_PYTHON) {
    const auto found = [](const std::string& call) {
        return warnings_in(
            "app.py",
            "import enum\nimport requests\n\n\nclass Kind(enum.Enum):\n    keep_line = 1\n\n\nclass Log:\n    def __init__(self):\n"
            "        self.lines = []\n\n    def keep_line(self, line):\n        self.lines.append(line)\n\n\nlog = Log()\n\n\n"
            "@app.route('/')\ndef handle(request):\n    " +
                call + "\n");
    };
    CHECK(found("log.keep_line(request.path)") == Subjects{"Log.lines"});
    CHECK(found("requests.keep_line(request.path)").empty());
    CHECK(found("reply.add_callback(Kind.keep_line)").empty());
    CHECK(found("reply.add_callback(log.keep_line)") == Subjects{"Log.lines"});
}

TEST_CASE("in Python a loop that only sleeps until something ends is no service's" NEEDS_PYTHON) {
    const auto found = [](const std::string& more) {
        return warnings_in(
            "app.py",
            "import time\n\n\nclass Part:\n    def __init__(self):\n        self.lines = []\n\n    def unload(self):\n"
            "        while self.running:\n            time.sleep(1)\n" +
                more + "\n\n@app.route('/')\ndef handle(request):\n    return 1\n\n\ndef main():\n    Part().unload()\n\n\nmain()\n");
    };
    CHECK(found("        self.lines.append(1)\n").empty());
    CHECK(found("            self.lines.append(1)\n") == Subjects{"Part.lines"});
}

TEST_CASE("in Python what a module's functions are given is not what they return" NEEDS_PYTHON) {
    const auto found = [](const std::string& key) {
        return warnings_in(
            "app.py", "import os\nimport zones\n\nkept = {}\n\n\n@app.route('/<path>')\ndef handle(path):\n    os.stat(path)\n    name = " +
                          key + "\n    kept[name] = 1\n");
    };
    CHECK(found("os.getpid()").empty());
    CHECK(found("os.stat(path)") == Subjects{"kept"});
}

TEST_CASE("in Python a number that is counted is a new key, a text that is made longer is not" NEEDS_PYTHON) {
    const auto found = [](const std::string& step) {
        return warnings_in("app.py", "kept = {}\nlast = make()\n\n\n@app.route('/')\ndef handle(request):\n    global last\n    last += " +
                                         step + "\n    kept[last] = 1\n");
    };
    CHECK(found("1") == Subjects{"kept"});
    CHECK(found("suffix").empty());
}

TEST_CASE("in Python a loop over pages of an answer, and one that runs the service again, are no service's" NEEDS_PYTHON) {
    const auto found = [](const std::string& loop) {
        return warnings_in("app.py",
                           "import asyncio\n\nkept = []\n\n\n@app.route('/')\ndef handle(request):\n    return 1\n\n\nasync def main():\n" +
                               loop + "\n\nasyncio.run(main())\n");
    };
    const std::string append = "        kept.append(page)\n";
    CHECK(found("    while True:\n        page = await client.pages()\n" + append) == Subjects{"kept"});
    CHECK(found("    while True:\n        page = await client.pages()\n" + append + "        if not page:\n            break\n").empty());
    CHECK(found("    while True:\n        page = await client.sleep()\n" + append + "        if not page:\n            break\n") ==
          Subjects{"kept"});
    CHECK(found("    while True:\n        page = loop.run_until_complete(serve())\n        await done()\n" + append).empty());
}

TEST_CASE("in Python log records, update() without a value, and a parameter that is set anew are no growth" NEEDS_PYTHON) {
    CHECK(warnings_in("app.py",
                      "import logging\n\n\nclass Lines(logging.StreamHandler):\n    lines = []\n\n    def emit(self, record):\n"
                      "        self.lines.append(record)\n\n\n@app.route('/')\ndef handle(request):\n    return 1\n")
              .empty());
    const auto found = [](const std::string& statement) {
        return warnings_in(
            "app.py",
            "parts = {}\nkept = []\n\n\ndef run(line):\n    " + statement +
                "\n\n\n@app.route('/')\ndef handle(request):\n    parts['all'] = Part()\n    parts['all'].update()\n    run(kept)\n");
    };
    CHECK(found("line = ['sudo'] + line").empty());
    CHECK(found("line.append('sudo')") == Subjects{"kept"});
}

TEST_CASE("in Python an element that an early return leaves behind is a note where its key is of what is installed" NEEDS_PYTHON) {
    const auto found = [](const std::string& key) {
        return warnings_in("app.py", "kept = set()\n\n\n@app.route('/')\ndef handle(request):\n    " + key +
                                         " = request.path\n    kept.add(" + key +
                                         ")\n    if not request.body:\n        return\n    kept.discard(" + key + ")\n");
    };
    CHECK(found("page") == Subjects{"kept"});
    CHECK(found("device").empty());
}

TEST_CASE("in Python an object that gives its method to another object's constructor may end with it" NEEDS_PYTHON) {
    const auto found = [](const std::string& start) {
        return warnings_in(
            "app.py", "from logs import LineObserver\n\n\nclass Step:\n    def __init__(self, log):\n        self.lines = []\n        " +
                          start +
                          "\n\n    def got_line(self, line):\n        self.lines.append(line)\n\n\n@app.route('/')\ndef handle(request):\n"
                          "    return 1\n");
    };
    CHECK(found("self.observer = LineObserver(self.got_line)").empty());
    CHECK(found("log.add_observer(self.got_line)") == Subjects{"Step.lines"});
}

TEST_CASE("in Python helpers, constructors and functions within others are no handlers by a parameter's name" NEEDS_PYTHON) {
    const auto found = [](const std::string& head) {
        return warnings_in("app.py",
                           "kept = []\n\n\n@app.route('/')\ndef handle(name):\n    return 1\n\n\n" + head + "kept.append(request)\n");
    };
    CHECK(found("def show(request):\n    ") == Subjects{"kept"});
    CHECK(found("def _show(request):\n    ").empty());
    CHECK(found("class Show:\n    def render(self, request):\n        ") == Subjects{"kept"});
    CHECK(found("class Show:\n    def __init__(self, request):\n        ").empty());
    CHECK(found("def use():\n    def show(request):\n        ").empty());
}

TEST_CASE("in Python what a model's field is made with is of each object" NEEDS_PYTHON) {
    const auto found = [](const std::string& type) {
        return warnings_in("app.py", "from models import Base\n\n\nclass User(Base):\n    groups" + type +
                                         " = []\n\n    def add_group(self, name):\n        self.groups.append(name)\n\n\n"
                                         "@app.route('/<name>')\ndef handle(name):\n    User().add_group(name)\n");
    };
    CHECK(found("") == Subjects{"User.groups"});
    CHECK(found(": ClassVar[list]") == Subjects{"User.groups"});
    CHECK(found(": list").empty());
}

TEST_CASE("in Python what a loop polls has the same keys each time, and what is many calls away is a note" NEEDS_PYTHON) {
    const auto found = [](const std::string& statement) {
        return warnings_in(
            "app.py",
            "import time\n\nkept = {}\nlines = []\n\n\ndef main():\n    while True:\n        time.sleep(1)\n        prices = s.recv(9)\n        " +
                statement + "\n\n\nmain()\n");
    };
    CHECK(found("kept[prices] = 1") == Subjects{"kept"});
    CHECK(found("kept.update(prices)").empty());
    const auto far = [](int calls) {
        std::string text = "lines = []\n\n\n@app.route('/<user>')\ndef handle(user):\n    f0(user)\n";
        for (int i = 0; i < calls; ++i) text += "\n\ndef f" + std::to_string(i) + "(user):\n    f" + std::to_string(i + 1) + "(user)\n";
        return warnings_in("app.py", text + "\n\ndef f" + std::to_string(calls) + "(user):\n    lines.append(user)\n");
    };
    CHECK(far(3) == Subjects{"lines"});
    CHECK(far(4).empty());
}

TEST_CASE("in Python results that are kept by what is installed are a note" NEEDS_PYTHON) {
    const auto found = [](const std::string& name) {
        return warnings_in("app.py", "import functools\n\n\n@functools.cache\ndef parse(" + name + "):\n    return 1\n\n\n@app.route('/<" +
                                         name + ">')\ndef handle(" + name + "):\n    return parse(" + name + ")\n");
    };
    CHECK(found("text") == Subjects{"parse"});
    CHECK(found("service").empty());
}

TEST_CASE("in Python what is left of an element replaces it, and a task that is added runs once" NEEDS_PYTHON) {
    const auto found = [](const std::string& value, const std::string& word) {
        return warnings_in(
            "app.py",
            "from collections import defaultdict\n\nkept = defaultdict(list)\nlines = []\n\n\ndef run(name):\n    lines.append(name)\n\n\n"
            "def plan():\n    jobs." +
                word + "(run)\n\n\n@app.route('/<user>')\ndef handle(user):\n    kept['all'].append(user)\n    kept['all'] = " + value +
                "\n");
    };
    CHECK(found("[n for n in rest if n]", "add_task") == Subjects{});
    CHECK(found("None", "add_task") == Subjects{"kept"});
    CHECK(found("[n for n in rest if n]", "add_listener") == Subjects{"lines"});
}

TEST_CASE("in Python an element with a constant for its key that an early return leaves behind is a note" NEEDS_PYTHON) {
    const auto found = [](const std::string& key) {
        return warnings_in("app.py", "kept = set()\n\n\n@app.route('/<user>')\ndef handle(user):\n    kept.add(" + key +
                                         ")\n    if not user:\n        return\n    kept.discard(" + key + ")\n");
    };
    CHECK(found("user") == Subjects{"kept"});
    CHECK(found("Mode.BUSY.value").empty());
}

TEST_CASE("in Python a removal whose name nothing else says is never called" NEEDS_PYTHON) {
    const auto audit = [](const std::string& bases, const std::string& made, const std::string& more) {
        return audit_of_file("app.py", made + "class Users" + bases +
                                           ":\n    known = {}\n\n    @classmethod\n    def see(cls, user):\n        cls.known[user] = 1\n\n"
                                           "    @classmethod\n    def forget(cls, user):\n        cls.known.pop(user, None)\n\n\n"
                                           "@app.route('/<user>')\ndef handle(user):\n    Users.see(user)\n" +
                                           more);
    };
    const std::string made = "from flask import Flask\n\nimport library\n\napp = Flask(__name__)\n\n\n";
    const Audit found = audit("", made, "");
    CHECK(only(found).level == AuditFinding::Level::warning);
    CHECK(only(found).rule == AuditFinding::Rule::removal_never_runs);
    CHECK(audit("", made, "    Users.forget(user)\n").findings.empty());
    CHECK(audit("", made, "    library.later('app.Users.forget', user)\n").findings.empty());
    CHECK(audit("", made, "    getattr(Users, request.path)(user)\n").findings.empty());
    CHECK(audit("", made, "    getattr(Users, 'for_' + user)(user)\n").findings.size() == 1);
    CHECK(audit("", made, "\n\ndef forget_all():\n    for_all = 'forget'\n    return for_all\n").findings.empty());
    CHECK(audit("", made, "    globals()[request.path](user)\n").findings.empty());
    // A library may call it on an object that it is given.
    CHECK(audit("", made, "\n\nlibrary.register_instance(Users())\n").findings.empty());
    CHECK(audit("", made, "\n\nusers = Users()\nlibrary.Server(users)\n").findings.empty());
    CHECK(audit("", made, "\n\nusers = Users()\nprint(users)\n").findings.size() == 1);
    // A base that is not read may call it, and so may a program that uses this code as a library.
    CHECK(audit("(library.Store)", made, "").findings.empty());
    CHECK(audit("(Store)", made, "").findings.empty());
    CHECK(audit("", "import library\n\napp = library.app\n\n\n", "").findings.empty());
    // A task that takes from a queue.
    const auto queue = [](const std::string& start) {
        return warnings_in(
            "app.py",
            "import asyncio\n\njobs = asyncio.Queue()\n\n\nasync def work():\n    while True:\n        print(await jobs.get())\n\n\n"
            "async def handle(reader, writer):\n    await jobs.put(await reader.readline())\n\n\n"
            "async def main():\n    server = await asyncio.start_server(handle, 'localhost', 0)\n" +
                start + "    await server.serve_forever()\n\n\nasyncio.run(main())\n");
    };
    CHECK(queue("") == Subjects{"jobs"});
    CHECK(queue("    asyncio.create_task(work())\n").empty());
}

TEST_CASE("in Python what partial binds, a property returns and an object that wraps a function is given is followed" NEEDS_PYTHON) {
    const auto bound = [](const std::string& then) {
        return warnings_in(
            "app.py",
            "import asyncio\nimport functools\n\n\nasync def handle(history, reader, writer):\n"
            "    history.append(await reader.readline())\n" +
                then +
                "\n\nasync def main():\n    kept = []\n    server = await asyncio.start_server(functools.partial(handle, kept), "
                "'localhost', 0)\n    await server.serve_forever()\n\n\nasyncio.run(main())\n");
    };
    CHECK(bound("") == Subjects{"kept"});
    CHECK(bound("    history.clear()\n").empty());
    const auto property = [](const std::string& then) {
        return warnings_in("app.py",
                           "class Recorder:\n    def __init__(self):\n        self._items = []\n\n    @property\n    def items(self):\n"
                           "        return self._items\n\n\nrecorder = Recorder()\n\n\n@app.post('/')\ndef handle(request):\n"
                           "    recorder.items.append(request.body)\n" +
                               then);
    };
    CHECK(property("") == Subjects{"Recorder._items"});
    CHECK(property("    recorder.items.pop(0)\n").empty());
    // What a function is given reaches the object that stands for it.
    const Audit wrapped = audit_of_file(
        "app.py",
        "class Memo:\n    def __init__(self, function):\n        self.function = function\n        self.results = {}\n\n"
        "    def __call__(self, path):\n        if path not in self.results:\n            self.results[path] = self.function(path)\n"
        "        return self.results[path]\n\n\n"
        "@Memo\ndef look_up(key):\n    return key[::-1]\n\n\n@app.get('/<key>')\ndef handle(key):\n    return look_up(key)\n");
    CHECK(only(wrapped).doubts == std::vector<std::string>{"no object of its class is seen to live as long as the process"});
    const auto sum = [](const std::string& first, const std::string& end) {
        return warnings_in(
            "app.py", "events = " + first +
                          "\n\n\n@app.post('/')\ndef handle(request):\n    global events\n    events = (events + (request.path,))" + end +
                          "\n");
    };
    CHECK(sum("()", "") == Subjects{"events"});
    CHECK(sum("()", "[-9:]").empty());
}
