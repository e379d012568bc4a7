// The names that Python's containers, frameworks and libraries go by: tables, no logic. Pure, safe from any thread.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "audit/internal/python_module.hpp"

namespace leakline::audit {

using PythonWords = std::set<std::string_view>;
inline const PythonWords kGrows = {"append",     "extend", "add",        "insert", "update", "setdefault", "appendleft",
                                   "extendleft", "put",    "put_nowait", "push",   "write",  "writelines"};
inline const PythonWords kShrinks = {
    "pop",      "popitem", "popleft", "remove", "discard", "clear", "get_nowait", "difference_update", "intersection_update",
    "truncate", "subtract"};
inline const PythonWords kWaits = {"sleep",         "accept",     "recv",        "recvfrom",       "recv_into",   "input",
                                   "serve_forever", "recv_json",  "recv_string", "recv_multipart", "get_message", "epoll",
                                   "receive",       "recv_pyobj", "blpop",       "brpop",          "xread",       "handle_request"};
inline const PythonWords kServices = {"serve_forever", "run_app",        "run_forever",     "start_server",        "run_polling",
                                      "start_polling", "accept",         "listen",          "run_until_complete",  "start_consuming",
                                      "add_url_rule",  "include_router", "HTTPServer",      "ThreadingHTTPServer", "WSGIServer",
                                      "make_server",   "listen_tcp",     "infinity_polling"};
// Results that are new each time: received, random, the time.
inline const PythonWords kInputs = {"read",          "get_json", "json",        "loads",     "uuid1",       "uuid4",         "token_hex",
                                    "token_urlsafe", "id",       "time",        "monotonic", "now",         "utcnow",        "random",
                                    "randint",       "count",    "readexactly", "readuntil", "create_task", "ensure_future", "Thread",
                                    "Event",         "Future",   "Lock",        "object",    "perf_counter"};
inline const PythonWords kRequestNames = {"request", "req", "message", "msg", "payload", "packet", "event", "environ"};
inline const PythonWords kAtOnce = {"map",     "filter", "sorted", "sort",    "min",        "max",     "reduce", "any",  "all",
                                    "starmap", "sub",    "apply",  "groupby", "accumulate", "partial", "wraps",  "retry"};

// Whether a function or attribute of this name keeps what it is given to call it for requests, messages or timers.
inline bool is_registering(std::string_view word) {
    if (word == "add_command" || word == "add_argument") return false;
    static constexpr std::string_view parts[] = {"add_",  "oute",  "ubscribe", "andler", "allback", "onsume", "chedule", "imer",
                                                 "call_", "ubmit", "isten",    "bind",   "onnect",  "ook",    "bserve",  "ndpoint",
                                                 "otify", "task",  "every",    "serve",  "erver"};  // without the first letter: of any case
    return word.starts_with("on") ||
           std::any_of(std::begin(parts), std::end(parts), [&](std::string_view part) { return word.find(part) != word.npos; });
}

// Waits for requests or time, by the object that waits: "reader.readline", "stop.wait", "selector.select". Files and child
// processes have an end.
inline bool waits_on(PythonNode function) {
    static const std::map<std::string_view, std::vector<std::string_view>> objects = {
        {"readline", {"reader.", "sock", "conn", "rfile."}},
        {"wait", {"event", "stop", "cond", "exit", "quit", "shutdown", "wake", "ready", "trigger", "finish", "signal", "asyncio"}},
        {"poll", {"poll", "zmq", "sock", "consumer"}},
        {"select", {"select.", "selector"}}};
    const std::string_view text = function.text(), word = last_part(text);
    const auto known = objects.find(word);
    const std::string_view object = text.substr(0, text.size() - word.size());
    return known != objects.end() &&
           std::any_of(known->second.begin(), known->second.end(), [&](std::string_view part) { return object.find(part) != object.npos; });
}

inline std::vector<std::string> handle_words(std::string_view function) {
    static const std::map<std::string_view, std::vector<std::string>> table = {{"open", {"open", "close"}},
                                                                               {"io.open", {"open", "close"}},
                                                                               {"codecs.open", {"open", "close"}},
                                                                               {"gzip.open", {"open", "close"}},
                                                                               {"socket.socket", {"socket", "close"}},
                                                                               {"socket.create_connection", {"create_connection", "close"}},
                                                                               {"sqlite3.connect", {"connect", "close"}},
                                                                               {"psycopg2.connect", {"connect", "close"}},
                                                                               {"pymysql.connect", {"connect", "close"}},
                                                                               {"MySQLdb.connect", {"connect", "close"}},
                                                                               {"os.open", {"open", "close"}},
                                                                               {"urllib.request.urlopen", {"urlopen", "close"}},
                                                                               {"urlopen", {"urlopen", "close"}},
                                                                               {"os.fdopen", {"fdopen", "close"}}};
    const auto found = table.find(function);
    return found == table.end() ? std::vector<std::string>{} : found->second;
}

}  // namespace leakline::audit
